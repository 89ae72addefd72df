// JoinCommand: the line that joins a run, complete: what a worker must name because it is not told over the network
// (shared-settings.ts), and where it gets the token. Pure text for a shell of this host.
import { resolve } from 'node:path';
import type { TrainConfig } from '../core/config.js';
import { FILE_OPTIONS } from '../data/kind.js';
import type { Entrance } from './entrance.js';
import { sharedSettings } from './shared-settings.js';

export interface JoinRequest {
  readonly entrance: Entrance;
  readonly config: TrainConfig;
  /** Where the token of the run comes from: made for it, so that nobody has it yet; a file; or told in another way. */
  readonly token: 'made' | { readonly file: string } | 'told';
}

export interface JoinLine {
  readonly command: string;
  /** What of the command is a place on this host, in words; null where it is right on every host. */
  readonly places: string | null;
}

/**
 * The command that joins a run. The token stands where no other user sees it: in the environment, where it was made for
 * this run; else in a file of whoever gave it.
 */
export function joinCommand({ entrance: { url, token, fingerprint }, config, token: source }: JoinRequest): JoinLine {
  const { model, data, withheld } = sharedSettings(config);
  const tokenFile = typeof source === 'object' ? resolve(source.file) : 'FILE_WITH_THE_TOKEN';
  const flags: (readonly [string, string])[] = [
    ['join', url],
    ...(fingerprint === null ? [] : [['tls-fingerprint', fingerprint] as const]),
    ...(source === 'made' ? [] : [['token-file', tokenFile] as const]),
  ];
  const places: (readonly [string, string])[] = [
    ...(model === null ? [['model', placed(config.model)] as const] : []),
    ...optionFlags('model-options', config.modelOptions, withheld.model),
    ...(data === null ? [['data', placed(config.data)] as const] : []),
    ...optionFlags('data-options', config.dataOptions, withheld.data),
  ];
  const words = [...flags, ...places].map(([name, value]) => `--${name} ${quoted(value)}`);
  const command = `pipetrain worker ${words.join(' ')}`;
  return {
    command: source === 'made' ? `PIPETRAIN_TOKEN=${quoted(token)} ${command}` : command,
    places: places.length === 0 ? null : places.map(([name]) => `--${name}`).join(', '),
  };
}

/** `KIND:PATH`, `hf:FOLDER` or a file, seen from every folder. */
function placed(text: string): string {
  const [, kind = '', path = ''] = /^([a-z][a-z0-9-]+:)?(.*)$/s.exec(text) ?? [];
  return kind + resolve(path);
}

function optionFlags(
  flag: string,
  options: Readonly<Record<string, unknown>>,
  names: readonly string[],
): (readonly [string, string])[] {
  const pairs = names.map((name) => `${name}=${optionText(name, options[name])}`);
  return pairs.length === 0 ? [] : [[flag, pairs.join(',')]];
}

/** What names a file is to be found from every folder; other values stand as YAML. */
function optionText(name: string, value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return FILE_OPTIONS.includes(name) || /^\.\.?[/\\]/.test(value) ? resolve(value) : value;
}

/** For a shell: as it is where no character of it means anything to one. */
const quoted = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
