// RunEvent: one line of events.jsonl. Every table, chart and summary is a pure function of these lines. Not a log: free
// text lives only in `reason` and `message` fields.
import { z } from 'zod';
import { PRECISIONS } from '../core/precision.js';
import { dataSummarySchema } from '../data/data-summary.js';
import { lossDigestSchema } from './loss-digest.js';

/** Characters of a text at most, far above what is written: a recording may come from elsewhere. */
const MAX_TEXT = 2 ** 20;

const text = z.string().max(MAX_TEXT);
const whole = z.number().int().nonnegative();
/** Any number. JSON has no NaN and no infinity: it has null there, which is read as NaN. */
const figure = z.preprocess((value) => (value === null ? Number.NaN : value), z.union([z.number(), z.nan()]));
const seconds = z.number().nonnegative();
const shape = z.object({ K: whole, R: whole });

/** One micro-batch step of a stage is not an event; steps, decisions and changes are. */
export const runEventSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('run.started'),
    version: text,
    model: text,
    data: text,
    seed: figure,
    /** Absent: fp32. */
    precision: z.enum(PRECISIONS).optional(),
    blocks: z.array(z.object({ name: text, kind: text, layer: whole.nullable(), parameters: whole })),
    /** Leading layers that, with all that lies before them, start from pretrained weights. */
    pretrainedLayers: whole.optional(),
    /** What was decided about the model, one sentence each. */
    modelNotes: z.array(text).optional(),
    /** Of a run that grows: the numbers of layers one after the other, and the steps of an interval. */
    growth: z.object({ sizes: z.array(whole), interval: whole, way: text }).optional(),
    numTrain: whole,
    numViews: whole.optional(),
    numValidation: whole,
    /** Of a language model: the tokens that it is asked to foretell. */
    tokensPerSample: whole.optional(),
    stepsPlanned: whole,
    stepsPerEpoch: whole,
    batch: whole,
    microBatch: whole,
    /** Of the files that the model was read from. */
    modelSha256: text.optional(),
    machine: text,
    metricName: text,
    higherIsBetter: z.boolean(),
    targetMetric: figure.optional(),
  }),
  /** What was understood from the data. Follows on `run.started`; what is doubtful about it follows as warnings. */
  dataSummarySchema.extend({ type: z.literal('data.read') }),
  /**
   * What `--micro-batch auto` found, before the run starts; `predictedStepMs` is null, and `why` says why, where a size
   * is impossible.
   */
  z.object({
    type: z.literal('microBatch.chosen'),
    microBatch: whole,
    reason: text,
    seconds,
    trials: z.array(
      z.object({
        microBatch: whole,
        numMicroBatches: whole,
        K: whole,
        R: whole,
        schedule: text,
        predictedStepMs: figure.nullable(),
        why: text,
      }),
    ),
  }),
  /** A run that goes on from a checkpoint, after `step` steps. Follows on `run.started`. */
  z.object({
    type: z.literal('resumed'),
    step: whole,
    checkpoint: text,
    /** What computes otherwise than before, where the user accepted that. */
    otherBits: z.array(text).optional(),
  }),
  z.object({
    type: z.literal('weights.loaded'),
    from: text,
    fromStep: whole,
    loaded: z.array(text),
    fresh: z.array(z.object({ block: text, why: text })),
    unused: z.array(text),
  }),
  z.object({
    type: z.literal('worker.joined'),
    worker: text,
    pid: z.number().int(),
    device: text,
    origin: z.object({ name: text, host: text }).optional(),
  }),
  z.object({ type: z.literal('worker.left'), worker: text, step: whole }),
  z.object({ type: z.literal('worker.lost'), worker: text, reason: text }),
  /**
   * A connection that was not let in, or one that was cut because it broke the rules; `count` is how many there were by
   * now.
   */
  z.object({ type: z.literal('peer.dropped'), peer: text, reason: text, count: whole }),
  z.object({
    type: z.literal('recovered'),
    step: whole,
    fromStep: whole,
    lost: z.array(text),
    /** Workers that were started in place of those. */
    started: z.array(text).optional(),
    workers: whole,
    seconds,
  }),
  z.object({
    type: z.literal('costs.measured'),
    isCached: z.boolean(),
    /** Share of the time that others had, how far timings lay apart, and whether both are little. */
    trust: z.object({ othersShare: z.number(), spread: z.number(), isGood: z.boolean() }).optional(),
    seconds,
    handoverMs: figure.optional(),
    handlingMs: figure.optional(),
    blocks: z.array(
      z.object({
        name: text,
        forwardMs: figure,
        backwardMs: figure,
        parameterBytes: figure,
        savedBytes: figure,
        outputBytes: figure,
      }),
    ),
  }),
  z.object({
    type: z.literal('plan.made'),
    generation: whole,
    frozen: whole,
    frozenLayers: whole,
    K: whole,
    R: whole,
    schedule: text,
    microBatches: whole,
    stages: z.array(z.object({ worker: text, replica: whole, stage: whole, from: whole, to: whole })),
    idle: z.array(text),
    predictedStepMs: figure,
    predictedFillMs: figure.optional(),
    predictedReadMs: figure.optional(),
    predictedBubble: figure,
    usesCache: z.boolean(),
    /** Blocks of the model that are not there yet, and those that are new with this plan. */
    absent: z.array(whole).optional(),
    born: z.array(whole).optional(),
    recompute: z.array(figure).optional(),
    memoryPerWorker: z.array(figure).optional(),
    reason: text,
    grid: text,
  }),
  /**
   * The median of `steps` steps of a plan was far from what was predicted for it; costs were corrected, and the plan
   * changed where that seemed to pay.
   */
  z.object({
    type: z.literal('prediction.off'),
    step: whole,
    generation: whole,
    predictedStepMs: figure,
    measuredStepMs: figure,
    steps: whole,
    isReplanned: z.boolean(),
    reason: text,
  }),
  z.object({
    type: z.literal('transition'),
    step: whole,
    generation: whole,
    from: shape,
    to: shape,
    frozen: whole,
    seconds,
    movedBytes: figure,
    parts: z
      .object({
        drainMs: figure,
        planMs: figure,
        stateMs: figure,
        compileMs: figure,
        connectMs: figure,
        snapshotMs: figure,
      })
      .optional(),
  }),
  z.object({
    type: z.literal('programs.ready'),
    generation: whole,
    seconds,
    traced: whole,
    kept: whole,
    fromDisk: whole,
    compiled: whole,
  }),
  /**
   * `pipelineMs`: first forward to last backward of the slowest replica; `pipelineBubble`: idle share of the workers in
   * it, what `predictedBubble` predicts (`bubbleShare` is waiting over the whole step). `shares`: per replica the
   * places [from, to) of the epoch's order that it worked on, and the digest of the sample ids; `replay`: done before,
   * and undone by a recovery.
   */
  z.object({
    type: z.literal('step'),
    step: whole,
    epoch: whole,
    loss: figure,
    lr: figure,
    gradNorm: figure,
    samples: whole,
    seconds,
    generation: whole,
    frozen: whole,
    K: whole,
    R: whole,
    cacheHits: whole,
    cacheMisses: whole,
    bubbleShare: figure,
    commShare: figure,
    computeShare: figure.optional(),
    cacheShare: figure.optional(),
    pipelineMs: figure.optional(),
    pipelineBubble: figure.optional(),
    peakMb: figure.optional(),
    peakMemory: z.record(text, figure).optional(),
    shares: z.array(z.object({ from: whole, to: whole, digest: text })).optional(),
    replay: z.boolean().optional(),
  }),
  z.object({
    type: z.literal('evaluation'),
    step: whole,
    epoch: figure,
    loss: figure,
    /** The one that the run goes by. */
    metric: figure,
    metricName: text,
    /** All by their names, where there are several. */
    metrics: z.record(text, figure).optional(),
    samples: whole,
    seconds,
  }),
  z.object({
    type: z.literal('freeze.decided'),
    step: whole,
    policy: text,
    fromLayers: whole,
    toLayers: whole,
    toBlocks: whole,
    wantedLayers: whole.optional(),
    norms: z.array(figure),
    reason: text,
    held: text.optional(),
  }),
  /** `born`: the layers that are new, and whose copies they are; `losses`: what the policy saw. */
  z.object({
    type: z.literal('grow.decided'),
    step: whole,
    policy: text,
    way: text,
    fromLayers: whole,
    toLayers: whole,
    born: z.array(z.object({ layer: whole, like: whole })),
    losses: z.array(figure),
    reason: text,
  }),
  z.object({
    type: z.literal('freeze.signals'),
    step: whole,
    frozenLayers: whole,
    norms: z.array(figure),
    learningLeft: figure,
    learningSamples: figure,
  }),
  z.object({
    type: z.literal('guard.looked'),
    step: whole,
    metric: figure,
    metricName: text,
    samples: whole,
    seconds,
    watching: whole.optional(),
    expected: figure.optional(),
    allowed: figure.optional(),
    hurts: z.boolean().optional(),
    reason: text,
  }),
  z.object({
    type: z.literal('freeze.rolledBack'),
    step: whole,
    toStep: whole,
    fromLayers: whole,
    toLayers: whole,
    toBlocks: whole,
    heldUntil: figure,
    metric: figure,
    expected: figure,
    allowed: figure,
    reason: text,
  }),
  z.object({
    type: z.literal('cache.changed'),
    step: whole,
    state: z.enum(['on', 'off']),
    depth: whole,
    recordBytes: figure,
    capacity: whole,
    reason: text,
  }),
  /** `stallMs`: for how long training stood still; `writeMs`: for how long it was written, mostly beside training. */
  z.object({
    type: z.literal('checkpoint.saved'),
    step: whole,
    path: text,
    bytes: figure,
    seconds,
    stallMs: figure.optional(),
    writeMs: figure.optional(),
  }),
  /** `code` is the system's (ENOSPC, EACCES, EIO ...). Training goes on; the checkpoints before are as they were. */
  z.object({ type: z.literal('checkpoint.failed'), step: whole, code: text, reason: text, seconds }),
  z.object({
    type: z.literal('breakdown'),
    rows: z.array(
      z.object({
        name: text,
        K: whole,
        R: whole,
        stepMs: figure,
        speedup: figure,
        /** The plan is that of the row before: what differs in time is chance. */
        isUnchanged: z.boolean().optional(),
      }),
    ),
    note: text,
  }),
  z.object({ type: z.literal('sample'), prompt: text, text: text }),
  z.object({ type: z.literal('warning'), message: text }),
  /**
   * Here stood `bytes` bytes that were no event: a write that was cut, a failing disk. They are kept in `file`, beside
   * the events. What they told is not known.
   */
  z.object({ type: z.literal('events.damaged'), bytes: whole, file: text }),
  /**
   * Steps `fromStep` to `toStep` - 1 were done, and no event tells of them: a checkpoint has them, the file of events
   * had lost its end. `digest` is that of the losses of all steps before `toStep`.
   */
  z.object({ type: z.literal('events.lost'), fromStep: whole, toStep: whole, digest: lossDigestSchema }),
  z.object({
    type: z.literal('run.finished'),
    steps: whole,
    samplesSeen: whole,
    finalLoss: figure,
    metric: z.object({ name: text, value: figure }),
    /** Since this process took the run up; the other numbers are of the whole run. */
    wallSeconds: seconds,
    trainSeconds: seconds,
    weightsSha256: text,
    lossSha256: text,
    /** The best whole validation, by the metric or the loss; absent where nobody asked for it. */
    best: z.object({ step: whole, value: z.number(), name: text }).optional(),
    isInterrupted: z.boolean(),
  }),
  /** The run ends before its last step: so many whole validations since the best were not better. */
  z.object({
    type: z.literal('stopped.early'),
    step: whole,
    best: z.object({ step: whole, value: z.number(), name: text }),
    since: whole,
  }),
  z.object({ type: z.literal('run.failed'), code: text, message: text }),
]);

export type RunEventBody = z.infer<typeof runEventSchema>;

/** `time` is seconds since the start of the run. */
export type RunEvent = RunEventBody & { readonly time: number };
