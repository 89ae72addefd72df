// ControlGroups: the limits that Linux sets to this process by its control groups, of version 2 and of version 1: a
// quota of processor time, the cores it may be on, memory. The group that a process is in and all groups around it
// count. Where there are none, or no Linux, there is no limit.
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** Stands for all controllers of version 2, which have one hierarchy together. */
const UNIFIED = 'unified';

/** The tightest of all groups; Infinity where nothing is limited. */
export interface GroupLimits {
  /** Processors' worth of time, e.g. 1.5. */
  readonly quota: number;
  /** Number of cores it may be on. */
  readonly cpuset: number;
  /** Bytes. */
  readonly memory: number;
  /** Bytes that may still be taken; what is kept of files that nobody has used for long can be had back. */
  readonly freeMemory: number;
}

interface Group {
  readonly version: 1 | 2;
  readonly controllers: readonly string[];
  /** The group itself, then those around it. */
  readonly folders: readonly string[];
}

/** `root` is where proc/ and sys/ lie. */
export function groupLimits(root = '/'): GroupLimits {
  const groups = groupsOf(root);
  const over = (controller: string, read: (folder: string, version: 1 | 2) => number): number =>
    Math.min(
      Infinity,
      ...groups
        .filter(({ controllers }) => controllers.includes(controller) || controllers.includes(UNIFIED))
        .flatMap(({ version, folders }) => folders.map((folder) => read(folder, version))),
    );
  return {
    quota: over('cpu', quotaOf),
    cpuset: over('cpuset', coresOf),
    memory: over('memory', memoryOf),
    freeMemory: over('memory', (folder, version) => Math.max(0, memoryOf(folder, version) - usedOf(folder, version))),
  };
}

/** The groups that this process is in: one of each hierarchy that is mounted. */
function groupsOf(root: string): Group[] {
  const paths = linesOf(join(root, 'proc/self/cgroup')).map((line) => {
    const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    return { controllers: controllers === '' ? [UNIFIED] : controllers.split(','), path };
  });
  return mountsIn(root).flatMap(({ top, mount, version, controllers }) =>
    paths
      .filter((own) => own.controllers.some((name) => controllers.includes(name)))
      .map((own) => ({ version, controllers: own.controllers, folders: foldersOf(mount, below(own.path, top)) })),
  );
}

interface Mount {
  /** The group that is seen at the mount. */
  readonly top: string;
  readonly mount: string;
  readonly version: 1 | 2;
  readonly controllers: readonly string[];
}

function mountsIn(root: string): Mount[] {
  return linesOf(join(root, 'proc/self/mountinfo')).flatMap((line) => {
    const [isFound, top = '', mount = '', type = '', options = ''] =
      /^\S+ \S+ \S+ (\S+) (\S+) .*? - (cgroup2?) \S+ (\S+)/.exec(line) ?? [];
    if (isFound === undefined) return [];
    const isUnified = type === 'cgroup2';
    const controllers = isUnified ? [UNIFIED] : options.split(',');
    return [{ top, mount: join(root, mount), version: isUnified ? 2 : 1, controllers }];
  });
}

/** A path as seen from the mount, whose top is itself a group; a group outside of it is seen as the top. */
function below(path: string, top: string): string {
  const inside = top === '/' ? path : path === top || path.startsWith(`${top}/`) ? path.slice(top.length) : '/';
  return inside.startsWith('/..') ? '/' : inside;
}

function foldersOf(mount: string, path: string): string[] {
  const folders: string[] = [];
  for (let inside = posix.join('/', path); ; inside = posix.dirname(inside)) {
    folders.push(join(mount, inside));
    if (inside === '/') return folders;
  }
}

/** Version 2 has `max 100000` or `150000 100000` in one file. */
function quotaOf(folder: string, version: 1 | 2): number {
  const read = (name: string): string => textOf(join(folder, name)) ?? '';
  const [quota = '', period = ''] =
    version === 2 ? read('cpu.max').split(' ') : [read('cpu.cfs_quota_us'), read('cpu.cfs_period_us')];
  const processors = Number(quota) / Number(period);
  return processors > 0 ? processors : Infinity;
}

/** Of a list such as `0-3,8`; an empty one means the cores of the group around it. */
function coresOf(folder: string, version: 1 | 2): number {
  const list = textOf(join(folder, version === 2 ? 'cpuset.cpus.effective' : 'cpuset.effective_cpus')) ?? '';
  const ranges = list.matchAll(/(\d+)(?:-(\d+))?/g);
  const cores = [...ranges].reduce((sum, [, first, last = first]) => sum + Number(last) - Number(first) + 1, 0);
  return cores > 0 ? cores : Infinity;
}

/** Above `memory.high` the kernel slows a group down until nothing moves. */
const memoryOf = (folder: string, version: 1 | 2): number =>
  Math.min(
    ...(version === 2 ? ['memory.max', 'memory.high'] : ['memory.limit_in_bytes']).map(
      (name) => bytesIn(join(folder, name)) ?? Infinity,
    ),
  );

function usedOf(folder: string, version: 1 | 2): number {
  const stat = textOf(join(folder, 'memory.stat')) ?? '';
  const [, idle = 0] = /^total_inactive_file (\d+)/m.exec(stat) ?? /^inactive_file (\d+)/m.exec(stat) ?? [];
  return (bytesIn(join(folder, version === 2 ? 'memory.current' : 'memory.usage_in_bytes')) ?? 0) - Number(idle);
}

/** Null for `max`, as for what is not there. */
function bytesIn(file: string): number | null {
  const bytes = Number(textOf(file) ?? NaN);
  return Number.isFinite(bytes) ? bytes : null;
}

/** Null where the file is not there; a kernel may lack a controller. */
function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return null;
  }
}

const linesOf = (file: string): string[] => (textOf(file) ?? '').split('\n');
