// Messages between the coordinator and a worker: discriminated unions, decoded by a schema on arrival. Tensors are not
// among them; they go through shared memory, and between hosts beside them (comm/remote-write.ts).
import { z } from 'zod';
import { MAX_BLOCKS, MAX_MICRO_BATCHES, MAX_WORKERS, planSchema, WORKER_NAME } from '../core/plan.js';
import { sharedSettingsSchema } from './shared-settings.js';

/** Characters of a text that a worker reports. */
export const MAX_TEXT = 20_000;
/** A text for people. What a worker sends is clipped before (report-text.ts). */
const text = z.string().max(MAX_TEXT);
/** A name, an address, a digest. */
const word = z.string().max(1000);
const errorSchema = z.object({
  code: z.string().max(64),
  exitCode: z.number().int().min(0).max(255),
  message: text,
  hint: text,
  stack: text.optional(),
});
const index = z.number().int().nonnegative();
/** Any float: z.number() refuses NaN and infinities, which are just what the coordinator must learn of. */
const float = z.custom<number>((value) => typeof value === 'number', 'expected a number');
/** Milliseconds or bytes that were measured: finite, and no less than nothing. */
const amount = z.number().nonnegative().max(1e15);
const workerName = z.string().regex(WORKER_NAME);
/** Micro-batches, actions and chunks: no plan has more of them, and expected-report.ts knows how many there must be. */
const MAX_ACTIONS = 4 * MAX_MICRO_BATCHES;
/** Of 16,384 elements, in the gradient of a block; and micro-batches of validation samples. */
const MAX_CHUNKS = 2 ** 20;
const MAX_EVALUATIONS = 2 ** 20;

/**
 * How one worker is reached by another: its address, what its certificate is known by where it speaks TLS, the name of
 * the memory it keeps its tensors in, and the pass that it lets that other one in by.
 */
const colleagueSchema = z.object({
  address: word,
  fingerprint: word.nullable(),
  domain: word,
  pass: z.string().max(128),
});
export type Colleague = z.infer<typeof colleagueSchema>;
const colleaguesSchema = z
  .record(workerName, colleagueSchema)
  .refine((colleagues) => Object.keys(colleagues).length <= MAX_WORKERS, `more than ${MAX_WORKERS} colleagues`);

/** What the coordinator tells a worker. */
export const orderSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('setup'),
    /** For a worker that joins; the coordinator's own were told all settings by whoever started them. */
    settings: sharedSettingsSchema.nullable(),
    executor: word,
    /** Whether all workers compute with our kernels. */
    kernels: z.boolean(),
    /** Whether gradients of row tables are kept by rows: all workers lay them out alike. */
    rows: z.boolean(),
    microBatch: z.number().int().positive(),
    /**
     * What the run's shared memory can be told by (see shared-folder.ts); a worker that does not find it is on another
     * host.
     */
    probe: word,
    /**
     * What a worker that joins must find on its own: the same model and the same data, the same kind of processor, and
     * what devices compute with where that has versions and kinds of its own (empty where it has not).
     */
    expects: z
      .object({ model: word, data: word, processor: z.string().max(2000), device: z.string().max(2000) })
      .nullable(),
  }),
  /**
   * Of a micro-batch of `microBatch` samples. `workers` measure at the same time, and in pairs what a hand-over between
   * them takes.
   */
  z.object({
    type: z.literal('measure-costs'),
    microBatch: z.number().int().positive(),
    workers: z.array(workerName).max(MAX_WORKERS),
    colleagues: colleaguesSchema,
  }),
  /**
   * First half of a transition: allocate, fetch state, compile. `keeper` is the replica that snapshots and checkpoints
   * are taken from.
   */
  z.object({
    type: z.literal('prepare'),
    plan: planSchema,
    keeper: index,
    colleagues: colleaguesSchema,
  }),
  /** Second half: connect to the neighbours, drop what is no longer needed. */
  z.object({ type: z.literal('activate'), generation: index }),
  /** Run one step (and, by the commits, those after it). */
  z.object({ type: z.literal('start'), generation: index, step: index }),
  /**
   * Apply the step's update and, where `goesOn`, run the next one. `rates` are factors of the learning rate per block
   * of the model, `counts` are per block the updates that its optimizer states have seen with this one.
   */
  z.object({
    type: z.literal('commit'),
    generation: index,
    step: index,
    learningRate: z.number(),
    gradientScale: z.number(),
    updateCount: z.number().int().positive(),
    rates: z.array(z.number()).max(MAX_BLOCKS).optional(),
    counts: z.array(z.number().int().positive()).max(MAX_BLOCKS).optional(),
    goesOn: z.boolean(),
    snapshot: index.nullable(),
  }),
  /** Begin a snapshot of this worker's blocks, between steps; the next step may compute meanwhile. */
  z.object({ type: z.literal('snapshot'), generation: index, step: index, version: index }),
  /** Give up whatever is being done for a generation; state is restored afterwards. */
  z.object({ type: z.literal('abort') }),
  /** Answered at once by a worker that can still answer. */
  z.object({ type: z.literal('ping') }),
  /** On every `stride`-th micro-batch of the validation samples. */
  z.object({ type: z.literal('evaluate'), generation: index, stride: z.number().int().positive() }),
  /** Begin to copy the state of this worker's blocks to where a checkpoint is written from while training goes on. */
  z.object({ type: z.literal('copy-state'), generation: index }),
  /** Plans that may come next: their programs may be compiled while nothing else is to be done. */
  z.object({ type: z.literal('prewarm'), plans: z.array(planSchema).max(64) }),
  z.object({ type: z.literal('stop') }),
]);

