// config.resolved.yaml: every setting of a run with where it came from, in a form that `pipetrain train` reads again.
// It formats; it decides nothing.
import { Document } from 'yaml';
import { harmlessLine } from '../core/harmless-text.js';
import { configKeys, toKebab } from '../run/setting-keys.js';
import type { ResolvedConfig } from './resolve-settings.js';

/** A value on one line, quoted only where YAML needs it. */
const inline = (value: unknown): string =>
  new Document(value).toString({ collectionStyle: 'flow', lineWidth: 0 }).trim();

/** The whole file; every setting is one line that ends in `# from ...`. */
export function showResolved({ config, origins }: ResolvedConfig): string {
  const lines: [string, string][] = [];
  for (const { name, kebab, kind } of configKeys) {
    const value: unknown = config[name];
    if (value === undefined) lines.push([`# ${kebab}:`, 'not set']);
    else if (kind !== 'record') lines.push([`${kebab}: ${inline(value)}`, `from ${origins.get(name) ?? 'default'}`]);
    else {
      const options = Object.entries(value as object);
      lines.push(options.length === 0 ? [`${kebab}: {}`, 'from default'] : [`${kebab}:`, '']);
      for (const [option, inner] of options)
        lines.push([`  ${toKebab(option)}: ${inline(inner)}`, `from ${origins.get(`${name}.${option}`) ?? 'default'}`]);
    }
  }
  const width = Math.min(40, Math.max(...lines.map(([text]) => text.length)));
  const shown = lines.map(([text, origin]) =>
    origin === '' ? text : `${text.padEnd(width)} # ${harmlessLine(origin)}`,
  );
  return `${shown.join('\n')}\n`;
}
