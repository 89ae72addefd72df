import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trainConfigSchema } from '../../engine/core/config.js';
import { type PipetrainError, UsageError } from '../../engine/core/errors.js';
import { compileLearningRate } from '../../engine/run/learning-rate.js';
import { runLearningRate } from '../../engine/run/run-learning-rate.js';
import { requireLearningRates } from '../../engine/run/run-learning-rate.js';
import { errorOf, rejectionOf } from '../error-of.js';

const at = (step: number, steps = 100, epoch = 0, epochs = 1) => ({ step, steps, epoch, epochs });

/** What `action` throws, which is a fault of whoever wrote the settings. */
function failure(action: () => unknown): PipetrainError {
  const error = errorOf(action);
  expect(error).toBeInstanceOf(UsageError);
  return error;
}

describe('a learning rate', () => {
  it('is a plain number', () => {
    for (const [text, value] of [
      ['0.1', 0.1],
      ['1e-3', 1e-3],
      [' 2.5E-4 ', 2.5e-4],
      ['0', 0],
    ] as const)
      expect(compileLearningRate(text, 0)(at(7))).toBe(value);
  });

  it('is an expression of the progress of the run', () => {
    const rate = compileLearningRate('1e-3 * 0.5 * (1 + cos(pi * progress))', 0);
    for (const step of [0, 1, 50, 99]) expect(rate(at(step))).toBe(1e-3 * 0.5 * (1 + Math.cos(Math.PI * (step / 100))));
  });

  it('knows every variable', () => {
    expect(
      compileLearningRate(
        'step + 10 * steps + 1000 * epoch + 1e4 * epochs + 0 * progress + pi - pi + e - e',
        0,
      )({ step: 3, steps: 5, epoch: 1.5, epochs: 2 }),
    ).toBe(3 + 50 + 1500 + 20000);
  });

  it('has conditions, comparisons and the listed functions', () => {
    const rate = compileLearningRate(
      'step < 30 ? 0.1 : step < 60 and not (step == 45) ? 0.01 : max(min(1, 2), floor(0.5)) ^ 2 % 7',
      0,
    );
    expect([0, 29, 30, 45, 59, 60].map((step) => rate(at(step)))).toEqual([0.1, 0.1, 0.01, 1, 0.01, 1]);
  });

  it('compiles the default of the configuration', () => {
    const { lr, warmup } = trainConfigSchema.parse({ model: 'vit', data: 'mnist:x' });
    const rate = compileLearningRate(lr, warmup);
    expect(rate(at(0))).toBe(1e-3);
    expect(rate(at(99))).toBeLessThan(1e-4);
  });
});

describe('warm-up', () => {
  it('grows linearly over a number of steps and reaches the rate at the last of them', () => {
    const rate = compileLearningRate('2', 4);
    expect([0, 1, 2, 3, 4, 99].map((step) => rate(at(step)))).toEqual([0.5, 1, 1.5, 2, 2, 2]);
  });

  it('below 1 is a share of all steps', () => {
    const rate = compileLearningRate('1', 0.04);
    expect([0, 1, 2, 3, 4].map((step) => rate(at(step)))).toEqual([0.25, 0.5, 0.75, 1, 1]);
  });

  it('multiplies an expression', () => {
    expect(compileLearningRate('step + 1', 10)(at(4))).toBe(5 * 0.5);
  });
});

describe('a named schedule', () => {
  const rates = (settings: object, steps: readonly number[]): number[] => {
    const config = trainConfigSchema.parse({ model: 'vit', data: 'mnist:x', lr: '2', ...settings });
    const rate = runLearningRate({ config, totalSteps: 12, sampler: { stepsPerEpoch: 4 } });
    return steps.map(rate);
  };

  it.each([
    ['constant', [1, 2, 2, 2, 2]],
    ['linear', [1, 2, 2, 1.1, 0.38]],
    ['cosine', [1, 2, 2, 1.1, 0.2 + 0.9 * (1 + Math.cos(0.9 * Math.PI))]],
    ['wsd', [1, 2, 2, 2, 0.92]],
  ])('%s warms up, then goes from the peak to the floor', (lrSchedule, expected) => {
    const found = rates({ lrSchedule, warmup: 2, lrFloor: 0.1, lrDecay: 0.25 }, [0, 1, 2, 7, 11]);
    for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 12);
  });
});

