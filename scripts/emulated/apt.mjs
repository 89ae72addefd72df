// Apt: packages of Debian, fetched by the system's own client from the mirror that it is set up for, with lists of its
// own: nothing is installed, and nothing of the system's state changes.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SOURCES = '/etc/apt/sources.list';
const SOURCES_FOLDER = '/etc/apt/sources.list.d';
const KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg';

export class Apt {
  #options;

  /**
   * @param {string} folder for its lists and what it fetches
   * @param {string} mirror
   * @param {readonly string[]} sources lines of a sources.list, with MIRROR in place of the mirror
   */
  constructor(folder, mirror, sources) {
    const list = join(folder, 'sources.list');
    for (const needed of ['lists/partial', 'cache/archives/partial'])
      mkdirSync(join(folder, needed), { recursive: true });
    const signed = existsSync(KEYS) ? `[signed-by=${KEYS}] ` : '';
    writeFileSync(list, sources.map((line) => `${line.replace('MIRROR', signed + mirror)}\n`).join(''));
    this.#options = [
      `Dir::Etc::sourcelist=${list}`,
      'Dir::Etc::sourceparts=-',
      `Dir::State::lists=${join(folder, 'lists')}`,
      `Dir::Cache=${join(folder, 'cache')}`,
      'APT::Sandbox::User=',
      'Acquire::Languages=none',
    ].flatMap((option) => ['-o', option]);
  }

  update() {
    this.#call('apt-get', ['update', '-qq']);
  }

  /**
   * What a package is made of, in words of its control file.
   * @param {string} name
   */
  describe(name) {
    return this.#call('apt-cache', ['show', '--no-all-versions', name]);
  }

  /**
   * Fetches a package into a folder, and returns its path.
   * @param {string} name
   * @param {string} folder
   */
  fetch(name, folder) {
    return this.#into(folder, ['download', name]);
  }

  /**
   * Fetches the sources of a package as their authors published them, and returns the path of the archive.
   * @param {string} nameAndVersion
   * @param {string} folder
   */
  fetchSource(nameAndVersion, folder) {
    return this.#into(folder, ['source', '--download-only', '--tar-only', nameAndVersion]);
  }

  /**
   * @param {string} folder
   * @param {readonly string[]} args
   */
  #into(folder, args) {
    mkdirSync(folder, { recursive: true });
    const before = new Set(readdirSync(folder));
    this.#call('apt-get', ['-qq', ...args], folder);
    const fetched = readdirSync(folder).find((name) => !before.has(name));
    if (fetched === undefined) throw new Error(`apt-get ${args.join(' ')} fetched nothing`);
    return join(folder, fetched);
  }

  /**
   * @param {string} command
   * @param {readonly string[]} args
   * @param {string} [cwd]
   */
  #call(command, args, cwd) {
    return execFileSync(command, [...this.#options, ...args], {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }
}

/** Where this system fetches Debian from; null where it does not. */
export function debianMirror() {
  const files = existsSync(SOURCES_FOLDER) ? readdirSync(SOURCES_FOLDER).map((name) => join(SOURCES_FOLDER, name)) : [];
  const texts = [SOURCES, ...files].filter((path) => existsSync(path)).map((path) => readFileSync(path, 'utf8'));
  return /^(?!#).*?\b(https?:\/\/\S+\/debian)\/?(?:\s|$)/m.exec(texts.join('\n'))?.[1] ?? null;
}
