// CpuFeatures: whether this processor and system can run the kernels. What is missing is said in words, for people.
import { readFileSync } from 'node:fs';
import { ExecutableMemory } from './executable-memory.js';

const NEEDED = ['avx512f', 'avx512dq', 'avx512bw', 'avx512vl', 'fma', 'bmi2'];

/** Why kernels cannot run here; null where they can. */
export function missingForKernels(cpuInfo: () => string = () => readFileSync('/proc/cpuinfo', 'utf8')): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') return `they are written for Linux on x64, this is ${process.platform} on ${process.arch}`;
  try {
    const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuInfo())?.[1]?.trim().split(/\s+/) ?? []);
    const missing = NEEDED.filter((flag) => !flags.has(flag));
    if (missing.length > 0) return `this processor lacks ${missing.join(', ')}`;
    const region = new ExecutableMemory(1);
    region.seal();
    region.free();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
