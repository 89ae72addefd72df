// DistPaths: the files of the build that a text names, in whatever way: imports, types, `load('engine/...')`, joined
// paths, commands; and those of them that no source file becomes.

/** `dist/` and a path, or the paths that are loaded from a build of one's choice. */
const NAMED = [
  /(?:#|\.\/|\.\.\/|\b)dist\/([\w./-]+\.(?:d\.ts|js))\b/g,
  /\bload\(\s*'((?:engine|pipeline|freeze|cache|cli)\/[\w./-]+\.js)'/g,
];
/** Packages have folders of that name too. */
const FOREIGN = /node_modules\/|onnxruntime-node\/dist|tfjs-core\/dist/;

/**
 * Paths inside dist/, as they are named; one name may come several times.
 * @param {string} text
 * @returns {string[]}
 */
export function pathsIntoDist(text) {
  const own = text
    .split('\n')
    .filter((line) => !FOREIGN.test(line))
    .join('\n');
  return NAMED.flatMap((pattern) => [...own.matchAll(pattern)].map(([, path]) => path ?? ''));
}

/**
 * The source that becomes a file of the build; types/ has the declarations once more, for users of the package.
 * @param {string} path Inside dist/.
 */
const sourceOf = (path) =>
  path.startsWith('vendor/')
    ? `scripts/${path.replace(/\.(d\.ts|js)$/, '.mjs')}`
    : path.replace(/^types\//, '').replace(/\.(d\.ts|js)$/, '.ts');

/**
 * Sentences with the file, the path and the source that is missing.
 * @param {readonly { file: string, path: string }[]} named
 * @param {(path: string) => boolean} exists Whether a path from the root does.
 * @returns {string[]}
 */
export const missingSources = (named, exists) =>
  named
    .filter(({ path }) => !exists(sourceOf(path)))
    .map(({ file, path }) => `${file}: dist/${path} has no source ${sourceOf(path)}`);
