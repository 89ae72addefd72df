// CpuFeatures: whether this processor and system can run the kernels, how wide its vectors are, and which instructions
// multiply bfloat16. What is missing is said in words, for people.
import { readFileSync } from 'node:fs';
import { messageOf } from '../../core/errors.js';
import { ExecutableMemory } from './executable-memory.js';
import { refusedTiles } from './tile-leave.js';

const FOR_KERNELS = ['avx512f', 'avx512dq', 'avx512bw', 'avx512vl', 'fma', 'bmi2'];
const FOR_PAIRS = ['avx512_bf16'];
const FOR_TILES = ['amx_tile', 'amx_bf16', ...FOR_PAIRS];
const FOR_LOOPS = ['avx2', 'fma'];

/** float32 in a vector. */
export type Lanes = 8 | 16;

/**
 * How products of bfloat16 are computed: tiles of AMX, pairs of AVX512-BF16, or widened to float32 in registers. Each
 * adds in an order of its own, so their bits differ.
 */
export type HalfWay = 'tiles' | 'pairs' | 'widened';

const readCpuInfo = (): string => readFileSync('/proc/cpuinfo', 'utf8');

/** Why kernels cannot run here; null where they can. */
export const missingForKernels = (cpuInfo = readCpuInfo): string | null => missing(FOR_KERNELS, cpuInfo);

/**
 * How wide the vectors of loops over elements may be, which have the same bits at any width: 16 with AVX-512, 8 with
 * AVX2; null where there is neither, or no executable memory.
 */
export function vectorLanes(cpuInfo = readCpuInfo): Lanes | null {
  if (missing(FOR_KERNELS, cpuInfo) === null) return 16;
  return missing(FOR_LOOPS, cpuInfo) === null ? 8 : null;
}

/**
 * The fastest way here, of a machine that can run kernels, and why no faster one is taken (null where there is none).
 * Asks the kernel for leave to use tiles, which it gives or refuses to the whole process.
 */
export function halfWay(
  cpuInfo = readCpuInfo,
  refused = refusedTiles,
): { readonly way: HalfWay; readonly because: string | null } {
  const flags = flagsOf(cpuInfo);
  const because = lackOf(FOR_TILES, flags) ?? refused();
  if (because === null) return { way: 'tiles', because };
  return { way: lackOf(FOR_PAIRS, flags) === null ? 'pairs' : 'widened', because };
}

const flagsOf = (cpuInfo: () => string): ReadonlySet<string> =>
  new Set(/^flags\s*:(.*)$/m.exec(cpuInfo())?.[1]?.trim().split(/\s+/) ?? []);

function lackOf(needed: readonly string[], flags: ReadonlySet<string>): string | null {
  const lacks = needed.filter((flag) => !flags.has(flag));
  return lacks.length === 0 ? null : `this processor lacks ${lacks.join(', ')}`;
}

function missing(needed: readonly string[], cpuInfo: () => string): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `they are written for Linux on x64, this is ${process.platform} on ${process.arch}`;
  try {
    const lack = lackOf(needed, flagsOf(cpuInfo));
    if (lack !== null) return lack;
    const region = new ExecutableMemory(1);
    region.seal();
    region.free();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}
