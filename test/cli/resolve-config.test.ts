// Configuration: precedence, spelling, origins, and what people are told about mistakes.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupedKeys } from '../../cli/config/config-keys.js';
import type { FlagValue } from '../../cli/config/config-layers.js';
import { resolveConfig } from '../../cli/config/resolve-config.js';
import { type PipetrainError, UsageError } from '../../engine/core/errors.js';
import { configKeys, toCamel, toKebab } from '../../engine/run/setting-keys.js';
import type { ResolvedConfig } from '../../engine/session/resolve-settings.js';
import { showResolved } from '../../engine/session/resolved-yaml.js';
import { rejectionOf } from '../error-of.js';
import { scratch, scratchWith } from '../scratch.js';

interface Given {
  readonly file?: string;
  readonly env?: Record<string, string>;
  readonly flags?: Record<string, FlagValue>;
  readonly suited?: Record<string, unknown>;
}

function resolve({ file, env = {}, flags = {}, suited = { epochs: 3 } }: Given): Promise<ResolvedConfig> {
  let path: string | null = null;
  if (file !== undefined) {
    path = join(scratch(), 'tiny.yaml');
    writeFileSync(path, file);
  }
  return resolveConfig({
    file: path,
    env,
    flags: new Map(Object.entries(flags)),
    modelDefaults: () => Promise.resolve(suited),
  });
}

const NEEDED = { model: 'gpt', data: 'text:x' };

/** What the settings are refused with, which is a fault of whoever wrote them. */
async function failure(given: Given): Promise<PipetrainError> {
  const error = await rejectionOf(resolve(given));
  expect(error).toBeInstanceOf(UsageError);
  return error;
}

describe('precedence', () => {
  test('defaults, what suits the model, file, environment, flags: each wins over those before it', async () => {
    const layers: Given[] = [
      {},
      { suited: { epochs: 3, batch: 16 } },
      { file: 'batch: 24' },
      { env: { PIPETRAIN_BATCH: '40' } },
      { flags: { batch: '48' } },
    ];
    const seen: [number, string | undefined][] = [];
    let given: Given = {};
    for (const layer of layers) {
      given = { ...given, ...layer, flags: { ...NEEDED, ...layer.flags } };
      const { config, origins } = await resolve(given);
      seen.push([config.batch, origins.get('batch')?.replace(/file .*tiny/, 'file tiny')]);
    }
    expect(seen).toEqual([
      [64, 'default'],
      [16, 'model gpt'],
      [24, 'file tiny.yaml, line 1'],
      [40, 'environment PIPETRAIN_BATCH'],
      [48, 'flag --batch'],
    ]);
  });

  test('options of the model are put together name by name', async () => {
    const { config, origins } = await resolve({
      file: 'model-options: {layers: 6, head-width: 32}',
      flags: { ...NEEDED, modelOptions: ['layers=4,width=128', 'rate=0.1'] },
    });
    expect(config.modelOptions).toEqual({ layers: 4, headWidth: 32, width: 128, rate: 0.1 });
    expect(origins.get('modelOptions.layers')).toBe('flag --model-options');
    expect(origins.get('modelOptions.headWidth')).toContain('tiny.yaml');
  });

  test('epochs on the command line replace the steps of a file, and the other way round', async () => {
    const epochs = await resolve({ file: 'steps: 100', flags: { ...NEEDED, epochs: '2' } });
    expect([epochs.config.steps, epochs.config.epochs]).toEqual([undefined, 2]);
    const steps = await resolve({ file: 'epochs: 7', flags: { ...NEEDED, steps: '5' } });
    expect([steps.config.steps, steps.config.epochs]).toEqual([5, undefined]);
  });

  test('a micro-batch that suits the model is kept only where it divides the batch asked for', async () => {
    const suited = { epochs: 3, batch: 64, microBatch: 8 };
    expect((await resolve({ suited, flags: NEEDED })).config.microBatch).toBe(8);
    expect((await resolve({ suited, flags: { ...NEEDED, batch: '32' } })).config.microBatch).toBe(8);
    expect((await resolve({ suited, flags: { ...NEEDED, batch: '12' } })).config.microBatch).toBeUndefined();
    // What a person asks for is never dropped; the engine tells them.
    expect((await resolve({ suited, flags: { ...NEEDED, batch: '12', microBatch: '8' } })).config.microBatch).toBe(8);
  });
});

