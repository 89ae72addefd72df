// resolveConfig: the settings of a command from all that a person may have written: a file, then the environment, then
// flags; later ones win. It reads; what the settings mean together is resolved in engine/session.
import { type ResolvedConfig, resolveSettings, type SuitedBy } from '../../engine/session/resolve-settings.js';
import { layerOf } from '../../engine/session/settings-layer.js';
import { environmentLayer, fileLayer, flagLayer, type FlagValue } from './config-layers.js';

export interface ConfigSources {
  /** A YAML file, or null. */
  readonly file: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags: ReadonlyMap<string, FlagValue>;
  /** Settings of a command (such as quickstart) that people may still override. */
  readonly preset?: { readonly name: string; readonly values: Readonly<Record<string, unknown>> };
  readonly modelDefaults: SuitedBy;
}

export const resolveConfig = async (sources: ConfigSources): Promise<ResolvedConfig> =>
  resolveSettings(
    [
      ...(sources.preset === undefined ? [] : [layerOf(sources.preset.values, sources.preset.name)]),
      ...(sources.file === null ? [] : [fileLayer(sources.file)]),
      environmentLayer(sources.env),
      flagLayer(sources.flags),
    ],
    sources.modelDefaults,
  );
