// Config flags: the settings as options of a command, with their help. Texts stay texts here; config-layers.ts reads
// them.
import { type Command, Option } from 'commander';
import type { ConfigKey, ConfigName } from '../../engine/run/setting-keys.js';
import { groupedKeys, showDefault } from './config-keys.js';
import type { FlagValue } from './config-layers.js';

const collect = (text: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), text];

function placeholder(key: ConfigKey): string {
  if (key.choices !== null) return '<name>';
  return { boolean: '', number: '<n>', text: '<text>', record: '<name=value,...>', 'text or number': '<n|auto>' }[
    key.kind
  ];
}

/** The text of `--help`: description, what is allowed where the description does not say it, default. */
export function describeKey(key: ConfigKey): string {
  const choices = key.choices === null ? [] : [key.choices.join(', ')];
  const standard = showDefault(key);
  const notes = [...choices, ...(standard === '' || key.kind === 'boolean' ? [] : [`default ${standard}`])];
  return notes.length === 0 ? key.description : `${key.description} (${notes.join('; ')})`;
}

function optionsOf(key: ConfigKey): Option[] {
  if (key.kind !== 'boolean') {
    const option = new Option(`--${key.kebab} ${placeholder(key)}`, describeKey(key));
    return [key.kind === 'record' ? option.argParser(collect) : option];
  }
  // The spelling that changes nothing is accepted, but would be noise in the help.
  const isOn = key.defaultValue === true;
  const on = new Option(`--${key.kebab}`, isOn ? `${key.description} (default)` : key.description);
  return [on, new Option(`--no-${key.kebab}`, `switch --${key.kebab} off`).hideHelp(!isOn || key.name === 'exact')];
}

/** Adds the flags of all settings, or of those named, under their headings. */
export function addConfigFlags(command: Command, only?: readonly ConfigName[]): Command {
  for (const { title, keys } of groupedKeys())
    for (const key of keys.filter(({ name }) => only?.includes(name) ?? true)) {
      for (const option of optionsOf(key)) command.addOption(option.helpGroup(`${title}:`));
      if (key.name === 'exact')
        command.addOption(
          new Option('--fast', 'close results instead of equal bits; the opposite of --exact')
            .conflicts('exact')
            .helpGroup(`${title}:`),
        );
    }
  return command;
}

/** The settings that were given on the command line. */
export function configFlagsOf(command: Command): Map<ConfigName | 'fast', FlagValue> {
  const flags = new Map<ConfigName | 'fast', FlagValue>();
  for (const { keys } of groupedKeys())
    for (const { name } of keys) {
      if (command.getOptionValueSource(name) === 'cli') flags.set(name, command.getOptionValue(name) as FlagValue);
    }
  if (command.getOptionValue('fast') === true) flags.set('fast', true);
  return flags;
}
