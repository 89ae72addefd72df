// What grow-replay says of two growths beside each other.
import { expect, test } from 'vitest';
import { growReplayLines } from '../../cli/text/grow-replay-text.js';
import type { GrowReplay } from '../../engine/growing/grow-replay.js';

const run: GrowReplay['run'] = [
  {
    type: 'grow.decided',
    time: 1,
    step: 50,
    policy: 'manual',
    way: 'stack',
    fromLayers: 3,
    toLayers: 6,
    born: [],
    losses: [],
    reason: 'grows from 3 to 6 layers: the schedule says 6 layers from step 50, this is step 50',
  },
];
const decision = (step: number, toLayers: number) => ({ step, fromLayers: 3, toLayers, reason: 'a: it fell by 0.1' });

test('each step has what the policy decides, why, and what the run did', () => {
  const decisions = [decision(25, 3), decision(75, 6)];
  const text = growReplayLines({ policy: 'auto', isOwn: false, numLayers: 6, decisions, run }, 80).join('\n');
  expect(text).toMatch(/25 +stays at 3 +-\n +why: it fell by 0.1/);
  expect(text).toMatch(/50 +- +3 -> 6\n/);
  expect(text).toMatch(/75 +3 -> 6 +-/);
  expect(text).toContain('It was asked with the losses of the run as it was.');
});
test('the own policy says whether it comes out as it decided', () => {
  const own = (decisions: GrowReplay['decisions']) =>
    growReplayLines({ policy: 'manual', isOwn: true, numLayers: 6, decisions, run }, 80).join('\n');
  expect(own([decision(50, 6)])).toContain('1 decision, all as the run took them');
  expect(own([decision(60, 6)])).toContain('1 of 1 decision differ');
});
