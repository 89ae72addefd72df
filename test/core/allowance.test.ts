// What a process may use of a machine, from files as Linux has them in containers of every kind.
import { describe, expect, it } from 'vitest';
import { allowance, allowanceOn, type Host } from '../../engine/core/allowance.js';
import { groupLimits } from '../../engine/core/control-groups.js';
import { scratchWith } from '../scratch.js';

const GiB = 2 ** 30;
const HOST: Host = { cores: 64, affinity: 64, memory: 256 * GiB, freeMemory: 200 * GiB };
const NONE = { quota: Infinity, cpuset: Infinity, memory: Infinity, freeMemory: Infinity };

const mounted = (top: string, mount: string, type: string, options: string): string =>
  `31 23 0:28 ${top} ${mount} rw,relatime shared:4 - ${type} ${type} ${options}`;
const UNIFIED = mounted('/', '/sys/fs/cgroup', 'cgroup2', 'rw,nsdelegate');

/** A machine with version 2, the process in `path`. */
const unified = (path: string, files: Readonly<Record<string, string>>): string =>
  scratchWith({
    'proc/self/cgroup': `0::${path}\n`,
    'proc/self/mountinfo': `22 1 8:1 / / rw - ext4 /dev/sda rw\n${UNIFIED}\n`,
    ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`sys/fs/cgroup/${name}`, `${text}\n`])),
  });

/** A machine with version 1, the process in `path`, which a container sees at the mounts themselves. */
const perController = (path: string, top: string, files: Readonly<Record<string, string>>): string =>
  scratchWith({
    'proc/self/cgroup': `9:name=systemd:/\n4:memory:${path}\n3:cpuset:${path}\n2:cpu,cpuacct:${path}\n0::/\n`,
    'proc/self/mountinfo': [
      mounted(top, '/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct'),
      mounted(top, '/sys/fs/cgroup/memory', 'cgroup', 'rw,memory'),
      mounted(top, '/sys/fs/cgroup/cpuset', 'cgroup', 'rw,cpuset'),
      mounted('/', '/sys/fs/cgroup/unified', 'cgroup2', 'rw'),
    ].join('\n'),
    ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`sys/fs/cgroup/${name}`, `${text}\n`])),
  });

describe('control groups of version 2', () => {
  it('limit a container that sees its group as the root', () => {
    const root = unified('/', {
      'cpu.max': '200000 100000',
      'cpuset.cpus.effective': '0-5,8',
      'memory.max': String(4 * GiB),
      'memory.current': String(3 * GiB),
      'memory.stat': `anon 1\ninactive_file ${GiB}\nactive_file 7`,
    });
    expect(groupLimits(root)).toEqual({ quota: 2, cpuset: 7, memory: 4 * GiB, freeMemory: 2 * GiB });
  });

  it('limit by the tightest group around the process', () => {
    const root = unified('/kubepods/pod1/c1', {
      'kubepods/cpu.max': 'max 100000',
      'kubepods/pod1/cpu.max': '150000 50000',
      'kubepods/pod1/c1/cpu.max': '500000 100000',
      'kubepods/memory.max': String(16 * GiB),
      'kubepods/memory.current': String(15 * GiB),
      'kubepods/pod1/memory.max': 'max',
      'kubepods/pod1/c1/memory.max': String(8 * GiB),
      'kubepods/pod1/c1/memory.current': String(2 * GiB),
    });
    expect(groupLimits(root)).toEqual({ ...NONE, quota: 3, memory: 8 * GiB, freeMemory: GiB });
  });

  it('limit by memory.high where it is lower than memory.max', () => {
    expect(groupLimits(unified('/a', { 'a/memory.max': '9000', 'a/memory.high': '7000' })).memory).toBe(7000);
  });

  it('limit nothing where they say max, or nothing', () => {
    expect(groupLimits(unified('/', { 'cpu.max': 'max 100000', 'memory.max': 'max', 'cpuset.cpus': '' }))).toEqual(
      NONE,
    );
    expect(groupLimits(scratchWith({}))).toEqual(NONE);
  });
});

