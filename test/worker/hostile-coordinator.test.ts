// A worker that joins a coordinator which means harm: whatever that says, the worker opens nothing but what its own
// user named and the memory folder that its own command made.
import {
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Message } from '../../engine/comm/frame.js';
import { listen } from '../../engine/comm/listen.js';
import { trainConfigSchema } from '../../engine/core/config.js';
import { orderSchema } from '../../engine/protocol/messages.js';
import { sharedSettings } from '../../engine/protocol/shared-settings.js';
import { sharedMemoryFolder } from '../../engine/tensor/mapped-file.js';
import { OPTIMIZERS } from '../../engine/tensor/optimizers/registry.js';
import { joinAsGuest } from '../coordinator/guest.js';
import { scratch } from '../scratch.js';
import { TINY } from '../trainer/train-run.js';

const PROBE = 'ab'.repeat(16);
const SOMEBODY = 54_321;
const config = trainConfigSchema.parse({ ...TINY, exact: false, devices: 'cpu:1' });
const settings = sharedSettings(config);
/** A setup that a worker obeys. */
const setup = {
  type: 'setup',
  settings,
  executor: 'ort-cpu',
  kernels: false,
  rows: true,
  microBatch: 2,
  probe: PROBE,
  expects: null,
};

/** Joins a coordinator that says `orders`, each when the one before was answered; what the worker said, and its end. */
async function meet(
  orders: readonly Message[],
  { assigned = 'w7', material = {} } = {},
): Promise<{ readonly said: readonly Message[]; readonly end: string | null }> {
  const said: Message[] = [];
  const port = await listen({
    token: 'secret',
    onPeer: (peer) => {
      const rest = [...orders];
      const next = (): void => {
        const order = rest.shift();
        peer.send(order ?? { type: 'stop' });
      };
      peer.onMessage((message) => {
        said.push(message);
        if (['failed', 'fetch'].includes(message.type)) peer.close('it has said enough');
        else if (message.type !== 'pong') next();
      });
      peer.onError(() => undefined);
      peer.send({ type: 'assigned', worker: assigned, heartbeatSeconds: 20 });
      next();
    },
  });
  try {
    const { signal } = new AbortController();
    const end = await joinAsGuest({ url: port.url, token: 'secret' }, { signal, material }).then(
      () => null,
      (error: unknown) => (error as { code: string }).code,
    );
    return { said, end };
  } finally {
    await port.close();
  }
}

