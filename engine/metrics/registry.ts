// METRICS: the metrics by name, and which of them tell of a kind of outcome where nobody names any.
import { Registry } from '../core/registry.js';
import type { OutcomeKind } from '../model/outcome-kind.js';
import { accuracy } from './accuracy.js';
import { f1 } from './f1.js';
import { f1Macro } from './f1-macro.js';
import { f1Micro } from './f1-micro.js';
import { loss } from './loss.js';
import { mae } from './mae.js';
import { mcc } from './mcc.js';
import type { Metric } from './metric.js';
import { pearson } from './pearson.js';
import { perplexity } from './perplexity.js';
import { spearman } from './spearman.js';

/** Adding one is one file and one line here. */
export const METRICS: Registry<Metric> = new Registry<Metric>('metric', [
  // In the order of listings.
  loss,
  accuracy,
  f1,
  f1Macro,
  f1Micro,
  mcc,
  pearson,
  spearman,
  mae,
  perplexity,
]);

/** The first is the one that a run goes by. */
export const USUAL_METRICS: Readonly<Record<OutcomeKind, readonly Metric[]>> = {
  class: [accuracy],
  labels: [f1Micro, f1Macro, accuracy],
  value: [pearson, spearman, mae],
  tags: [accuracy],
  span: [loss],
  tokens: [loss, perplexity],
};