/** What a worker tells the coordinator. */
export const reportSchema = z.discriminatedUnion('type', [
  /**
   * `computeMs`: forward and backward of a micro-batch through the whole model; null for a worker on the coordinator's
   * host that computes with the same kind of device as those that measure.
   */
  z.object({
    type: z.literal('ready'),
    device: word,
    address: word.regex(/^wss?:\/\//),
    fingerprint: word.nullable(),
    domain: word,
    /** What opens its port; see colleagues.ts. */
    secret: z.string().regex(/^[0-9a-f]{64}$/),
    computeMs: amount.nullable(),
    startSeconds: amount,
  }),
  z.object({
    type: z.literal('costs'),
    blocks: z
      .array(
        z.object({
          forwardMs: amount,
          backwardMs: amount,
          inputGradientMs: amount,
          weightGradientMs: amount,
          gradientBytes: amount,
          savedBytes: amount,
          carriedBytes: amount,
          outputBytes: amount,
          copyBytes: amount,
        }),
      )
      .max(MAX_BLOCKS),
    /** By codec. */
    readMsPerMb: z.record(z.string().max(64), amount),
    updateMsPerMb: amount,
    /** How far it may be believed (costs/cost-trust.ts). */
    trust: z.object({ othersShare: amount.max(1), spread: amount }),
    handover: z.object({ handoverMs: amount, handlingMs: amount }).nullable(),
  }),
  z.object({ type: z.literal('prepared'), generation: index, movedBytes: amount, stateMs: amount }),
  z.object({
    type: z.literal('active'),
    generation: index,
    programs: z.object({ ms: amount, traced: index, kept: index, fromDisk: index, compiled: index }),
  }),
  z.object({
    type: z.literal('step-ready'),
    generation: index,
    step: index,
    /** Loss of each micro-batch of this replica, in order; empty but on the last stage. */
    losses: z.array(z.object({ micro: index, loss: float })).max(MAX_MICRO_BATCHES),
    /** Sums of squares per chunk of the reduced gradient, for the chunks this worker owns. */
    squares: z
      .array(z.object({ block: index, fromChunk: index, values: z.array(float).max(MAX_CHUNKS) }))
      .max(MAX_BLOCKS),
    computeMs: z.number(),
    waitMs: amount,
    /**
     * Begin and end of every action of this worker in the order of its schedule, milliseconds on the clock of the
     * machine.
     */
    spans: z.array(z.number()).max(2 * MAX_ACTIONS),
    reduceMs: amount,
    /** Reading and writing cached activations; not in \`computeMs\`. */
    cacheMs: amount,
    cacheHits: index,
    cacheMisses: index,
    /** Bytes resident now, and the most this worker has needed so far (process-memory.ts). */
    residentBytes: amount,
    peakBytes: amount,
    /** Which places of the batch this replica worked on. */
    share: z.object({ replica: index, from: index, to: index, digest: z.string().max(64) }),
    /** Buffers that the worker's pool has lent at the end of the step, their bytes, and the bytes it holds in all. */
    pool: z.object({ lent: index, lentBytes: amount, bytes: amount }),
  }),
  /** The last update of a run of steps is applied: this worker's state is what others may copy. */
  z.object({ type: z.literal('paused'), generation: index, step: index }),
  /** `problem` says why the snapshot is not whole; training goes on without it. */
  z.object({ type: z.literal('snapshot-written'), step: index, version: index, problem: text.nullable() }),
  z.object({ type: z.literal('aborted') }),
  /** With the worker that this one waits for, where it waits for one. */
  z.object({ type: z.literal('pong'), waitsFor: workerName.nullable().optional() }),
  /**
   * The work in hand is given up because of a neighbour, where one is named: its connection or its memory is gone, or
   * (`isFault`) it could not be reached at all, or broke the rules.
   */
  z.object({
    type: z.literal('stuck'),
    message: text,
    about: z.object({ worker: workerName, isFault: z.boolean() }).nullable(),
  }),
  /** A connection to this worker's port was not let in, or was cut. */
  z.object({ type: z.literal('dropped'), peer: z.string().max(200), reason: z.string().max(1000) }),
  z.object({
    type: z.literal('evaluated'),
    generation: index,
    results: z.array(z.object({ index, statistics: z.instanceof(Float32Array) })).max(MAX_EVALUATIONS),
  }),
  /** `problem`: why there is no copy. `waitedMs`: for how long an update waited for it. */
  z.object({ type: z.literal('state-copied'), generation: index, problem: text.nullable(), waitedMs: amount }),
  z.object({ type: z.literal('cache-off'), reason: text }),
  z.object({ type: z.literal('failed'), error: errorSchema }),
  /** Somebody wants this worker to go: it works on until its state is with others and it is told to stop. */
  z.object({ type: z.literal('leaving') }),
]);

/**
 * The first word to a worker that joins: its name in this run, and after how long a silence each side gives up the
 * other.
 */
export const assignmentSchema = z.object({
  type: z.literal('assigned'),
  worker: z.string().regex(WORKER_NAME),
  heartbeatSeconds: z.number().positive().max(1e6),
});

export type Order = z.infer<typeof orderSchema>;
export type Report = z.infer<typeof reportSchema>;
export type ReportOf<T extends Report['type']> = Extract<Report, { type: T }>;
