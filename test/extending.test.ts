// docs/extending.md: what it says is all that there is to do. Every example becomes one file and one entry of a list in
// a copy of the sources, and is then used as a user would.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunEvent } from '../engine/events/events.js';
import { eventsOf } from '../engine/events/summary.js';
import { examplesIn, ExtendedSources, withAdded } from './extended-sources.js';

const examples = examplesIn(readFileSync('docs/extending.md', 'utf8'));
const added = ({ diff }: (typeof examples)[number]): string[] =>
  diff.flatMap((line) => (line.startsWith('+') ? [line.slice(1)] : []));

describe('an example', () => {
  it('is there for every extension point', () => {
    expect(examples.map(({ title, registry }) => [title, registry])).toEqual([
      ['A freeze policy', 'freeze/registry.ts'],
      ['A schedule', 'pipeline/schedules/registry.ts'],
      ['A codec of the cache', 'cache/codec.ts'],
      ['A kind of data', 'engine/data/open-dataset.ts'],
      ['A model', 'engine/model/registry.ts'],
      ['A metric', 'engine/metrics/registry.ts'],
      ['An optimizer', 'engine/tensor/optimizers/registry.ts'],
      ['An executor', 'engine/tensor/executors/registry.ts'],
      ['A sub-command', 'cli/program.ts'],
    ]);
  });
  it.each(examples)('is one new file and one entry with its import: $title', (example) => {
    expect(existsSync(example.file)).toBe(false);
    expect(added(example)).toEqual([
      expect.stringMatching(/^import \{ (\w+) \} from '\..*\.js';$/),
      expect.stringMatching(/^ {2}\w+,$/),
    ]);
    expect(example.diff.some((line) => line.startsWith('-'))).toBe(false);
  });
  it('whose list has changed is refused with the line that is missing', () => {
    expect(withAdded('a\nb\nc', [' a', '+new', '...', ' c', '+last'])).toBe('a\nnew\nb\nc\nlast');
    expect(() => withAdded('a\nb', [' c', '+new'])).toThrow('there is no line "c" to add to');
  });
});

describe('with all examples', () => {
  let sources: ExtendedSources;
  let typeErrors: Promise<string>;
  beforeAll(async () => {
    sources = new ExtendedSources(examples);
    await sources.compile();
    typeErrors = sources.typeErrors();
  });
  afterAll(() => sources.remove());

  const ok = async (...args: readonly string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await sources.pipetrain(...args);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    return stdout;
  };
  /** The events of a run on eight tokens of 32 samples, 4 steps an epoch. */
  const train = async (name: string, steps: number, ...flags: readonly string[]): Promise<RunEvent[]> => {
    const data = ['--data', 'counting:10', '--data-options', 'samples=40,sequence=8'];
    const sizes = [
      '--batch',
      '8',
      '--micro-batch',
      '2',
      '--steps',
      String(steps),
      '--eval-every',
      'never',
      '--replan',
      'off',
    ];
    const place = ['--out', join('runs', name), '--program-cache', 'off', '--json'];
    const lines = (await ok('train', ...data, ...sizes, ...place, ...flags)).trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as RunEvent);
  };
  const lossesOf = (events: readonly RunEvent[]): number[] => eventsOf(events, 'step').map(({ loss }) => loss);

  it('data, model and optimizer train, on the executor as without it; the sub-command prints the losses', async () => {
    // Of one thread and without kernels, the executor has the operators of `cpu:1`.
    const own = ['--model', 'bigram', '--optimizer', 'adadelta', '--epsilon', '1e-4', '--lr', '1', '--kernels', 'off'];
    const losses = lossesOf(await train('new', 12, ...own, '--devices', 'ort-checked:1'));
    expect(losses).toHaveLength(12);
    expect(losses[0]).toBeCloseTo(Math.log(10), 1);
    expect(losses.at(-1)).toBeLessThan(1);
    expect(lossesOf(await train('plain', 12, ...own, '--devices', 'cpu:1'))).toEqual(losses);
    expect(await ok('losses', join('runs', 'new'))).toBe(losses.map((loss) => `${loss}\n`).join(''));
  });

  it('the codec stores and reads', async () => {
    const { ActivationStore } = await sources.store();
    const shape = { recordFloats: 3, numSamples: 2, capBytes: 2 ** 20, depth: 1, digest: 'ab'.repeat(32) };
    const store = ActivationStore.create(join(sources.folder, 'store'), { ...shape, codec: 'f24' });
    // The second has more bits than the upper three bytes of a float.
    store.write(1, Float32Array.of(-1.5, 1 + 2 ** -20, 3e38), 0);
    const out = new Float32Array(3);
    expect(store.read(1, out, 0)).toBe(true);
    expect([out[0], out[1], store.bytes]).toEqual([-1.5, 1, 12]);
    store.close();
    expect((out[2] as number) / 3e38).toBeCloseTo(1, 2);
  });

  // Whether the cache is on depends on times; the codec of the run does not.
  it('the schedule is drawn, timed and run, the policy freezes, a run takes the codec', async () => {
    const flags = ['--freeze', 'half-way', '--freeze-interval', '4 steps', '--schedule', 'two-waves', '--dp', 'off'];
    const cache = ['--cache-codec', 'f24', '--verify-cache', '--guard', 'off'];
    const model = [
      '--model',
      'bigram',
      '--model-options',
      'width=256,layers=4',
      '--devices',
      'cpu:2',
      '--pipeline',
      '2',
    ];
    const events = await train('frozen', 24, ...model, ...flags, ...cache);
    expect(eventsOf(events, 'plan.made').map(({ schedule }) => schedule)).toEqual(['two-waves', 'two-waves']);
    expect(eventsOf(events, 'freeze.decided').findLast(({ toLayers }) => toLayers > 0)).toMatchObject({
      step: 12,
      policy: 'half-way',
      toLayers: 2,
    });
    const replay = JSON.parse(
      await ok('freeze-replay', join('runs', 'frozen'), '--policy', 'half-way', '--json'),
    ) as object;
    expect(replay).toMatchObject({ policy: 'half-way', isOwn: true });
    const sizes = ['--stages', '2', '--micro-batches', '4'];
    const drawn = JSON.parse(await ok('simulate', '--schedule', 'two-waves', ...sizes, '--json')) as { grid: string };
    expect(drawn).toMatchObject({ schedule: 'two-waves', workers: 2, peakLive: [2, 2] });
    expect(drawn.grid).toMatch(/^0F0 0F1 .*0B0 0B1 .*0F2 0F3 .*0B2 0B3/);
  });

  it('help names them, and a name that is nearly one of theirs is put right', async () => {
    const help = (await ok('train', '--help')).replace(/\s+/g, ' ');
    for (const name of ['half-way', 'two-waves', 'f24', 'adadelta', 'balanced-accuracy']) expect(help).toContain(name);
    expect(await ok('--help')).toContain('losses');
    const wrong = ['--freeze', 'halfway', '--cache-codec', 'f244', '--optimizer', 'adadleta'];
    const { exitCode, stderr } = await sources.pipetrain('train', '--model', 'gpt', '--data', 'text:x', ...wrong);
    expect(exitCode).toBe(2);
    for (const name of ['half-way', 'f24', 'adadelta']) expect(stderr).toContain(`did you mean "${name}"?`);
  });

  // The compiler looks at all sources, which takes seconds, and a minute where other tests take the cores.
  it('everything type-checks', { timeout: 180_000 }, async () => {
    expect(await typeErrors).toBe('');
  });
});
