// The freeze policies by name. Adding one is one file and one line here.
import { Registry } from '../engine/core/registry.js';
import { alpha } from './alpha.js';
import { anneal } from './anneal.js';
import { auto } from './auto.js';
import { change } from './change.js';
import { manual } from './manual.js';
import { none } from './none.js';
import { paper } from './paper.js';
import type { FreezePolicyKind } from './policy.js';

export const FREEZE_POLICIES = new Registry<FreezePolicyKind>('freeze policy', [
  // In the order of listings.
  none,
  paper,
  alpha,
  change,
  anneal,
  manual,
  auto,
]);
