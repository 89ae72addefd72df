// SettingsOf: the settings that a command was given for a run, from file, environment and flags: resolved, and refused
// where they cannot be right, before anything of the run is made.
import type { Command } from 'commander';
import { defaultsOfNamed } from '../../engine/session/foreign-run.js';
import type { ResolvedConfig } from '../../engine/session/resolve-settings.js';
import { configFlagsOf } from '../config/config-flags.js';
import { resolveConfig } from '../config/resolve-config.js';
import type { CommandContext } from './command-context.js';

/** Throws UsageErrors (PT_CONFIG_*, PT_MODEL_*); what depends on this machine is not looked at. */
export const resolvedSettings = (
  { io, services }: Pick<CommandContext, 'io' | 'services'>,
  command: Command,
  file: string | undefined,
): Promise<ResolvedConfig> =>
  resolveConfig({
    file: file ?? null,
    env: io.env,
    flags: configFlagsOf(command),
    modelDefaults: defaultsOfNamed((model) => services.modelDefaults(model)),
  });

/** As `resolvedSettings`, checked as far as it goes without model and data. */
export async function settingsOf(
  context: Pick<CommandContext, 'io' | 'services'>,
  command: Command,
  file: string | undefined,
): Promise<ResolvedConfig> {
  const resolved = await resolvedSettings(context, command, file);
  await context.services.checkSettings(resolved.config);
  return resolved;
}
