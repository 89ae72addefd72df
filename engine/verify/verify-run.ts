// VerifyRun: whether a run folder is what it claims to be: its events add up, its checkpoints are whole and belong to
// its losses, its summary says the same. It reads files; it trains nothing.
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { verifyFiles, weightsSha256 } from '../checkpoint/checkpoint.js';
import { type Manifest, readManifest } from '../checkpoint/manifest.js';
import { checkpointsIn } from '../checkpoint/run-checkpoint.js';
import { PipetrainError } from '../core/errors.js';
import { readEvents } from '../events/event-log.js';
import type { RunEvent } from '../events/events.js';
import { type Check, checkLedger } from '../events/ledger.js';
import { effectiveSteps, eventsOf, summarize } from '../events/summary.js';
import type { RunFolder } from '../run/run-folder.js';

/** Checks a run folder; every check, in order, with what is wrong first. */
export function verifyRun(run: RunFolder): Check[] {
  const events = readEvents(run.eventsPath);
  const names = existsSync(run.checkpointsPath) ? checkpointsIn(run.checkpointsPath) : [];
  const found = names.map((name) => inspect(join(run.checkpointsPath, name), events));
  const isExact = found.every(({ manifest }) => manifest?.config['exact'] !== false);
  return [...checkLedger(events, isExact), checkCheckpoints(run, events, found, isExact), checkSummary(run, events)];
}

interface Inspected {
  readonly name: string;
  readonly manifest: Manifest | null;
  readonly problem: string | null;
}

/** Every file against its digest, all parameters against theirs. */
function inspect(path: string, events: readonly RunEvent[]): Inspected {
  const name = basename(path);
  try {
    const manifest = readManifest(path);
    verifyFiles(path, manifest);
    const weights = weightsSha256(path, manifest);
    if (weights !== manifest.weightsSha256)
      return {
        name,
        manifest,
        problem:
          `${path}: the parameters have the digest ${weights.slice(0, 16)}, the manifest says ` +
          `${manifest.weightsSha256.slice(0, 16)}`,
      };
    const stepsPerEpoch = eventsOf(events, 'run.started').at(-1)?.stepsPerEpoch;
    const { cursor, step } = manifest;
    if (cursor !== undefined && stepsPerEpoch !== undefined && cursor.epoch * stepsPerEpoch + cursor.batch !== step)
      return {
        name,
        manifest,
        problem:
          `${path}: after ${step} steps of ${stepsPerEpoch} per epoch the cursor is at epoch ${cursor.epoch}, ` +
          `batch ${cursor.batch}`,
      };
    return { name, manifest, problem: null };
  } catch (error) {
    if (!(error instanceof PipetrainError)) throw error;
    return { name, manifest: null, problem: error.message };
  }
}

function checkCheckpoints(
  run: RunFolder,
  events: readonly RunEvent[],
  found: readonly Inspected[],
  isExact: boolean,
): Check {
  const lossOf = new Map(effectiveSteps(events).map(({ step, loss }) => [step, loss]));
  const finished = eventsOf(events, 'run.finished').at(-1);
  const problems = found.flatMap(({ name, manifest, problem }) => {
    if (problem !== null) return [problem];
    if (manifest === null) return [];
    const { losses } = manifest.progress;
    if (losses.length !== manifest.step)
      return [`${name} has the losses of ${losses.length} steps, it is of step ${manifest.step}`];
    const differing = isExact ? losses.findIndex((loss, step) => lossOf.has(step) && lossOf.get(step) !== loss) : -1;
    if (differing >= 0)
      return [
        `${name} says that the loss of step ${differing} was ${losses[differing]}, the events say ` +
          `${lossOf.get(differing)}`,
      ];
    if (
      finished !== undefined &&
      finished.steps === manifest.step &&
      isExact &&
      finished.weightsSha256 !== manifest.weightsSha256
    )
      return [
        `${name} has parameters with the digest ${manifest.weightsSha256.slice(0, 16)}, the run ended with ` +
          `${finished.weightsSha256.slice(0, 16)}`,
      ];
    return [];
  });
  const last = eventsOf(events, 'checkpoint.saved').at(-1);
  if (last !== undefined && !found.some(({ name }) => name === basename(last.path)))
    problems.push(
      `${join(run.checkpointsPath, basename(last.path))} is missing: it was written after step ${last.step} ` +
        'and is the newest',
    );
  return {
    name: 'checkpoints',
    scope: `${found.length} checkpoints: ${found.map(({ name }) => name).join(', ')}`,
    problem: problems[0] ?? null,
  };
}

/** summary.json is what the events give. */
function checkSummary(run: RunFolder, events: readonly RunEvent[]): Check {
  if (!existsSync(run.summaryPath))
    return { name: 'summary', scope: 'there is none; the run did not end by itself', problem: null };
  const expected = summarize(events);
  const written = run.readSummary();
  const wrong = (['lossSha256', 'weightsSha256', 'steps', 'samplesSeen', 'finalLoss'] as const).find(
    (field) => written[field] !== expected[field],
  );
  const problem =
    wrong === undefined
      ? null
      : `${run.summaryPath} has ${wrong} ${String(written[wrong])}, the events give ${String(expected[wrong])}`;
  return { name: 'summary', scope: 'steps, samples, loss and both digests are those of the events', problem };
}
