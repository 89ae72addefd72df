// Emulator: Bochs, built from Debian's source package with what is mended in bochs.patch, a kernel and a first process
// for it. Made once, and kept in the user's cache until one of them changes.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Apt, debianMirror } from './apt.mjs';

const BOCHS = 'bochs=3.0+dfsg-1';
/** Bochs 3.0 came with Debian 13; the kernel of Debian 12 is packed in a way that is read in a few lines. */
const SOURCES = ['deb-src MIRROR trixie main', 'deb MIRROR bookworm main'];
const KERNEL = 'linux-image-cloud-amd64';
const CONFIGURE = [
  ...['--enable-x86-64', '--enable-cpu-level=6', '--enable-avx', '--enable-evex', '--enable-amx'],
  ...['--enable-all-optimizations', '--with-nogui', '--without-x', '--disable-docbook', '--disable-show-ips'],
];
const TOOLS = ['apt-get', 'apt-cache', 'dpkg-deb', 'tar', 'xz', 'patch', 'make', 'gcc', 'g++', 'ldd'];

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * @typedef {object} Emulator paths of its parts
 * @property {string} bochs
 * @property {string} kernel
 * @property {string} init
 */

/** Why there can be no emulator here; null where there can. */
export function missingForEmulator() {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `it runs on Linux on x64, this is ${process.platform} on ${process.arch}`;
  const path = (process.env.PATH ?? '').split(':');
  const lacks = TOOLS.filter((tool) => !path.some((folder) => existsSync(join(folder, tool))));
  if (lacks.length > 0) return `it is made with ${lacks.join(', ')}, which this system lacks`;
  return debianMirror() === null ? 'it is made of packages of Debian, and apt is set up for another system' : null;
}

/**
 * The emulator in the cache; made where it is not there yet, which takes minutes.
 * @param {number} jobs of the compiler at a time
 * @param {(what: string) => void} tell
 * @returns {Emulator}
 */
export function makeEmulator(jobs, tell) {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pipetrain', 'emulator');
  const recipe = createHash('sha256').update(JSON.stringify([BOCHS, SOURCES, KERNEL, CONFIGURE]));
  for (const name of ['bochs.patch', 'init.c']) recipe.update(readFileSync(here(name)));
  const folder = join(cache, recipe.digest('hex').slice(0, 16));
  const emulator = { bochs: join(folder, 'bochs'), kernel: join(folder, 'vmlinuz'), init: join(folder, 'init') };
  if (existsSync(folder)) return emulator;

  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'making-'));
  const made = join(work, 'made');
  const forget = () => rmSync(work, { recursive: true, force: true });
  process.on('exit', forget);
  mkdirSync(made);
  const apt = new Apt(join(work, 'apt'), debianMirror() ?? '', SOURCES);
  tell(`fetching ${BOCHS} (sources) and ${KERNEL} with apt-get`);
  apt.update();
  fetchKernel(apt, work, join(made, 'vmlinuz'));
  tell(`building Bochs with ${jobs} ${jobs === 1 ? 'job' : 'jobs'}: about three minutes of processor time, once`);
  buildBochs(apt, work, jobs, join(made, 'bochs'));
  call('gcc', ['-O2', '-static', '-o', join(made, 'init'), here('init.c')], work);
  if (!existsSync(folder)) renameSync(made, folder);
  forget();
  process.removeListener('exit', forget);
  return emulator;
}

/**
 * @param {Apt} apt
 * @param {string} work
 * @param {string} to
 */
function fetchKernel(apt, work, to) {
  const name = /^Depends:\s*(linux-image-\S+)/m.exec(apt.describe(KERNEL))?.[1];
  if (name === undefined) throw new Error(`${KERNEL} names no kernel`);
  const unpacked = join(work, 'kernel');
  call('dpkg-deb', ['-x', apt.fetch(name, join(work, 'fetched')), unpacked], work);
  const image = readdirSync(join(unpacked, 'boot')).find((file) => file.startsWith('vmlinuz-'));
  if (image === undefined) throw new Error(`${name} brings no kernel`);
  copyFileSync(join(unpacked, 'boot', image), to);
}

/**
 * @param {Apt} apt
 * @param {string} work
 * @param {number} jobs
 * @param {string} to
 */
function buildBochs(apt, work, jobs, to) {
  const sources = join(work, 'bochs');
  mkdirSync(sources);
  call('tar', ['-xf', apt.fetchSource(BOCHS, join(work, 'fetched')), '--strip-components=1'], sources);
  call('patch', ['-p1', '--input', here('bochs.patch')], sources);
  call('./configure', CONFIGURE, sources);
  call('nice', ['make', `-j${jobs}`, 'bochs'], sources);
  copyFileSync(join(sources, 'bochs'), to);
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} cwd
 */
function call(command, args, cwd) {
  try {
    const env = { ...process.env, CFLAGS: '-O2', CXXFLAGS: '-O2' };
    execFileSync(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).slice(-4000) : '';
    throw new Error(`${command} failed:\n${said}`, { cause: error });
  }
}