describe('spelling', () => {
  test('--fast is exact: false; switches take true and false in the environment', async () => {
    const { config, origins } = await resolve({
      flags: { ...NEEDED, fast: true },
      env: { PIPETRAIN_VERIFY_CACHE: '1', PIPETRAIN_NESTEROV: 'false' },
    });
    expect([config.exact, config.verifyCache, config.nesterov]).toEqual([false, true, false]);
    expect(origins.get('exact')).toBe('flag --fast');
  });

  test('a value that YAML takes for the beginning of something is the text that it is', async () => {
    for (const mark of ['|', '>', '#', '&a', '!'])
      expect((await resolve({ flags: { ...NEEDED, dataOptions: [`separator=${mark}`] } })).config.dataOptions).toEqual({
        separator: mark,
      });
    expect((await resolve({ flags: { ...NEEDED, dataOptions: ['a="",b=null'] } })).config.dataOptions).toEqual({
      a: '',
      b: null,
    });
  });

  test('a learning rate may be a number in a file', async () => {
    expect((await resolve({ file: 'lr: 1e-3', flags: NEEDED })).config.lr).toBe('0.001');
  });

  test('numbers or words: pipeline takes both', async () => {
    expect((await resolve({ flags: { ...NEEDED, pipeline: '2' } })).config.pipeline).toBe(2);
    expect((await resolve({ flags: { ...NEEDED, pipeline: 'auto' } })).config.pipeline).toBe('auto');
  });

  test('kebab-case and camelCase are inverse for every setting', () => {
    for (const { name, kebab } of configKeys) expect([toCamel(kebab), toKebab(name)]).toEqual([name, kebab]);
  });

  test('every setting is in exactly one group of the help', () => {
    const grouped = groupedKeys().flatMap(({ keys }) => keys.map(({ name }) => name));
    expect([...grouped].sort()).toEqual(configKeys.map(({ name }) => name).sort());
  });
});

/** Each line stands for nine times the line before. */
const ALIASES = Array.from('abcdefghi', (name, i) => {
  const inner = i === 0 ? 'x' : `*${'abcdefghi'[i - 1]}`;
  return `  ${name}: &${name} [${Array<string>(9).fill(inner).join(', ')}]`;
})
  .join('\n')
  .replace(/^/, 'model-options:\n');

