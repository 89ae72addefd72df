// RunEvent: one line of events.jsonl. Every table, chart and summary is a pure function of these lines. Not a log: free
// text lives only in `reason` and `message` fields.
import { z } from 'zod';

const seconds = z.number().nonnegative();
const shape = z.object({ K: z.number().int(), R: z.number().int() });

/** One micro-batch step of a stage is not an event; steps, decisions and changes are. */
export const runEventSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('run.started'),
    version: z.string(),
    model: z.string(),
    data: z.string(),
    seed: z.number(),
    blocks: z.array(
      z.object({ name: z.string(), kind: z.string(), layer: z.number().nullable(), parameters: z.number() }),
    ),
    numTrain: z.number(),
    numViews: z.number().optional(),
    numValidation: z.number(),
    stepsPlanned: z.number(),
    stepsPerEpoch: z.number(),
    batch: z.number(),
    microBatch: z.number(),
    /** Of the files that the model was read from. */
    modelSha256: z.string().optional(),
    machine: z.string(),
    metricName: z.string(),
    higherIsBetter: z.boolean(),
    targetMetric: z.number().optional(),
  }),
  /**
   * What `--micro-batch auto` found, before the run starts; `predictedStepMs` is null, and `why` says why, where a size
   * is impossible.
   */
  z.object({
    type: z.literal('microBatch.chosen'),
    microBatch: z.number(),
    reason: z.string(),
    seconds,
    trials: z.array(
      z.object({
        microBatch: z.number(),
        numMicroBatches: z.number(),
        K: z.number(),
        R: z.number(),
        schedule: z.string(),
        predictedStepMs: z.number().nullable(),
        why: z.string(),
      }),
    ),
  }),
  /** A run that goes on from a checkpoint, after `step` steps. Follows on `run.started`. */
  z.object({
    type: z.literal('resumed'),
    step: z.number(),
    checkpoint: z.string(),
    /** What computes otherwise than before, where the user accepted that. */
    otherBits: z.array(z.string()).optional(),
  }),
  z.object({
    type: z.literal('weights.loaded'),
    from: z.string(),
    fromStep: z.number(),
    loaded: z.array(z.string()),
    fresh: z.array(z.object({ block: z.string(), why: z.string() })),
    unused: z.array(z.string()),
  }),
  z.object({
    type: z.literal('worker.joined'),
    worker: z.string(),
    pid: z.number(),
    device: z.string(),
    origin: z.object({ name: z.string(), host: z.string() }).optional(),
  }),
  z.object({ type: z.literal('worker.left'), worker: z.string(), step: z.number() }),
  z.object({ type: z.literal('worker.lost'), worker: z.string(), reason: z.string() }),
  /**
   * A connection that was not let in, or one that was cut because it broke the rules; `count` is how many there were by
   * now.
   */
  z.object({ type: z.literal('peer.dropped'), peer: z.string(), reason: z.string(), count: z.number() }),
  z.object({
    type: z.literal('recovered'),
    step: z.number(),
    fromStep: z.number(),
    lost: z.array(z.string()),
    workers: z.number(),
    seconds,
  }),
  z.object({
    type: z.literal('costs.measured'),
    isCached: z.boolean(),
    seconds,
    handoverMs: z.number().optional(),
    handlingMs: z.number().optional(),
    blocks: z.array(
      z.object({
        name: z.string(),
        forwardMs: z.number(),
        backwardMs: z.number(),
        parameterBytes: z.number(),
        savedBytes: z.number(),
        outputBytes: z.number(),
      }),
    ),
  }),
  z.object({
    type: z.literal('plan.made'),
    generation: z.number(),
    frozen: z.number(),
    frozenLayers: z.number(),
    K: z.number(),
    R: z.number(),
    schedule: z.string(),
    microBatches: z.number(),
    stages: z.array(
      z.object({ worker: z.string(), replica: z.number(), stage: z.number(), from: z.number(), to: z.number() }),
    ),
    idle: z.array(z.string()),
    predictedStepMs: z.number(),
    predictedFillMs: z.number().optional(),
    predictedReadMs: z.number().optional(),
    predictedBubble: z.number(),
    usesCache: z.boolean(),
    recompute: z.array(z.number()).optional(),
    memoryPerWorker: z.array(z.number()).optional(),
    reason: z.string(),
    grid: z.string(),
  }),
  /**
   * The median of `steps` steps of a plan was far from what was predicted for it; costs were corrected, and the plan
   * changed where that seemed to pay.
   */
  z.object({
    type: z.literal('prediction.off'),
    step: z.number(),
    generation: z.number(),
    predictedStepMs: z.number(),
    measuredStepMs: z.number(),
    steps: z.number(),
    isReplanned: z.boolean(),
    reason: z.string(),
  }),
  z.object({
    type: z.literal('transition'),
    step: z.number(),
    generation: z.number(),
    from: shape,
    to: shape,
    frozen: z.number(),
    seconds,
    movedBytes: z.number(),
    parts: z
      .object({
        drainMs: z.number(),
        planMs: z.number(),
        stateMs: z.number(),
        compileMs: z.number(),
        connectMs: z.number(),
        snapshotMs: z.number(),
      })
      .optional(),
  }),
  z.object({
    type: z.literal('programs.ready'),
    generation: z.number(),
    seconds,
    traced: z.number(),
    kept: z.number(),
    fromDisk: z.number(),
    compiled: z.number(),
  }),
  /**
   * `pipelineMs`: first forward to last backward of the slowest replica; `pipelineBubble`: idle share of the workers in
   * it, what `predictedBubble` predicts (`bubbleShare` is waiting over the whole step). `shares`: per replica the
   * places [from, to) of the epoch's order that it worked on, and the digest of the sample ids; `replay`: done before,
   * and undone by a recovery.
   */
  z.object({
    type: z.literal('step'),
    step: z.number(),
    epoch: z.number(),
    loss: z.number(),
    lr: z.number(),
    gradNorm: z.number(),
    samples: z.number(),
    seconds,
    generation: z.number(),
    frozen: z.number(),
    K: z.number(),
    R: z.number(),
    cacheHits: z.number(),
    cacheMisses: z.number(),
    bubbleShare: z.number(),
    commShare: z.number(),
    computeShare: z.number().optional(),
    cacheShare: z.number().optional(),
    pipelineMs: z.number().optional(),
    pipelineBubble: z.number().optional(),
    peakMb: z.number().optional(),
    peakMemory: z.record(z.string(), z.number()).optional(),
    shares: z.array(z.object({ from: z.number(), to: z.number(), digest: z.string() })).optional(),
    replay: z.boolean().optional(),
  }),
  z.object({
    type: z.literal('evaluation'),
    step: z.number(),
    epoch: z.number(),
    loss: z.number(),
    metric: z.number(),
    metricName: z.string(),
    samples: z.number(),
    seconds,
  }),
  z.object({
    type: z.literal('freeze.decided'),
    step: z.number(),
    policy: z.string(),
    fromLayers: z.number(),
    toLayers: z.number(),
    toBlocks: z.number(),
    wantedLayers: z.number().optional(),
    norms: z.array(z.number()),
    reason: z.string(),
    held: z.string().optional(),
  }),
  z.object({
    type: z.literal('freeze.signals'),
    step: z.number(),
    frozenLayers: z.number(),
    norms: z.array(z.number()),
  }),
  z.object({
    type: z.literal('guard.looked'),
    step: z.number(),
    metric: z.number(),
    metricName: z.string(),
    samples: z.number(),
    seconds,
    watching: z.number().optional(),
    expected: z.number().optional(),
    allowed: z.number().optional(),
    hurts: z.boolean().optional(),
    reason: z.string(),
  }),
  z.object({
    type: z.literal('freeze.rolledBack'),
    step: z.number(),
    toStep: z.number(),
    fromLayers: z.number(),
    toLayers: z.number(),
    toBlocks: z.number(),
    heldUntil: z.number(),
    metric: z.number(),
    expected: z.number(),
    allowed: z.number(),
    reason: z.string(),
  }),
  z.object({
    type: z.literal('cache.changed'),
    step: z.number(),
    state: z.enum(['on', 'off']),
    depth: z.number(),
    recordBytes: z.number(),
    capacity: z.number(),
    reason: z.string(),
  }),
  /** `stallMs`: for how long training stood still; `writeMs`: for how long it was written, mostly beside training. */
  z.object({
    type: z.literal('checkpoint.saved'),
    step: z.number(),
    path: z.string(),
    bytes: z.number(),
    seconds,
    stallMs: z.number().optional(),
    writeMs: z.number().optional(),
  }),
  /** `code` is the system's (ENOSPC, EACCES, EIO ...). Training goes on; the checkpoints before are as they were. */
  z.object({ type: z.literal('checkpoint.failed'), step: z.number(), code: z.string(), reason: z.string(), seconds }),
  z.object({
    type: z.literal('breakdown'),
    rows: z.array(
      z.object({ name: z.string(), K: z.number(), R: z.number(), stepMs: z.number(), speedup: z.number() }),
    ),
    note: z.string(),
  }),
  z.object({ type: z.literal('sample'), prompt: z.string(), text: z.string() }),
  z.object({ type: z.literal('warning'), message: z.string() }),
  z.object({
    type: z.literal('run.finished'),
    steps: z.number(),
    samplesSeen: z.number(),
    finalLoss: z.number(),
    metric: z.object({ name: z.string(), value: z.number() }),
    wallSeconds: seconds,
    trainSeconds: seconds,
    weightsSha256: z.string(),
    lossSha256: z.string(),
    isInterrupted: z.boolean(),
  }),
  z.object({ type: z.literal('run.failed'), code: z.string(), message: z.string() }),
]);

export type RunEventBody = z.infer<typeof runEventSchema>;

/** `time` is seconds since the start of the run. */
export type RunEvent = RunEventBody & { readonly time: number };