describe('a worker that joins', () => {
  let marker = '';
  beforeEach(() => {
    marker = scratch();
    mkdirSync(join(marker, 'kept'));
    writeFileSync(join(marker, 'secret.txt'), 'a word or two, to be learnt by heart');
    writeFileSync(join(marker, 'model.mjs'), `globalThis.process.abort(); export const model = {};`);
    // Older than what it says was written, so that reading it would show.
    for (const name of readdirSync(marker)) utimesSync(join(marker, name), 1e9, 2e9);
  });
  afterEach(() => {
    for (const name of readdirSync(marker)) expect(statSync(join(marker, name)).atimeMs, name).toBe(1e12);
    expect(readdirSync(marker).sort()).toEqual(['kept', 'model.mjs', 'secret.txt']);
    expect(readdirSync(join(marker, 'kept'))).toEqual([]);
  });

  it('puts nothing where a setup says beside what it is for', async () => {
    const folder = join(marker, 'kept');
    const { said, end } = await meet([
      {
        ...setup,
        programCache: folder,
        cacheFolder: folder,
        checkpoints: folder,
        memory: { path: folder, probe: PROBE },
        config: { ...config, memoryDir: folder, cacheDir: folder, out: folder, programCache: folder },
      },
    ]);
    expect(end).toBeNull();
    expect(said[0]).toMatchObject({ type: 'ready' });
  });

  it.each<[string, (marker: string) => object]>([
    ['where to start from', (at) => ({ initFrom: at })],
    ['where memory lies', (at) => ({ memoryDir: at, cacheDir: at, out: at, programCache: at })],
    ['a model file', (at) => ({ model: join(at, 'model.mjs') })],
    ['a model folder', (at) => ({ model: `hf:${at}` })],
    ['data from a file', (at) => ({ data: `text:${join(at, 'secret.txt')}` })],
    ['data from a folder, said to be made', (at) => ({ data: `synthetic:../..${at}` })],
    ['a vocabulary', (at) => ({ dataOptions: { vocab: join(at, 'secret.txt') } })],
    ['an option of the model', (at) => ({ modelOptions: { file: join(at, 'secret.txt') } })],
    ['an option within an option', (at) => ({ modelOptions: { a: [{ b: `..${at}` }] } })],
  ])('refuses settings that name %s', async (_, changes) => {
    const { said, end } = await meet([{ ...setup, settings: { ...settings, ...changes(marker) } }]);
    expect(said).toMatchObject([{ type: 'failed', error: { code: 'PT_PROTOCOL' } }]);
    expect(end).not.toBeNull();
  });

  it('asks for what the run has in files, and takes it from its own user alone', async () => {
    const withheld = { model: [], data: ['vocab'] };
    expect((await meet([{ ...setup, settings: { ...settings, model: null } }])).end).toBe('PT_JOIN_MODEL');
    expect((await meet([{ ...setup, settings: { ...settings, data: null } }])).end).toBe('PT_JOIN_DATA');
    expect((await meet([{ ...setup, settings: { ...settings, withheld } }])).end).toBe('PT_JOIN_DATA');
    expect((await meet([{ ...setup, settings: null }])).end).toBe('PT_PROTOCOL');
  });

  it.each(['../../w1', '/w1', 'w1/..', 'a'.repeat(65), ''])('does not answer to the name %s', async (assigned) => {
    expect(await meet([setup], { assigned })).toMatchObject({ said: [], end: 'PT_PROTOCOL' });
  });

  it.each<[string, (marker: string) => object]>([
    ['a folder', (at) => ({ kind: 'checkpoint', folder: at })],
    ['a path for a name', (at) => ({ kind: 'checkpoint', name: `../../..${at}` })],
    ['a path for a version', (at) => ({ kind: 'snapshot', version: at })],
  ])('reads no checkpoint: a plan that restores %s is refused', async (_, restore) => {
    const { said } = await meet([setup, { type: 'prepare', plan: planOf(restore(marker)), keeper: 0, colleagues: {} }]);
    expect(said).toMatchObject([{ type: 'ready' }, { type: 'failed', error: { code: 'PT_PROTOCOL' } }]);
  });

  it('asks the coordinator for a checkpoint that is named as one of the run', async () => {
    const plan = planOf({ kind: 'checkpoint', name: 'step-00000040' });
    const { said } = await meet([setup, { type: 'prepare', plan, keeper: 0, colleagues: {} }]);
    expect(said.slice(0, 2)).toMatchObject([{ type: 'ready' }, { type: 'fetch', block: 0, generation: 0 }]);
  });

  it.runIf(process.getuid?.() === 0)(
    'stays out of the memory of another user, whose links lead elsewhere',
    async () => {
      const shared = sharedMemoryFolder();
      const trap = join(shared, `pipetrain-1-${process.pid.toString(16).padStart(8, '0')}`);
      mkdirSync(trap, { mode: 0o777 });
      try {
        writeFileSync(join(trap, 'probe'), PROBE);
        for (const file of ['w7.b0.weights', 'snapshot0.b0.weights', 'cache.d1'])
          symlinkSync(join(marker, 'secret.txt'), join(trap, file));
        for (const name of ['', 'probe']) chownSync(join(trap, name), SOMEBODY, SOMEBODY);
        const { said, end } = await meet([setup]);
        expect(end).toBeNull();
        expect(said[0]).toMatchObject({ type: 'ready' });
        expect(said[0]?.['domain']).not.toBe(PROBE);
        expect(readdirSync(trap)).toHaveLength(4);
      } finally {
        rmSync(trap, { recursive: true });
      }
      expect(readFileSync(join(marker, 'kept/../secret.txt'), 'utf8')).toMatch(/^a word/);
      utimesSync(join(marker, 'secret.txt'), 1e9, 2e9); // as it was before we looked
    },
  );
});

