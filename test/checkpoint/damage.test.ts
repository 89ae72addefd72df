// Whatever happens to a file of a checkpoint, it is refused by name and the one before is used; and a run goes on only
// with the model and the arithmetic that it began with.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { manifestText, readManifest } from '../../engine/checkpoint/manifest.js';
import { otherBits, sameModel, setUpRunFrom } from '../../engine/checkpoint/resumed-setup.js';
import { newestResumePoint, type ResumePoint } from '../../engine/checkpoint/run-checkpoint.js';
import { type TrainConfig, trainConfigSchema } from '../../engine/core/config.js';
import { findModelSource } from '../../engine/model/load-model.js';
import { OwnKey } from '../../engine/run/own-key.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { setUpRun } from '../../engine/run/run-setup.js';
import { scratch, scratchWith } from '../scratch.js';
import { trainInto } from '../trainer/run-on-disk.js';

const NEWEST = 'step-00000004';
let whole = '';
beforeAll(async () => {
  const run = RunFolder.create(join(scratch(), 'run'));
  await trainInto(run, { steps: 4, checkpointEvery: '2 steps' });
  whole = run.checkpointsPath;
});

/** A copy of the checkpoints. */
function copy(): string {
  const folder = join(scratch(), 'checkpoints');
  cpSync(whole, folder, { recursive: true });
  return folder;
}

/** Puts something else in the place of a file. */
const inPlaceOf =
  (make: (path: string) => void) =>
  (path: string): void => {
    rmSync(path);
    make(path);
  };

const DAMAGES: Readonly<Record<string, (path: string) => void>> = {
  'is missing': (path) => rmSync(path),
  'is empty': (path) => truncateSync(path, 0),
  'is cut short': (path) => truncateSync(path, 7),
  'is longer': (path) => appendFileSync(path, ' x'),
  'has other bytes': (path) => writeFileSync(path, readFileSync(path).fill(7, 20, 21)),
  'is a folder': inPlaceOf((path) => mkdirSync(path)),
  'is a pipe': inPlaceOf((path) => void execFileSync('mkfifo', [path])),
  'is a link to nothing': inPlaceOf((path) => symlinkSync('nothing', path)),
  'is a link to a device': inPlaceOf((path) => symlinkSync('/dev/zero', path)),
};