describe('mistakes', () => {
  test.each([
    [
      'a wrong key in a file',
      { file: '# mine\nmicrobatch: 4', flags: NEEDED },
      'PT_CONFIG_KEY',
      /tiny\.yaml, line 2: there is no setting "microbatch"/,
      /micro-batch/,
    ],
    [
      'a camelCase key in a file',
      { file: 'microBatch: 4', flags: NEEDED },
      'PT_CONFIG_KEY',
      /"microBatch"/,
      /Did you mean "micro-batch"/,
    ],
    [
      'a name of other programs in a file',
      { file: 'learning-rate: 1e-3', flags: NEEDED },
      'PT_CONFIG_KEY',
      /"learning-rate"/,
      /Did you mean "lr"/,
    ],
    [
      'an option of the data in a file',
      { file: 'max_length: 64', flags: NEEDED },
      'PT_CONFIG_KEY',
      /"max_length"/,
      /Did you mean "data-options: \{sequence: 128\}"/,
    ],
    ['fast in a file', { file: 'fast: true', flags: NEEDED }, 'PT_CONFIG_KEY', /"fast"/, /exact: false/],
    [
      'a wrong variable',
      { env: { PIPETRAIN_MICRO_BATH: '4' }, flags: NEEDED },
      'PT_CONFIG_KEY',
      /PIPETRAIN_MICRO_BATH/,
      /Did you mean PIPETRAIN_MICRO_BATCH/,
    ],
    [
      'a number that is none',
      { flags: { ...NEEDED, batch: 'abc' } },
      'PT_CONFIG_VALUE',
      /batch is "abc" \(flag --batch\); it must be a whole number above 0/,
      /samples per step/,
    ],
    [
      'a number out of range',
      { env: { PIPETRAIN_BETA1: '1.5' }, flags: NEEDED },
      'PT_CONFIG_VALUE',
      /beta1 is 1\.5 \(environment PIPETRAIN_BETA1\); it must be a number from 0 to below 1/,
      /./,
    ],
    [
      'a word that is near one',
      { flags: { ...NEEDED, freeze: 'papr' } },
      'PT_CONFIG_VALUE',
      /one of none, paper/,
      /did you mean "paper"/,
    ],
    [
      'pairs that are none',
      { flags: { ...NEEDED, modelOptions: ['layers'] } },
      'PT_CONFIG_VALUE',
      /model-options is "layers".*NAME=VALUE/,
      /./,
    ],
    [
      'a list for a number',
      { file: 'batch: [1, 2]', flags: NEEDED },
      'PT_CONFIG_VALUE',
      /batch is \[1,2\] \(file .*line 1\)/,
      /./,
    ],
    [
      'two mistakes at once',
      { flags: { ...NEEDED, batch: '0', clip: '-1' } },
      'PT_CONFIG_VALUE',
      /2 settings are wrong:\n {2}batch is 0 .*\n {2}clip is -1/,
      /./,
    ],
    ...(['0x10', '1_000', '1e-3x', 'Infinity', 'NaN', ' 8', '1e999', '9007199254740993'] as const).map(
      (text) =>
        [
          `the number "${text}"`,
          { flags: { ...NEEDED, batch: text } },
          'PT_CONFIG_VALUE',
          /^batch is ".*" \(flag --batch\); it must be a whole number/,
          /./,
        ] as const,
    ),
    [
      'numbers of YAML that are not decimal',
      { file: 'batch: 0x10\nclip: .inf', flags: NEEDED },
      'PT_CONFIG_VALUE',
      /batch is "0x10".*\n {2}clip is "\.inf"/,
      /./,
    ],
    ['a flag that is empty', { flags: { ...NEEDED, initFrom: '' } }, 'PT_CONFIG_VALUE', /--init-from is empty/, /out/],
    ['a flag that is blank', { flags: { ...NEEDED, lr: ' ' } }, 'PT_CONFIG_VALUE', /--lr is empty/, /out/],
    ['no time', { flags: { ...NEEDED, evalEvery: '0 steps' } }, 'PT_CONFIG_VALUE', /eval-every is "0 steps"/, /./],
    ...(['__proto__', 'a.b', ' ', '1'] as const).map(
      (name) =>
        [
          `an option "${name}"`,
          { flags: { ...NEEDED, modelOptions: [`${name}=1`] } },
          'PT_CONFIG_KEY',
          /--model-options has the option ".*", which is no name of one/,
          /./,
        ] as const,
    ),
    [
      'an option of a file that objects have',
      { file: 'data-options: {__proto__: {x: 1}}', flags: NEEDED },
      'PT_CONFIG_KEY',
      /line 1: data-options has the option "__proto__"/,
      /./,
    ],
    [
      'an option twice',
      { flags: { ...NEEDED, modelOptions: ['layers=2,layers=3'] } },
      'PT_CONFIG_VALUE',
      /the option layers twice, as 2 and 3/,
      /./,
    ],
    [
      'an option in two flags',
      { flags: { ...NEEDED, modelOptions: ['head-width=2', 'headWidth=3'] } },
      'PT_CONFIG_VALUE',
      /the option headWidth twice, as 2 and 3/,
      /./,
    ],
    [
      'a setting that nobody reads',
      { flags: { ...NEEDED, freezeSchedule: '10:1' } },
      'PT_CONFIG_IDLE',
      /^freeze-schedule \(flag --freeze-schedule\) has no effect: only the freeze policy manual reads it/,
      /change freeze/,
    ],
    [
      'a flag that nobody reads, though it has its default',
      { flags: { ...NEEDED, optimizer: 'sgd', beta1: '0.9' } },
      'PT_CONFIG_IDLE',
      /^beta1 .* only the optimizers adamw and lamb read it/,
      /./,
    ],
    [
      'settings of a file that decides against them',
      { file: 'freeze: none\ncache-mb: 9\nnesterov: true', flags: NEEDED },
      'PT_CONFIG_IDLE',
      /^2 settings have no effect:\n {2}nesterov \(file .*line 3\).*\n {2}cache-mb \(file .*line 2\)/,
      /change optimizer, freeze/,
    ],
    ['epochs and steps', { flags: { ...NEEDED, epochs: '2', steps: '3' } }, 'PT_CONFIG_IDLE', /^epochs/, /steps/],
    ['no model and no data', {}, 'PT_CONFIG_MISSING', /model and data must be given/, /--model/],
    ['no length', { flags: NEEDED, suited: {} }, 'PT_CONFIG_MISSING', /how long/, /--epochs/],
    ['broken YAML', { file: 'batch: 3\nmodel: [', flags: NEEDED }, 'PT_CONFIG_SYNTAX', /tiny\.yaml, line \d/, /./],
    ['a key twice', { file: 'batch: 3\nbatch: 4', flags: NEEDED }, 'PT_CONFIG_SYNTAX', /line 2/, /./],
    ['aliases of aliases without end', { file: ALIASES, flags: NEEDED }, 'PT_CONFIG_SYNTAX', /alias count/, /./],
    [
      'lists in lists without end',
      { file: `batch: ${'['.repeat(3e4)}`, flags: NEEDED },
      'PT_CONFIG_SYNTAX',
      /tiny\.yaml/,
      /./,
    ],
    ['a file that is a list', { file: '- batch', flags: NEEDED }, 'PT_CONFIG_SYNTAX', /does not hold settings/, /./],
  ] as const)('%s', async (_, given, code, message, hint) => {
    const error = await failure(given);
    expect([error.code, error.exitCode]).toEqual([code, 2]);
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
  });

  test('a file that does not exist', async () => {
    await expect(
      resolveConfig({ file: '/no/such.yaml', env: {}, flags: new Map(), modelDefaults: () => Promise.resolve({}) }),
    ).rejects.toMatchObject({ code: 'PT_CONFIG_FILE', message: expect.stringContaining('no such file') as string });
  });

  test.each([
    [
      'of more than 65536 bytes',
      () => join(scratchWith({ 'big.yaml': '# remark\n'.repeat(8000) }), 'big.yaml'),
      'PT_FILE_TOO_LARGE',
    ],
    ['that is a folder', () => scratch(), 'PT_NOT_A_FILE'],
    ['that is a device', () => '/dev/zero', 'PT_NOT_A_FILE'],
  ])('a file %s', async (_, path, code) => {
    const asked = { file: path(), env: {}, flags: new Map(), modelDefaults: () => Promise.resolve({}) };
    expect((await rejectionOf(resolveConfig(asked))).code).toBe(code);
  });

  test('an empty file and an empty value change nothing', async () => {
    expect((await resolve({ file: '', flags: NEEDED })).config.batch).toBe(64);
    expect((await resolve({ file: 'batch:\n', flags: NEEDED })).config.batch).toBe(64);
  });
});

