// FlagChecks: flags that decide nothing: given twice with different values, where one of the two was forgotten, or
// given where nobody reads them. Settings of a run, which stand in files too, are checked in idle-settings.ts.
import type { Command } from 'commander';
import { UsageError } from '../../engine/core/errors.js';

/** Has the command throw a UsageError (PT_USAGE) for such a flag; those whose values are put together are left out. */
export function refuseRepeatedFlags(command: Command): void {
  const given = new Map<string, string>();
  for (const option of command.options) {
    if (option.parseArg !== undefined) continue;
    command.on(`option:${option.name()}`, (value: string | null) => {
      const name = option.attributeName();
      const said = option.isBoolean() ? `--${option.name()}` : `--${option.name()} ${value ?? ''}`;
      const before = given.get(name);
      if (before !== undefined && before !== said)
        throw new UsageError('PT_USAGE', `the command line says both ${before} and ${said}`, 'Say one of them.');
      given.set(name, said);
    });
  }
}

/** Why flags that were given have no effect: each by its name, with the sentence that says so, or null. */
export type IdleFlags = Readonly<Record<string, string | null>>;

/** Throws a UsageError (PT_CONFIG_IDLE) for a flag of this command line that nobody reads. */
export function refuseIdleFlags(command: Command, idle: IdleFlags): void {
  for (const [name, why] of Object.entries(idle)) {
    const option = command.options.find((known) => known.attributeName() === name);
    if (why === null || option === undefined || command.getOptionValueSource(name) !== 'cli') continue;
    throw new UsageError('PT_CONFIG_IDLE', `--${option.name()} has no effect: ${why}`, 'Leave it out.');
  }
}