describe('a checkpoint of which', () => {
  const cases = [
    'checkpoint.json',
    'cache.json',
    'legend.json',
    'block-0000.safetensors',
    'block-0003.safetensors',
  ].flatMap((file) => Object.entries(DAMAGES).map(([what, damage]) => [file, what, damage] as const));
  it.each(cases)('%s %s gives way to the one before', (file, _what, damage) => {
    const folder = copy();
    damage(join(folder, NEWEST, file));
    const { point, refused } = newestResumePoint(folder);
    expect(point.manifest.step).toBe(2);
    expect(refused).toEqual([expect.stringContaining(join(folder, NEWEST))]);
  });

  it('the folder is a file or a link to nothing gives way, too', () => {
    for (const make of [(path: string) => writeFileSync(path, ''), (path: string) => symlinkSync('nothing', path)]) {
      const folder = copy();
      rmSync(join(folder, NEWEST), { recursive: true });
      make(join(folder, NEWEST));
      expect(newestResumePoint(folder).point.manifest.step).toBe(2);
    }
  });

  it.each([
    ['the digest of the losses', /"chain":"./, '"chain":"-'],
    ['the last loss', '"loss":', '"loss":1'],
    ['the learning rate', '"lr":"', '"lr":"2*'],
    ['the list of files', /"files":\[\{.*?\}\]/, '"files":[]'],
    ['the step', '"step":4', '"step":3'],
    ['a setting that is not there', '"config":{', '"config":{"memoryDir":"/x",'],
  ] as const)('%s was edited is refused by name', (_what, from, to) => {
    const folder = copy();
    const path = join(folder, NEWEST, 'checkpoint.json');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace(from, to));
    expect(readFileSync(path, 'utf8')).not.toBe(text);
    const { point, refused } = newestResumePoint(folder);
    expect(point.manifest.step).toBe(2);
    expect(refused).toEqual([expect.stringMatching(/checkpoint\.json is damaged: .*edited/)]);
  });

  it('another version is told apart from a damaged one', () => {
    const folder = copy();
    const path = join(folder, NEWEST, 'checkpoint.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('pipetrain-checkpoint-6', 'pipetrain-checkpoint-2'));
    expect(() => readManifest(dirname(path))).toThrow(
      expect.objectContaining({
        code: 'PT_CHECKPOINT_FORMAT',
        message: expect.stringContaining('has the format pipetrain-checkpoint-2, this version reads') as string,
      }) as Error,
    );
  });

  it('the order of names in its manifest is another one is the same', () => {
    const folder = copy();
    const path = join(folder, NEWEST, 'checkpoint.json');
    const turned = Object.fromEntries(Object.entries(JSON.parse(readFileSync(path, 'utf8')) as object).reverse());
    writeFileSync(path, JSON.stringify(turned, null, 2));
    expect(newestResumePoint(folder).point.manifest.step).toBe(4);
  });
});

describe('a run goes on', () => {
  const pointOf = (): ResumePoint => newestResumePoint(whole).point;
  const configOf = ({ manifest }: ResumePoint): TrainConfig => trainConfigSchema.parse(manifest.config);
  /** Written anew by somebody who knows how. */
  const rewritten = (point: ResumePoint, changes: object): ResumePoint => ({
    ...point,
    manifest: JSON.parse(manifestText({ ...point.manifest, ...changes }, null)) as ResumePoint['manifest'],
  });

  it('only with the blocks of its model', async () => {
    const point = pointOf();
    await expect(setUpRunFrom(configOf(point), rewritten(point, { files: [] }))).rejects.toMatchObject({
      code: 'PT_CHECKPOINT_BROKEN',
      message: expect.stringMatching(/the files of 0 blocks, the model has \d+/) as string,
    });
  });

  it.each([
    ['processor', 'x64 avx', /the processor is another kind \(only here: .*; only there: /],
    ['executor', 'tfjs-cpu', /the executor is .*, it was tfjs-cpu/],
    ['pipetrain', '0.0.1', /pipetrain is .*, it was 0\.0\.1/],
    ['onnxruntime', '1.0.0', /ONNX Runtime is .*, it was 1\.0\.0/],
    ['device', 'PyTorch 2.10.0', /what the devices compute with is none, it was PyTorch 2\.10\.0/],
  ])('with another %s only where other bits are accepted', (name, value, message) => {
    const point = pointOf();
    const other = rewritten(point, { arithmetic: { ...point.manifest.arithmetic, [name]: value } });
    const config = configOf(point);
    expect(otherBits(config, point, false)).toEqual([]);
    expect(() => otherBits(config, other, false)).toThrow(
      expect.objectContaining({ code: 'PT_OTHER_BITS', message: expect.stringMatching(message) as string }) as Error,
    );
    expect(otherBits(config, other, true)).toEqual([expect.stringMatching(message)]);
    expect(otherBits({ ...config, exact: false }, other, false)).toEqual([]);
  });

  it('only with the model file that it began with, and with what that imports', async () => {
    const files = { 'model.ts': "export { width } from './lib/width.js';", 'lib/width.ts': 'export const width = 8;' };
    const folder = scratchWith(files);
    const model = join(folder, 'model.ts');
    const point = rewritten(pointOf(), { model: await findModelSource(model) });
    const moved = join(scratchWith(files), 'model.ts');
    expect((await sameModel(moved, point)).path).toBe(moved);
    writeFileSync(join(folder, 'lib/width.ts'), 'export const width = 9;');
    await expect(sameModel(model, point)).rejects.toMatchObject({
      code: 'PT_MODEL_CHANGED',
      exitCode: 3,
      message: expect.stringMatching(
        /\(lib\/width\.ts changed\): its digest is [0-9a-f]{12}, it was [0-9a-f]{12}/,
      ) as string,
    });
    await expect(sameModel('vit', point)).rejects.toMatchObject({ code: 'PT_MODEL_CHANGED' });
    const other = join(scratchWith({ ...files, 'mine.ts': 'export {};' }), 'mine.ts');
    await expect(sameModel(relative('.', other), point)).rejects.toMatchObject({
      message: expect.stringMatching(
        new RegExp(
          `, here ${other}, is not the one that .* with, ${model} \\(mine\\.ts changed, lib/width\\.ts is gone\\)`,
        ),
      ) as string,
    });
  });

  it('only with the data that it began with, wherever they lie now, read as they were', async () => {
    const [data, vocab] = ['a b\n'.repeat(200), '[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\n'];
    const began = scratchWith({ 'd.txt': data, 'v.txt': vocab });
    const moved = scratchWith({ 'd.txt': data, 'v.txt': vocab, 'other.txt': data.toUpperCase() });
    const options = { sequence: 8, tokenizer: 'wordpiece' };
    const config = {
      ...configOf(pointOf()),
      ...{ model: 'gpt', modelOptions: { layers: 1, width: 8, heads: 1 }, batch: 2, microBatch: 2 },
      ...{ data: `text:${began}/d.txt`, dataOptions: { ...options, vocab: `${began}/v.txt` } },
    };
    const { dataset, model } = await setUpRun(config);
    const point = rewritten(pointOf(), {
      config,
      dataDigest: dataset.digest,
      model: await findModelSource('gpt'),
      files: model.blocks.map(() => pointOf().manifest.files[0]),
    });
    const now = { ...config, data: `text:${moved}/d.txt`, dataOptions: { ...options, vocab: `${moved}/v.txt` } };
    expect((await setUpRunFrom(now, point)).dataset.digest).toBe(dataset.digest);
    const refused: readonly (readonly [Partial<TrainConfig>, RegExp])[] = [
      [{ data: `text:${moved}/other.txt` }, /its digest is [0-9a-f]{12}, it was [0-9a-f]{12}/],
      [{ data: `tsv:${moved}/d.txt` }, /of the kind text .*, not tsv/],
      [{ dataOptions: { ...now.dataOptions, sequence: 4 } }, /option sequence is 4, the run began with 8/],
      [{ dataOptions: { ...now.dataOptions, maxBytes: 99 } }, /option maxBytes is 99, the run began with none/],
    ];
    for (const [change, message] of refused)
      await expect(setUpRunFrom({ ...now, ...change }, point)).rejects.toMatchObject({
        code: 'PT_DATA_CHANGED',
        exitCode: 3,
        message: expect.stringMatching(message) as string,
      });
  });

  it('only with the folder of the pretrained model that it began with, its weights apart', async () => {
    const folder = scratchWith({
      'config.json': '{"hidden_act":"gelu"}',
      'vocab.txt': 'a\nb\n',
      'model.safetensors': 'w',
    });
    const point = rewritten(pointOf(), { model: await findModelSource(`hf:${folder}`) });
    writeFileSync(join(folder, 'model.safetensors'), 'x');
    await sameModel(`hf:${folder}`, point);
    writeFileSync(join(folder, 'config.json'), '{"hidden_act":"relu"}');
    await expect(sameModel(`hf:${folder}`, point)).rejects.toMatchObject({
      code: 'PT_MODEL_CHANGED',
      message: expect.stringContaining('(config.json changed)') as string,
    });
  });
});

describe('the key of a user', () => {
  it('knows its own seals and no others', () => {
    const [one, two] = [scratch(), scratch()].map((folder) => OwnKey.open(join(folder, 'own')));
    const seal = one?.seal('text') ?? null;
    expect(seal).toMatch(/^[0-9a-f]{64}$/);
    expect([one?.knows('text', seal), one?.knows('other', seal), one?.knows('text', null)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(two?.knows('text', seal)).toBe(false);
    expect(two?.knows('text', createHash('sha256').update('text').digest('hex'))).toBe(false);
  });

  it('is the same the next time, and none where others could have made or read it', () => {
    const folder = join(scratch(), 'own');
    const seal = OwnKey.open(folder)?.seal('text') ?? null;
    expect(OwnKey.open(folder)?.knows('text', seal)).toBe(true);
    execFileSync('chmod', ['640', join(folder, 'key')]);
    expect(OwnKey.open(folder)).toBeNull();
    const open = join(scratch(), 'open');
    mkdirSync(open);
    execFileSync('chmod', ['777', open]);
    expect(OwnKey.open(open)).toBeNull();
    expect(OwnKey.open('/dev/null')).toBeNull();
  });
});