describe('an expression that is not arithmetic', () => {
  it.each([
    ['x = 1', 'an assignment'],
    ['f(x) = x', 'a function definition'],
    ['step.constructor', 'a property access'],
    ['"a"["constructor"]', 'a property access'],
    ['rate * 2', 'the symbol "rate"'],
    ['Infinity', 'the value'],
    ['"text"', 'the value "text"'],
    ['true', 'the value true'],
    ['# nothing', 'the value of an empty part'],
    ['step; 2', 'more than one expression'],
    ['[1, 2]', 'a list'],
    ['{a: 1}', 'an object'],
    ['1:3', 'a range'],
    ['step!', 'the operator "!"'],
    ['cos', 'the function "cos" without its parentheses'],
    ['cos + 1', 'the function "cos" without its parentheses'],
    ['2 cm', '"2 cm", two values without an operator'],
    ['1e-3 steps', 'two values without an operator'],
    ['0x10 * step', '0x10; numbers are decimal'],
    ['step.toString()', 'a call of'],
    ['(x = 3) + 1', 'an assignment'],
    ['cos(y = 3)', 'an assignment'],
    ['step > 3 ? import : 2', 'the symbol "import"'],
  ])('%s is refused and named', (text, what) => {
    const error = failure(() => compileLearningRate(text, 0));
    expect(error.code).toBe('PT_LR_EXPRESSION');
    expect(error.message).toContain(what);
    expect(error.hint).toContain('progress');
  });

  it.each([
    'import',
    'createUnit',
    'evaluate',
    'parse',
    'simplify',
    'derivative',
    'resolve',
    'reviver',
    'config',
    'typed',
    'compile',
    'parser',
    'random',
    'toString',
    'constructor',
    'hasOwnProperty',
  ])('the function %s is refused', (name) => {
    expect(failure(() => compileLearningRate(`${name}("1")`, 0)).message).toContain(`the function "${name}"`);
  });

  it('a syntax error says where', () => {
    expect(failure(() => compileLearningRate('1 + * 2', 0)).message).toContain('char 5');
    expect(failure(() => compileLearningRate('  ', 0)).message).toBe('the learning rate is empty');
  });

  it('a text beyond the limit is not parsed', () => {
    expect(failure(() => compileLearningRate(`1${'+1'.repeat(400)}`, 0)).message).toContain(
      '801 characters; at most 500',
    );
  });

  it('no text does anything but compile or fail with a UsageError', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9+*\-/^%().,:;=?<>!"'[\]{} \n]{0,30}$/), (text) => {
        try {
          compileLearningRate(text, 0);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('a rate that cannot be used', () => {
  it.each([
    ['1 / step', 'Infinity'],
    ['log(progress - 2)', 'NaN'],
    ['step < 3', 'true'],
    ['sqrt(0 - 1 - step)', 'NaN'],
    ['step - 1', '-1'],
    ['1e39 + step', '1e\\+39'],
    ['1e200 * 1e200 + step', 'Infinity'],
  ])('%s is refused as %s, with the step', (text, value) => {
    const error = failure(() => compileLearningRate(text, 0)(at(0)));
    expect(error.code).toBe('PT_LR_EXPRESSION');
    expect(error.message).toMatch(new RegExp(`is ${value} at step 0 of 100 \\(epoch 0\\); it must be a finite number`));
    expect(error.hint).toContain('every step from 0 to 99');
  });

  it.each(['-1', '1e39', '1e200 * 1e200'])('%s, the same at every step, is refused without one', (text) => {
    const error = failure(() => compileLearningRate(text, 0)(at(0)));
    expect(error.message).toMatch(/^the learning rate ".*" is [^ ]+; it must be a finite number and at least 0$/);
    expect(error.hint).toContain('a number of at least 0');
  });

  const run = (lr: string, totalSteps: number, stepsPerEpoch = 10) => ({
    config: trainConfigSchema.parse({ model: 'vit', data: 'mnist:x', lr }),
    totalSteps,
    sampler: { stepsPerEpoch },
  });

  it.each([
    ['at one step in between', 'step == 33 ? 1 / 0 : 1e-3', 33, 1000],
    ['at the first', '1 / step', 0, 1000],
    ['at the last', '1 / abs(999 - step)', 999, 1000],
    ['in one epoch', 'epoch == 7 ? 0 - 1 : 1', 70, 1000],
    ['where epochs begin', '1 / (step % 10)', 0, 1000],
    ['late in a long run', '1 / abs(step - 123456)', 123_456, 200_000],
  ])('%s is found before the run', async (_, lr, step, steps) => {
    const error = await rejectionOf(requireLearningRates(run(lr, steps)));
    expect([error.code, error.exitCode]).toEqual(['PT_LR_EXPRESSION', 2]);
    expect(error.message).toContain(`at step ${step} of ${steps}`);
  });

  it('is looked for at both ends, at the sides of epochs and in between in a run that is longer', async () => {
    const steps = 1e9;
    const found = async (lr: string): Promise<string> =>
      (await rejectionOf(requireLearningRates(run(lr, steps, 1000), 4000))).message.replace(
        /.*at step (\d+) of.*/,
        '$1',
      );
    expect(await found('1 / abs(step - 999)')).toBe('999');
    expect(await found('1 / abs(step - 999999001)')).toBe('999999001');
    expect(await found('1 / abs(step - 500000)')).toBe('500000');
    expect(await found('1 / abs(step - 499999)')).toBe('499999');
    expect(await found('step > 5e8 and step < 6e8 ? 0 - 1 : 1')).toMatch(/^5\d{8}$/);
    await expect(requireLearningRates(run('1e-3', steps), 4000)).resolves.toBeUndefined();
  });
});
