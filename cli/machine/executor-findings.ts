// Executor findings: every executor of this version, whether it works on this machine, and what is missing where it
// does not. The devices and doctor commands print them.
import { cpus } from 'node:os';
import { type Allowance, allowance, coresText } from '../../engine/core/allowance.js';
import { toErrorRecord } from '../../engine/core/errors.js';
import type { ExecutorKind } from '../../engine/tensor/executor-kind.js';
import { type HalfWay, halfWay, missingForKernels, vectorLanes } from '../../engine/tensor/jit/cpu-features.js';
import { memoryText } from './memory-text.js';

export interface ExecutorFinding {
  readonly kind: string;
  /** What --devices may say. */
  readonly device: string;
  readonly isUsable: boolean;
  /** What computes, or why it cannot. */
  readonly text: string;
  /** What to do where it cannot; empty where it can. */
  readonly remedy: string;
}

/** One after another: those of TensorFlow.js share one engine. */
export async function executorFindings(): Promise<ExecutorFinding[]> {
  // Commands that look at no executor must not load a compute library.
  const { EXECUTORS } = await import('../../engine/tensor/executors/registry.js');
  const { withoutDriverNoise } = await import('../../engine/tensor/driver-noise.js');
  return withoutDriverNoise(async () => {
    const findings: ExecutorFinding[] = [];
    for (const kind of EXECUTORS.all) findings.push(await find(kind));
    return findings;
  });
}

/** Opens an executor and lets it compute; nothing less shows that it works. */
async function find(executor: ExecutorKind): Promise<ExecutorFinding> {
  const { name: kind, shortName = kind } = executor;
  const allowed = allowance();
  const { cores } = allowed;
  const device =
    executor.takesKernels !== true ? `${kind}:N` : `${shortName}:1${cores === 1 ? '' : ` to ${shortName}:${cores}`}`;
  try {
    const { openExecutorOf } = await import('../../engine/tensor/open-executor.js');
    (await openExecutorOf(kind, { threads: 1 })).close();
  } catch (error) {
    const { message, hint } = toErrorRecord(error);
    return { kind, device, isUsable: false, text: message, remedy: hint };
  }
  return { kind, device, isUsable: true, text: whatComputes(executor, allowed), remedy: '' };
}

function whatComputes(kind: ExecutorKind, allowed: Allowance): string {
  const { what, takesKernels } = kind;
  if (takesKernels !== true) return kind.here?.() ?? what;
  const processor = cpus()[0]?.model.trim() ?? 'unknown processor';
  const missing = missingForKernels();
  const kernels =
    missing === null
      ? `with machine code for AVX-512 (${halfText()})`
      : `${
          vectorLanes() === null
            ? 'without machine code of our own'
            : 'with machine code for the optimizer and for sums of gradients (AVX2), without for the rest'
        }: ${missing}`;
  return `${what} on ${processor}, ${kernels}, ${coresText(allowed)}, ${memoryText(allowed)}`;
}

const HALF_TEXT: Readonly<Record<HalfWay, string>> = {
  tiles: 'bf16 by AMX',
  pairs: 'bf16 by AVX512-BF16',
  widened: 'bf16 as fast as fp32',
};

/** What multiplies in a bf16 run, and why nothing faster does. */
function halfText(): string {
  const { way, because } = halfWay();
  return because === null ? HALF_TEXT[way] : `${HALF_TEXT[way]}: ${because}`;
}
