// pipetrain devices: what --devices may name on this machine.
import { Command } from 'commander';
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { CommandContext } from '../command-context.js';
import { bytes, plural } from '../format.js';

export function devicesCommand({ io, exitWith }: CommandContext): Command {
  return new Command('devices').summary('list what --devices may name here').action(
    exitWith(() => {
      const cores = availableParallelism();
      const name = cpus()[0]?.model.trim() ?? 'unknown processor';
      io.stdout.write(`cpu:1 to cpu:${cores}   ${name}, ${plural(cores, 'core')}, ${bytes(totalmem())} of memory\n`);
      io.stdout.write('One worker process per device; more workers than cores work, and share the cores.\n');
      return 0;
    }),
  );
}
