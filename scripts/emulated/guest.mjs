// Guest: what lies in the file system of an emulated machine: its first process, this Node.js with the libraries that
// it needs, and below /project what is to be run there.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Initramfs } from './initramfs.mjs';

/** Of packages in node_modules, what is not needed to run them on this platform. */
const UNNEEDED = /\/(koffi\/vendor|koffi\/doc|musl_x64)$|\.(d\.[cm]?ts|map|md)$/;
const NATIVE_PACKAGES = ['koffi', '@koromix'];

/**
 * A file system with Node.js, `package.json` and the packages with native parts.
 * @param {string} init the first process, linked statically
 * @param {readonly string[]} command that it runs: Node.js with these arguments, in /project
 * @returns {Initramfs}
 */
export function guestWithNode(init, command) {
  const files = new Initramfs();
  files.file('/init', readFileSync(init), 0o755);
  files.file('/command', ['/bin/node', ...command].map((argument) => `${argument}\0`).join(''));
  files.file('/bin/node', readFileSync(process.execPath), 0o755);
  addLibraries(files, process.execPath);
  files.file('/project/package.json', readFileSync('package.json'));
  for (const name of NATIVE_PACKAGES)
    addFolder(files, join('node_modules', name), `/project/node_modules/${name}`, (path) => !UNNEEDED.test(path));
  return files;
}

/**
 * A folder with everything in it.
 * @param {Initramfs} files
 * @param {string} from
 * @param {string} to absolute, in the guest
 * @param {(path: string) => boolean} [isWanted] of a path below `from`
 */
export function addFolder(files, from, to, isWanted = () => true) {
  for (const name of readdirSync(from)) {
    const path = join(from, name);
    if (!isWanted(path)) continue;
    const { mode } = statSync(path);
    if (statSync(path).isDirectory()) addFolder(files, path, join(to, name), isWanted);
    else files.file(join(to, name), readFileSync(path), mode & 0o777);
  }
}

/**
 * The libraries that a program is linked with, at the paths where it looks for them.
 * @param {Initramfs} files
 * @param {string} program
 */
function addLibraries(files, program) {
  const linked = execFileSync('ldd', [program], { encoding: 'utf8' });
  for (const [, path = ''] of linked.matchAll(/(?:=>\s*|^\s*)(\/\S+) \(0x/gm))
    files.file(path, readFileSync(path), 0o755);
}
