// FreshFreeze: blocks that would be frozen before the first step although they start fresh. They would stay noise for
// the whole run, which is nearly never meant. Only a schedule that a person wrote can ask for it.
import { UsageError } from '../core/errors.js';
import type { RunSetup } from '../run/run-setup.js';
import { startsTrained } from '../run/trained-start.js';
import { Freezer } from './freezer.js';

/**
 * What to warn of where the whole model starts from scratch, or null. Where other blocks start from trained weights, a
 * fresh one among those that freeze is a mistake: throws a UsageError (PT_FREEZE_FRESH).
 */
export function freshFrozenAtStart(setup: RunSetup): string | null {
  const freezer = new Freezer(setup);
  if (!freezer.isDue(0)) return null;
  const { toLayers, toBlocks } = freezer.decide(0);
  const { blocks } = setup.model;
  const fresh = blocks.slice(0, toBlocks).filter((block) => !startsTrained(block));
  if (fresh.length === 0) return null;
  const frozen = toLayers === 1 ? '1 layer' : `${toLayers} layers`;
  const names = fresh.map(({ name }) => name).join(', ');
  const problem =
    `the freeze policy ${setup.config.freeze} freezes ${frozen} before the first step, and ${names} ` +
    `${fresh.length === 1 ? 'starts' : 'start'} fresh: random numbers that would never be trained`;
  if (!blocks.some((block) => Object.keys(block.params).length > 0 && startsTrained(block))) return problem;
  const most = setup.trained.trainedLayers;
  throw new UsageError(
    'PT_FREEZE_FRESH',
    problem,
    `Freeze them later, when they have been trained (--freeze-schedule STEP:LAYERS)${
      most === 0 ? '' : `, or at most ${most} ${most === 1 ? 'layer' : 'layers'} at once`
    }.`,
  );
}
