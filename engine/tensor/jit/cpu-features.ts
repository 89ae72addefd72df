// CpuFeatures: whether this processor and system can run the kernels, and how wide its vectors are. What is missing is
// said in words, for people.
import { readFileSync } from 'node:fs';
import { messageOf } from '../../core/errors.js';
import { ExecutableMemory } from './executable-memory.js';

const FOR_KERNELS = ['avx512f', 'avx512dq', 'avx512bw', 'avx512vl', 'fma', 'bmi2'];
const FOR_LOOPS = ['avx2', 'fma'];

/** float32 in a vector. */
export type Lanes = 8 | 16;

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

function missing(needed: readonly string[], cpuInfo: () => string): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `they are written for Linux on x64, this is ${process.platform} on ${process.arch}`;
  try {
    const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuInfo())?.[1]?.trim().split(/\s+/) ?? []);
    const lacks = needed.filter((flag) => !flags.has(flag));
    if (lacks.length > 0) return `this processor lacks ${lacks.join(', ')}`;
    const region = new ExecutableMemory(1);
    region.seal();
    region.free();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}
