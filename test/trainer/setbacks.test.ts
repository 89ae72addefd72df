// Setbacks: how often a run may recover without getting anywhere.
import { expect, it } from 'vitest';
import { LostWorker } from '../../engine/coordinator/lost-worker.js';
import { Setbacks } from '../../engine/trainer/setbacks.js';

const cause = new LostWorker('w1', 'worker w1 was killed', 'See its events.');
const own = { isOwn: true };
const guest = { isOwn: false };

it('gives up after five recoveries without a step, and begins anew with every step', () => {
  const setbacks = new Setbacks();
  for (let i = 0; i < 4; i++) setbacks.note(cause, [own]);
  setbacks.stepDone();
  for (let i = 0; i < 4; i++) setbacks.note(cause, i % 2 === 0 ? [own, guest] : []);
  expect(setbacks.isSurvivable(cause)).toBe(true);
  setbacks.note(cause, [own]);
  expect(setbacks.isSurvivable(cause)).toBe(false);
});

it('does not give up because guests were cut off, however many', () => {
  const setbacks = new Setbacks();
  for (let i = 0; i < 20; i++) setbacks.note(cause, [guest]);
  expect(setbacks.isSurvivable(cause)).toBe(true);
});