describe('what is told to a worker that joins', () => {
  it('has no text that could be a path: every one is a name, a digest, an address or a sentence', () => {
    const schema = z.toJSONSchema(orderSchema, { unrepresentable: 'any' });
    expect(textsOf(schema)).toEqual(
      [
        // Names of built-in things, held by patterns or looked up in lists.
        'executor',
        'settings.cacheCodec',
        'settings.data',
        'settings.model',
        'settings.optimizer',
        // Compared with what is here.
        'expects.data',
        'expects.device',
        'expects.model',
        'expects.processor',
        'probe',
        // Names of options, which are looked up.
        'settings.withheld.data[]',
        'settings.withheld.model[]',
        ...PLAN_TEXTS.map((text) => `plan.${text}`),
        ...PLAN_TEXTS.map((text) => `plans[].${text}`),
        // Names of workers, held by a pattern; where they are reached.
        'workers[]',
        'colleagues{}.address',
        'colleagues{}.domain',
        'colleagues{}.fingerprint',
        // Shown to a colleague, never opened.
        'colleagues{}.pass',
      ].sort(),
    );
  });

  it('is all that training takes, and leaves out what names files', () => {
    const told = sharedSettings(
      trainConfigSchema.parse({
        ...TINY,
        model: './model.ts',
        data: 'text:book.txt',
        modelOptions: { layers: 2, table: 'tables/one.bin' },
        dataOptions: { vocab: 'vocab', match: '.txt', sequence: 8 },
        initFrom: 'runs/one',
        memoryDir: '/mnt/memory',
        out: 'runs/two',
      }),
    );
    expect(told).toMatchObject({
      model: null,
      data: null,
      modelOptions: { layers: 2 },
      dataOptions: { match: '.txt', sequence: 8 },
      withheld: { model: ['table'], data: ['vocab'] },
    });
    expect(JSON.stringify(told)).not.toMatch(/[/\\]/);
    for (const name of OPTIMIZERS.names) for (const key of OPTIMIZERS.get(name).reads) expect(told).toHaveProperty(key);
  });
});

/** Of a plan: names of workers and of the checkpoint, held by patterns; the schedule, its drawing, and why. */
const PLAN_TEXTS = ['grid', 'reason', 'replicas[].stages[].worker', 'restore.name', 'schedule', 'sources[]'];

/** Where in a schema there are texts that are not one of a few words. */
function textsOf(schema: object, at = ''): string[] {
  const { type, enum: words, const: word, properties = {}, items, additionalProperties, ...rest } = schema as Schema;
  const inner = [rest.anyOf, rest.oneOf, rest.allOf].flatMap((list) => list ?? []).flatMap((one) => textsOf(one, at));
  const below = Object.entries(properties).flatMap(([name, one]) => textsOf(one, at === '' ? name : `${at}.${name}`));
  const listed = items === undefined ? [] : textsOf(items, `${at}[]`);
  const kept = typeof additionalProperties === 'object' ? textsOf(additionalProperties, `${at}{}`) : [];
  const own = [type].flat().includes('string') && words === undefined && word === undefined ? [at] : [];
  return [...new Set([...own, ...inner, ...below, ...listed, ...kept])].sort();
}

interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: unknown;
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, object>>;
  readonly items?: object;
  readonly additionalProperties?: object | boolean;
  readonly anyOf?: readonly object[];
  readonly oneOf?: readonly object[];
  readonly allOf?: readonly object[];
}

/** A plan that gives the worker all six blocks of TINY. */
function planOf(restore: object): object {
  return {
    generation: 0,
    frozen: 0,
    microBatch: 2,
    numMicroBatches: config.batch / 2,
    schedule: '1f1b',
    replicas: [{ start: 0, count: config.batch / 2, stages: [{ worker: 'w7', from: 0, to: 6 }] }],
    usesCache: false,
    previousCacheDepth: null,
    frozenBefore: 0,
    sources: Array(6).fill(null),
    restore,
    reason: 'a trap',
  };
}