describe('control groups of version 1', () => {
  const files = {
    'cpu,cpuacct/cpu.cfs_quota_us': '250000',
    'cpu,cpuacct/cpu.cfs_period_us': '100000',
    'cpuset/cpuset.effective_cpus': '2-3',
    'memory/memory.limit_in_bytes': String(2 * GiB),
    'memory/memory.usage_in_bytes': String(GiB),
    'memory/memory.stat': `inactive_file 1\ntotal_inactive_file ${GiB / 2}`,
  };
  const limits = { quota: 2.5, cpuset: 2, memory: 2 * GiB, freeMemory: 1.5 * GiB };

  it('limit a container whose mounts show its own group', () => {
    expect(groupLimits(perController('/docker/abc', '/docker/abc', files))).toEqual(limits);
    // The namespace of groups is the host's, and what is mounted is another's.
    expect(groupLimits(perController('/../other', '/docker/abc', files))).toEqual(limits);
  });

  it('limit a process on the host by the groups around it', () => {
    const inner = Object.fromEntries(Object.entries(files).map(([name, text]) => [name.replace('/', '/batch/'), text]));
    expect(groupLimits(perController('/batch/job', '/', inner))).toEqual(limits);
  });

  it('limit nothing where the quota is -1 and the limit beyond all memory', () => {
    const root = perController('/', '/', {
      'cpu,cpuacct/cpu.cfs_quota_us': '-1',
      'cpu,cpuacct/cpu.cfs_period_us': '100000',
      'memory/memory.limit_in_bytes': '9223372036854771712',
    });
    const { cores, coresBy, memory, isMemoryLimited, freeMemory } = allowanceOn(HOST, groupLimits(root));
    expect([cores, coresBy, memory, isMemoryLimited]).toEqual([64, null, 256 * GiB, false]);
    expect(freeMemory).toBe(200 * GiB);
  });
});

describe('an allowance', () => {
  it.each([
    ['all there is', HOST, NONE, 64, null],
    ['a quota', HOST, { ...NONE, quota: 2 }, 2, 'quota'],
    ['whole cores of a quota', HOST, { ...NONE, quota: 2.9 }, 2, 'quota'],
    ['one core of a part of one', HOST, { ...NONE, quota: 0.5 }, 1, 'quota'],
    ['the mask', { ...HOST, affinity: 3 }, NONE, 3, 'affinity'],
    ['the set of cores of the group', HOST, { ...NONE, cpuset: 4 }, 4, 'affinity'],
    ['the mask, where the quota is wider', { ...HOST, affinity: 3 }, { ...NONE, quota: 8 }, 3, 'affinity'],
    ['the quota, where the mask is wider', { ...HOST, affinity: 8 }, { ...NONE, quota: 3 }, 3, 'quota'],
    ['what may be used of a host that hides the rest', { ...HOST, cores: 2 }, NONE, 64, null],
  ] as const)('of cores is %s', (_, host, limits, cores, coresBy) => {
    expect(allowanceOn(host, limits)).toMatchObject({ cores, coresBy, hostCores: 64 });
  });

  it('of memory is what the group may have, and of that what is free', () => {
    expect(allowanceOn(HOST, { ...NONE, memory: 4 * GiB, freeMemory: GiB })).toMatchObject({
      memory: 4 * GiB,
      hostMemory: 256 * GiB,
      isMemoryLimited: true,
      freeMemory: GiB,
    });
    expect(allowanceOn({ ...HOST, freeMemory: GiB }, { ...NONE, memory: 4 * GiB, freeMemory: 3 * GiB })).toMatchObject({
      freeMemory: GiB,
    });
  });

  it('of this process is no more than this machine has', () => {
    const { cores, hostCores, memory, hostMemory, freeMemory } = allowance();
    expect(cores).toBeGreaterThanOrEqual(1);
    expect(cores).toBeLessThanOrEqual(hostCores);
    expect(memory).toBeLessThanOrEqual(hostMemory);
    expect(freeMemory).toBeGreaterThan(0);
  });
});
