import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compressPipeline,
  loadBalance,
  paperChunks,
  paperPartition,
  stageLoads,
} from '../../pipeline/paper-partition.js';
import { exactPartition, PartitionError, runsOf } from '../../pipeline/partition.js';
import { block } from './cost-model.js';

const layers = (count: number, ...sublayers: readonly number[]): number[] =>
  Array.from({ length: count }, () => sublayers).flat();

/** Parameters of the active sub-layers of ViT-B/16 with C classes and f frozen layers. */
const vit = (C: number, f: number): number[] => [
  ...(f === 0 ? [742_656] : []),
  ...layers(12 - f, 2_363_904, 4_723_968),
  1_536,
  769 * C,
];
/** BERT-large for question answering. */
const bertLarge = (f: number): number[] => [
  ...(f === 0 ? [31_782_912] : []),
  ...layers(24 - f, 4_200_448, 8_395_776),
  2_050,
];
/** BERT-base for two classes. */
const bertBase = [23_837_184, ...layers(12, 2_363_904, 4_723_968), 590_592, 1_538];

describe("the paper's balance", () => {
  it.each([
    [
      'ViT-B, 100 classes, all active',
      vit(100, 0),
      8,
      [4, 2, 3, 3, 3, 3, 4, 5],
      [10.194432, 7.087872, 11.81184, 9.451776, 11.81184, 9.451776, 14.175744, 11.890276],
    ],
    ['ViT-B, 1000 classes, all active', vit(1000, 0), 4, [7, 6, 6, 8], [22.006272, 21.263616, 21.263616, 22.034152]],
    ['ViT-B, 4 layers frozen', vit(100, 4), 8, [2, 2, 2, 2, 2, 2, 2, 4], null],
    ['ViT-B, 7 layers frozen', vit(100, 7), 4, [3, 2, 2, 5], null],
    ['ViT-B, 9 layers frozen', vit(100, 9), 2, [3, 5], null],
    ['ViT-B, 11 layers frozen', vit(100, 11), 1, [4], null],
    ['BERT-large, all active', bertLarge(0), 8, [2, 6, 6, 6, 7, 7, 8, 8], null],
    ['BERT-base, all active, with three empty stages', bertBase, 8, [0, 0, 0, 1, 6, 6, 6, 8], null],
  ])('gives the published blocks per stage for %s', (_, parameters, stages, counts, millions) => {
    expect(loadBalance(parameters, stages)).toEqual(counts);
    if (millions !== null) expect(stageLoads(parameters, counts).map((load) => load / 1e6)).toEqual(millions);
  });

  it('puts every block into one stage', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 3e7 }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 12 }),
        (parameters, stages) => {
          const counts = loadBalance(parameters, stages);
          expect(counts).toHaveLength(stages);
          expect(counts.reduce((sum, count) => sum + count, 0)).toBe(parameters.length);
        },
      ),
    );
  });

  it('counts frozen parameters on stage 0 at one sixth', () => {
    const parameters = [12_000_000, 6_000_000, 6_000_000, 6_000_000];
    expect(stageLoads(parameters, [2, 2], 12_000_000)).toEqual([18_000_000 - 10_000_000, 12_000_000]);
    expect(loadBalance(parameters, 2)).not.toEqual(loadBalance(parameters, 2, 12_000_000));
  });

  it('is up to a fifth worse than the optimum: ViT-B over 8 stages', () => {
    const costs = vit(100, 0).map((parameters) => ({
      ...block(0),
      forwardMs: parameters / 1e6,
      backwardMs: 0,
      parameterBytes: parameters * 4,
    }));
    const cuts = exactPartition({ costs, frozen: 0, stages: 8 }) ?? [];
    const largest = Math.max(
      ...runsOf(cuts, costs.length).map(({ from, to }) =>
        vit(100, 0)
          .slice(from, to)
          .reduce((a, b) => a + b, 0),
      ),
    );
    expect(largest).toBe(11_890_276);
    const paper = paperPartition(costs, 0, 8);
    expect(runsOf(paper, costs.length).map(({ from, to }) => to - from)).toEqual([4, 2, 3, 3, 3, 3, 4, 5]);
  });

  it('with an empty stage is refused by name where a pipeline is built', () => {
    const costs = bertBase.map((parameters) => ({ ...block(1), parameterBytes: parameters * 4 }));
    expect(() => paperPartition(costs, 0, 8)).toThrow(PartitionError);
    expect(() => paperPartition(costs, 0, 8)).toThrow(
      'stage 0 of 8 without a block (blocks per stage: 0, 0, 0, 1, 6, 6, 6, 8)',
    );
    expect(() => paperPartition(costs.slice(0, 3), 1, 3)).toThrow(
      '3 pipeline stages need 3 active blocks, but there are 2',
    );
  });
});

describe("the paper's pipeline length", () => {
  const lengthsOf = (parameters: (f: number) => number[], numLayers: number, M0: number): number[] =>
    Array.from({ length: numLayers }, (_, f) => compressPipeline(parameters(f), 8, M0));

  it('for ViT-B halves at 5 (an exact tie), 9 and 11 frozen layers', () => {
    const M0 = Math.max(...stageLoads(vit(100, 0), loadBalance(vit(100, 0), 8)));
    expect(M0).toBe(14_175_744);
    expect(lengthsOf((f) => vit(100, f), 12, M0)).toEqual([8, 8, 8, 8, 8, 4, 4, 4, 4, 2, 2, 1]);
    expect(compressPipeline(vit(100, 5), 8, M0 - 1)).toBe(8);
  });

  it('for BERT-large halves at 9 (an exact tie), 17 and 21 frozen layers', () => {
    const M0 = Math.max(...stageLoads(bertLarge(0), loadBalance(bertLarge(0), 8)));
    expect(M0).toBe(50_384_896);
    expect(lengthsOf(bertLarge, 24, M0)).toEqual([...layers(9, 8), ...layers(8, 4), ...layers(4, 2), ...layers(3, 1)]);
    expect(compressPipeline(bertLarge(9), 8, M0 - 1)).toBe(8);
  });

  it('may halve several times at once and never grows', () => {
    expect(compressPipeline([1, 1], 8, 10)).toBe(1);
    expect(compressPipeline([5, 5], 1, 2)).toBe(1);
    expect(compressPipeline([5, 5], 2, 9)).toBe(2);
  });
});

describe("the paper's tables", () => {
  it('name the micro-batches per pipeline length', () => {
    expect([1, 2, 4, 8, 6].map(paperChunks)).toEqual([4, 16, 16, 16, 24]);
  });
});
