// ConfigKey: one setting as people meet it: its spelling on the command line, in files and in the environment, what it
// allows, its default and its description. Derived from the schema in engine/core/config.ts, the only place where a
// setting is declared, and from the registries, where a setting is one of their names.
import { z } from 'zod';
import type { TrainConfig } from '../../engine/core/config.js';
import { runConfigSchema } from '../../engine/run/run-config.js';

export type ConfigName = keyof TrainConfig;

/** A property of a schema, in words. */
export interface DescribedProperty {
  readonly name: string;
  readonly kind: 'boolean' | 'number' | 'text' | 'record' | 'text or number';
  /** A closed list of words, or null. */
  readonly choices: readonly string[] | null;
  /** What may be written, in words: "a whole number above 0". */
  readonly allowed: string;
  readonly defaultValue: unknown;
  readonly isRequired: boolean;
  readonly description: string;
}

export interface ConfigKey extends DescribedProperty {
  /** microBatch */
  readonly name: ConfigName;
  /** micro-batch: in files, and with two dashes on the command line. */
  readonly kebab: string;
  /** PIPETRAIN_MICRO_BATCH */
  readonly variable: string;
}

/** Headings of `--help` and of docs/config.md. A setting in no group lands in the last one. */
const GROUPS: readonly { readonly title: string; readonly names: readonly ConfigName[] }[] = [
  {
    title: 'Model and data',
    names: [
      'model',
      'modelOptions',
      'initFrom',
      'initStrict',
      'initOtherProgram',
      'data',
      'dataOptions',
      'augment',
      'augmentPixels',
      'views',
      'limitSamples',
      'seed',
    ],
  },
  {
    title: 'Length',
    names: ['epochs', 'steps', 'batch', 'microBatch', 'evalEvery', 'metrics', 'targetMetric', 'patience'],
  },
  {
    title: 'Optimizer',
    names: [
      'lr',
      'lrSchedule',
      'lrFloor',
      'lrDecay',
      'warmup',
      'optimizer',
      'weightDecay',
      'beta1',
      'beta2',
      'epsilon',
      'rho',
      'momentum',
      'nesterov',
      'clip',
      'layerDecay',
      'ema',
    ],
  },
  {
    title: 'Freezing',
    names: [
      'freeze',
      'freezeAlpha',
      'freezePercentile',
      'freezeStart',
      'freezeInterval',
      'freezeSchedule',
      'freezeMax',
      'guard',
      'guardEvery',
      'guardSamples',
      'guardTolerance',
      'guardCooldown',
    ],
  },
  { title: 'Growing', names: ['grow', 'growFrom', 'growBy'] },
  {
    title: 'Shape of the run',
    names: [
      'devices',
      'kernels',
      'precision',
      'pipeline',
      'replicas',
      'dp',
      'partition',
      'schedule',
      'replan',
      'exact',
    ],
  },
  { title: 'Memory', names: ['memoryLimit', 'recompute', 'poolMb'] },
  { title: 'Cache', names: ['cache', 'cacheMb', 'cacheCodec', 'cacheDiskMb', 'cacheDir', 'verifyCache'] },
  {
    title: 'Failures and checkpoints',
    names: ['maxRestarts', 'stepTimeoutSeconds', 'heartbeatSeconds', 'checkpointEvery', 'keep', 'keepBest'],
  },
  { title: 'Start-up', names: ['programCache', 'programCacheMb', 'costs'] },
  { title: 'Run', names: ['out', 'memoryDir', 'breakdown'] },
  { title: 'Connections', names: ['listen', 'port', 'transport', 'tlsCert', 'tlsKey'] },
];

export const toKebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
export const toCamel = (name: string): string =>
  name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** The part of JSON Schema that the configuration uses. */
const propertySchema = z.object({
  type: z.string().optional(),
  enum: z.array(z.string()).optional(),
  const: z.string().optional(),
  pattern: z.string().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  exclusiveMaximum: z.number().optional(),
  description: z.string().optional(),
  default: z.unknown().optional(),
  get anyOf() {
    return z.array(propertySchema).optional();
  },
});
type Property = z.infer<typeof propertySchema>;

