// CpuFeatures: whether this processor and system can run the kernels. What is missing is said in words, for people.
import { readFileSync } from 'node:fs';

const NEEDED = ['avx512f', 'avx512dq', 'avx512bw', 'avx512vl', 'fma', 'bmi2'];

/** Why kernels cannot run here; null where they can. */
export function missingForKernels(cpuInfo: () => string = () => readFileSync('/proc/cpuinfo', 'utf8')): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') return `kernels are written for Linux on x86-64, this is ${process.platform} on ${process.arch}`;
  let flags: ReadonlySet<string>;
  try {
    flags = new Set(/^flags\s*:(.*)$/m.exec(cpuInfo())?.[1]?.trim().split(/\s+/) ?? []);
  } catch {
    return 'the features of this processor cannot be read (/proc/cpuinfo)';
  }
  const missing = NEEDED.filter((flag) => !flags.has(flag));
  return missing.length === 0 ? null : `this processor lacks ${missing.join(', ')}`;
}
