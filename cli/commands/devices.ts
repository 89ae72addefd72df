// pipetrain devices: what --devices may name on this machine, and why the rest cannot be used.
import { Command } from 'commander';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { toErrorRecord } from '../../engine/core/errors.js';
import { EXECUTOR_KINDS, TFJS_BACKENDS, type ExecutorKind } from '../../engine/tensor/executor-kind.js';
import type { CommandContext } from '../command-context.js';
import { bytes, plural } from '../format.js';

interface Finding {
  readonly device: string;
  readonly isUsable: boolean;
  readonly text: string;
}

const INDENT = 18;

export function devicesCommand({ io, exitWith }: CommandContext): Command {
  return new Command('devices').summary('list what --devices may name here, and why the rest cannot be used').action(
    exitWith(async () => {
      const findings: Finding[] = [];
      // One after another: all of them share one TensorFlow.js.
      for (const kind of EXECUTOR_KINDS) findings.push(await find(kind));
      const list = (isUsable: boolean): string =>
        findings.filter((finding) => finding.isUsable === isUsable).map(({ device, text }) => `  ${device.padEnd(INDENT)}${text.replaceAll('\n', `\n${' '.repeat(INDENT + 2)}`)}\n`).join('');
      io.stdout.write(`Can be used here:\n${list(true)}`);
      if (findings.some(({ isUsable }) => !isUsable)) io.stdout.write(`Cannot be used here:\n${list(false)}`);
      io.stdout.write('One worker process per device; more workers than cores work, and share the cores.\n');
      return 0;
    }),
  );
}

/** Opens an executor and lets it compute; nothing less shows that it works. */
async function find(kind: ExecutorKind): Promise<Finding> {
  const cores = availableParallelism();
  const device = kind === 'ort-cpu' ? `cpu:1 to cpu:${cores}` : `${kind}:N`;
  try {
    const { openExecutorOf } = await import('../../engine/tensor/open-executor.js');
    (await openExecutorOf(kind, { threads: 1 })).close();
  } catch (error) {
    const { message, hint } = toErrorRecord(error);
    return { device, isUsable: false, text: `${message}\n${hint}` };
  }
  const processor = cpus()[0]?.model.trim() ?? 'unknown processor';
  const text = kind === 'ort-cpu' ? `ONNX Runtime on ${processor}, ${plural(cores, 'core')}, ${bytes(totalmem())} of memory` : TFJS_BACKENDS[kind].what;
  return { device, isUsable: true, text };
}
