// SettingKey: one setting as people meet it: its spelling on the command line, in files and in the environment, what it
// allows, its default and its description. Derived from the schema in engine/core/config.ts, the only place where a
// setting is declared, and from the registries, where a setting is one of their names.
import { z } from 'zod';
import type { TrainConfig } from '../core/config.js';
import { runConfigSchema } from './run-config.js';

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