function allowedIn(property: Property): string {
  if (property.anyOf !== undefined) return property.anyOf.map(allowedIn).join(' or ');
  if (property.const !== undefined) return property.const;
  if (property.enum !== undefined) return `one of ${property.enum.join(', ')}`;
  switch (property.type) {
    case 'boolean':
      return 'true or false';
    case 'object':
      return 'NAME=VALUE pairs';
    case 'integer':
      return `a whole number${rangeOf(property)}`;
    case 'number':
      return `a number${rangeOf(property)}`;
    default:
      return allowedText(property);
  }
}

/** " from 0 to below 1"; empty where every number is allowed. */
function rangeOf({ minimum: low, maximum, exclusiveMinimum: above, exclusiveMaximum: below }: Property): string {
  // Zod gives every integer the largest safe one as a maximum; that is no news to anyone.
  const high = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (low !== undefined && high !== undefined) return ` from ${low} to ${high}`;
  if (low !== undefined && below !== undefined) return ` from ${low} to below ${below}`;
  if (above !== undefined && below !== undefined) return ` above ${above} and below ${below}`;
  if (above !== undefined && high !== undefined) return ` above ${above} and up to ${high}`;
  if (above !== undefined) return ` above ${above}`;
  return low === undefined ? '' : ` from ${low} up`;
}

function allowedText({ pattern, description }: Property): string {
  if (pattern === undefined) return 'text';
  if (pattern.includes('epochs?'))
    return `a time such as "20 steps" or "0.5 epochs"${pattern.includes('never') ? ', or never' : ''}`;
  return `text as in ${description ?? pattern}`;
}

function kindOf(property: Property): ConfigKey['kind'] {
  if (property.anyOf !== undefined) return 'text or number';
  if (property.type === 'boolean') return 'boolean';
  if (property.type === 'object') return 'record';
  return property.type === 'integer' || property.type === 'number' ? 'number' : 'text';
}

/** The properties of an object schema: names, what they allow, defaults, descriptions. */
export function describeProperties(schema: z.ZodType): DescribedProperty[] {
  const json = z.toJSONSchema(schema, { io: 'input' });
  const required = new Set(json.required);
  return Object.entries(json.properties ?? {}).map(([name, raw]) => {
    const property = propertySchema.parse(raw);
    return {
      name,
      kind: kindOf(property),
      choices: property.enum ?? null,
      allowed: allowedIn(property),
      defaultValue: property.default,
      isRequired: required.has(name),
      description: property.description ?? '',
    };
  });
}

const describeKeys = (): ConfigKey[] =>
  describeProperties(runConfigSchema).map((property) => ({
    ...property,
    name: property.name as ConfigName,
    kebab: toKebab(property.name),
    variable: `PIPETRAIN_${toKebab(property.name).replaceAll('-', '_').toUpperCase()}`,
  }));

/** Every setting, in the order of the schema. */
export const configKeys: readonly ConfigKey[] = describeKeys();

/** Every setting once, under its heading. */
export function groupedKeys(): { readonly title: string; readonly keys: readonly ConfigKey[] }[] {
  const taken = new Set(GROUPS.flatMap(({ names }) => names));
  const rest = configKeys.filter(({ name }) => !taken.has(name));
  return [
    ...GROUPS.map(({ title, names }) => ({
      title,
      keys: names.flatMap((name) => configKeys.filter((key) => key.name === name)),
    })),
    ...(rest.length > 0 ? [{ title: 'More', keys: rest }] : []),
  ];
}

/** A default as it would be written in a file; empty where there is none. */
export function showDefault({ defaultValue }: DescribedProperty): string {
  // 1/3 is meant, not its sixteen digits.
  if (typeof defaultValue === 'number') return String(Number(defaultValue.toPrecision(6)));
  return typeof defaultValue === 'string' || typeof defaultValue === 'boolean' ? String(defaultValue) : '';
}