describe('a setting that nobody reads', () => {
  test('may stand in a file where a flag decides, and in the environment', async () => {
    const file = 'freeze: paper\nfreeze-alpha: 0.2\ncache-mb: 9';
    expect((await resolve({ file, flags: { ...NEEDED, freeze: 'none' } })).config.freezeAlpha).toBe(0.2);
    const env = { PIPETRAIN_FREEZE_ALPHA: '0.2' };
    expect((await resolve({ env, flags: NEEDED })).config.freezeAlpha).toBe(0.2);
  });

  test('is left out where only a model would have it', async () => {
    const { config, origins } = await resolve({
      suited: { epochs: 3, beta2: 0.95, momentum: 0.5 },
      flags: { ...NEEDED, optimizer: 'sgd' },
    });
    expect([config.beta2, config.momentum, origins.get('beta2')]).toEqual([0.999, 0.5, 'default']);
  });

  test('is no error in what a run wrote', async () => {
    const written = showResolved(await resolve({ env: { PIPETRAIN_FREEZE_ALPHA: '0.2' }, flags: NEEDED }));
    const file = join(scratchWith({ 'config.resolved.yaml': written }), 'config.resolved.yaml');
    const again = await resolveConfig({
      file,
      env: {},
      flags: new Map(),
      modelDefaults: () => Promise.resolve({}),
    });
    expect(again.config.freezeAlpha).toBe(0.2);
  });
});

describe('config.resolved.yaml', () => {
  test('says where each value comes from', async () => {
    const text = showResolved(
      await resolve({ file: 'seed: 7', flags: { ...NEEDED, batch: '48', modelOptions: ['layers=4'] } }),
    );
    expect(text).toMatch(/^batch: 48 +# from flag --batch$/m);
    expect(text).toMatch(/^seed: 7 +# from file .*tiny\.yaml, line 1$/m);
    expect(text).toMatch(/^ {2}layers: 4 +# from flag --model-options$/m);
    expect(text).toMatch(/^clip: 1 +# from default$/m);
    expect(text).toMatch(/^# freeze-max: +# not set$/m);
  });

  test('read again it is the same configuration, whatever the texts hold', async () => {
    const texts = fc.string({ minLength: 1 }).filter((text) => text.trim() === text && text !== '');
    await fc.assert(
      fc.asyncProperty(
        texts,
        texts,
        fc.dictionary(fc.constantFrom('layers', 'width', 'name'), fc.oneof(fc.integer(), fc.boolean(), texts)),
        fc.integer({ min: 1, max: 999 }),
        async (model, data, options, batch) => {
          const first = await resolveConfig({
            file: null,
            env: {},
            flags: new Map(),
            preset: { name: 'test', values: { model, data, modelOptions: options, batch } },
            modelDefaults: () => Promise.resolve({ epochs: 1 }),
          });
          const second = await resolveAgain(showResolved(first));
          expect(second.config).toEqual(first.config);
        },
      ),
      { numRuns: 60 },
    );
  });
});

function resolveAgain(text: string): Promise<ResolvedConfig> {
  return resolveConfig({
    file: join(scratchWith({ 'again.yaml': text }), 'again.yaml'),
    env: {},
    flags: new Map(),
    modelDefaults: () => Promise.resolve({}),
  });
}
