// pipetrain devices: what --devices may name on this machine, and why the rest cannot be used.
import { Command } from 'commander';
import { executorFindings } from '../machine/executor-findings.js';
import type { CommandContext } from '../session/command-context.js';

export function devicesCommand({ io, exitWith }: CommandContext): Command {
  return new Command('devices').summary('list what --devices may name here, and why the rest cannot be used').action(
    exitWith(async () => {
      const findings = await executorFindings();
      const width = Math.max(...findings.map(({ device }) => device.length));
      const line = (device: string, usable: string, text: string): string =>
        `${device.padEnd(width)}  ${usable.padEnd(6)}  ${text.replaceAll('\n', ' ')}`.trimEnd();
      io.stdout.lines([line('devices', 'usable', 'computes with, or why not')]);
      for (const { device, isUsable, text, remedy } of findings) {
        io.stdout.lines([line(device, isUsable ? 'yes' : 'no', text)]);
        if (!isUsable) io.stdout.lines([line('', '', remedy)]);
      }
      io.stdout.lines(['One worker process per device; more workers than cores work, and share the cores.']);
      return 0;
    }),
  );
}
