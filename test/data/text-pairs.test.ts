// Pairs of texts: named by columns, framed and cut as `tokenizers` does it, and told apart by token types.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../engine/data/open-dataset.js';
import { errorOf } from '../error-of.js';
import { scratchWith } from '../scratch.js';
import { fieldOf } from './field-of.js';

interface Golden {
  readonly pairs: readonly (readonly [string, string])[];
  readonly cases: readonly {
    readonly name: string;
    readonly tokenizer: object;
    readonly samples: readonly { readonly sequence: number; readonly ids: number[]; readonly types: number[] }[];
  }[];
}
/** By scripts/golden/make_pair_golden.py. */
const golden = JSON.parse(readFileSync('test/golden/pairs.json', 'utf8')) as Golden;
const rows = (pairs: Golden['pairs']): string =>
  pairs.map(([a, b], i) => JSON.stringify({ premise: a, hypothesis: b, label: i % 2 })).join('\n');
const PAIR = { text: 'premise', pair: 'hypothesis', label: 'label' };

describe('pairs of texts', () => {
  it.each(golden.cases.map(({ name }, at) => ({ name, at })))('are framed and cut as by $name', ({ at }) => {
    const { tokenizer, samples } = golden.cases[at] as Golden['cases'][number];
    const { pairs } = golden;
    const content = rows(pairs);
    const folder = scratchWith({
      'train.jsonl': content,
      'dev.jsonl': content,
      'tokenizer.json': JSON.stringify(tokenizer),
    });
    for (const [i, sample] of samples.entries()) {
      const data = openDataset(`jsonl:${folder}`, { ...PAIR, sequence: sample.sequence });
      const id = i % pairs.length;
      const length = sample.ids.length;
      const filled = (list: readonly number[], fill: number): number[] => [
        ...list,
        ...Array<number>(sample.sequence - length).fill(fill),
      ];
      const pad = fieldOf(data, id, 'tokens').at(-1) ?? 0;
      expect(fieldOf(data, id, 'tokens')).toEqual(filled(sample.ids, pad));
      expect(fieldOf(data, id, 'types')).toEqual(filled(sample.types, 0));
      expect(fieldOf(data, id, 'mask')).toEqual(filled(Array<number>(length).fill(1), 0));
    }
  });

  it.each(['csv', 'tsv'] as const)('are columns of %s, whatever stands beside them', (format) => {
    const separator = format === 'csv' ? ',' : '\t';
    const line = (...fields: string[]): string => fields.join(separator);
    const table = Array.from({ length: 20 }, (_, i) => line(String(i), `dog ${i}`, `cat ${i}`, i % 2 ? 'yes' : 'no'));
    const content = [line('id', 'premise', 'hypothesis', 'verdict'), ...table].join('\n');
    const path = join(scratchWith({ [`d.${format}`]: content }), `d.${format}`);
    const data = openDataset(`${format}:${path}`, { text: 'premise', pair: 'hypothesis' });
    expect(data.summary?.columns).toMatchObject({
      text: '"premise" (column 2)',
      pair: '"hypothesis" (column 3)',
      label: '"verdict" (column 4)',
      unused: { count: 1 },
    });
    const tokens = fieldOf(data, 0, 'tokens');
    expect(data.tokenizer?.decode(tokens.filter((id) => id > 3))).toMatch(/^dog \d+ cat \d+$/);
    expect(tokens.filter((id) => id === 3)).toHaveLength(2);
  });

  it('are asked for where a second column holds texts, and are two columns', () => {
    const path = join(scratchWith({ 'd.jsonl': rows(golden.pairs.slice(0, 2).concat(golden.pairs)) }), 'd.jsonl');
    expect(errorOf(() => openDataset(`jsonl:${path}`, {})).hint).toContain('pair=');
    const same = errorOf(() => openDataset(`jsonl:${path}`, { ...PAIR, pair: 'premise' }));
    expect([same.code, same.message]).toEqual(['PT_DATA_OPTION', expect.stringContaining('text and pair')]);
  });

  it('need a tokenizer that says how it frames them', () => {
    const [{ tokenizer }] = golden.cases as [Golden['cases'][number]];
    const folder = scratchWith({
      'train.jsonl': rows(golden.pairs),
      'dev.jsonl': rows(golden.pairs),
      'tokenizer.json': JSON.stringify({
        ...tokenizer,
        post_processor: {
          ...(tokenizer as { readonly post_processor: object }).post_processor,
          pair: [{ Sequence: { id: 'A', type_id: 0 } }],
        },
      }),
    });
    const error = errorOf(() => openDataset(`jsonl:${folder}`, PAIR));
    expect([error.code, error.message]).toEqual(['PT_DATA_OPTION', expect.stringContaining('tokenizer.json')]);
  });
});
