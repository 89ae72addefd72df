// VerifyRun: whether a run folder is what it claims to be: its events add up, its checkpoints are whole and belong to
// its losses, its summary says the same. It reads files; it trains nothing.
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { verifyFiles, weightsSha256 } from '../checkpoint/checkpoint.js';
import { type Manifest, readManifest } from '../checkpoint/manifest.js';
import { checkpointsIn } from '../checkpoint/run-checkpoint.js';
import { PipetrainError } from '../core/errors.js';
import { EventFile } from '../events/event-file.js';
import { type Check, Ledger } from '../events/ledger.js';
import { LossDigest } from '../events/loss-digest.js';
import { type EventOf, summarize } from '../events/summary.js';
import type { RunFolder } from '../run/run-folder.js';

/** What is asked of the events beside what they must add up to. */
interface Told {
  readonly ledger: Ledger;
  readonly stepsPerEpoch: number | null;
  readonly finished: EventOf<'run.finished'> | null;
  readonly saved: EventOf<'checkpoint.saved'> | null;
}

/** Checks a run folder; every check, in order, with what is wrong first. */
export function verifyRun(run: RunFolder): Check[] {
  const events = new EventFile(run.eventsPath);
  const names = existsSync(run.checkpointsPath) ? checkpointsIn(run.checkpointsPath) : [];
  const found = names.map((name) => inspect(join(run.checkpointsPath, name)));
  const isExact = found.every(({ manifest }) => manifest?.config['exact'] !== false);
  const told = goThrough(events, isExact);
  return [...told.ledger.checks(), checkCheckpoints(run, told, found, isExact), checkSummary(run, events)];
}

function goThrough(events: EventFile, isExact: boolean): Told {
  const ledger = new Ledger(isExact);
  let [stepsPerEpoch, finished, saved]: [number | null, Told['finished'], Told['saved']] = [null, null, null];
  for (const event of events) {
    ledger.take(event);
    if (event.type === 'run.started') ({ stepsPerEpoch } = event);
    if (event.type === 'run.finished') finished = event;
    if (event.type === 'checkpoint.saved') saved = event;
  }
  return { ledger, stepsPerEpoch, finished, saved };
}

interface Inspected {
  readonly name: string;
  readonly manifest: Manifest | null;
  readonly problem: string | null;
}

/** Every file against its digest, all parameters against theirs. */
function inspect(path: string): Inspected {
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
    return { name, manifest, problem: null };
  } catch (error) {
    if (!(error instanceof PipetrainError)) throw error;
    return { name, manifest: null, problem: error.message };
  }
}

function checkCheckpoints(run: RunFolder, told: Told, found: readonly Inspected[], isExact: boolean): Check {
  const problems = found.flatMap(({ name, manifest, problem }) =>
    problem !== null ? [problem] : manifest === null ? [] : problemsOf(name, manifest, told, isExact),
  );
  const { saved } = told;
  if (saved !== null && !found.some(({ name }) => name === basename(saved.path)))
    problems.push(
      `${join(run.checkpointsPath, basename(saved.path))} is missing: it was written after step ${saved.step} ` +
        'and is the newest',
    );
  return {
    name: 'checkpoints',
    scope: `${found.length} checkpoints: ${found.map(({ name }) => name).join(', ')}`,
    problem: problems[0] ?? null,
  };
}

/** Where a whole checkpoint does not fit the events. */
function problemsOf(name: string, manifest: Manifest, told: Told, isExact: boolean): string[] {
  const { step, cursor, progress, weightsSha256: weights } = manifest;
  const { ledger, stepsPerEpoch, finished } = told;
  if (progress.steps !== step) return [`${name} has the losses of ${progress.steps} steps, it is of step ${step}`];
  if (cursor !== undefined && stepsPerEpoch !== null && cursor.epoch * stepsPerEpoch + cursor.batch !== step)
    return [
      `${name}: after ${step} steps of ${stepsPerEpoch} per epoch the cursor is at epoch ${cursor.epoch}, ` +
        `batch ${cursor.batch}`,
    ];
  if (!isExact) return [];
  const losses = new LossDigest(progress.digest).digest();
  const expected = ledger.lossSha256(step);
  if (expected !== null && expected !== losses)
    return [
      `${name} says that the losses of its ${step} steps have the digest ${losses.slice(0, 16)}, those of the events ` +
        `have ${expected.slice(0, 16)}`,
    ];
  if (finished !== null && finished.steps === step && finished.weightsSha256 !== weights)
    return [
      `${name} has parameters with the digest ${weights.slice(0, 16)}, the run ended with ` +
        finished.weightsSha256.slice(0, 16),
    ];
  return [];
}

/** summary.json is what the events give. */
function checkSummary(run: RunFolder, events: EventFile): Check {
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
