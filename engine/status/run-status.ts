// RunStatus: how a run stands: its plan, its progress and its workers. What a running coordinator answers, and what the
// events of a run that is over tell. It holds no connection and asks nobody.
import { z } from 'zod';

const count = z.number().int().nonnegative();
const figure = z.number().nullable();
const text = z.string().max(4096);

const workerStatusSchema = z.object({
  worker: text,
  /** How it is called where it was started; null for the run's own workers. */
  name: text.nullable(),
  /** The host it says it runs on. */
  host: text.nullable(),
  pid: z.number().int(),
  /** Null until it has loaded model and data. */
  device: text.nullable(),
  /**
   * joining: it loads; idle: it has no seat in the plan; draining: it works on until its state is with others; gone: it
   * took part until the run was over, or killed.
   */
  state: z.enum(['joining', 'idle', 'training', 'draining', 'lost', 'gone']),
  /** Seconds since anything was heard of it; null where nobody listens to it. */
  heardSeconds: figure,
  /** Most memory it has needed so far, bytes. */
  peakBytes: figure,
});

export const runStatusSchema = z.object({
  /**
   * `killed`: the events end in the middle and no process goes on with them; `silent`: the process is there and does
   * not answer.
   */
  state: z.enum(['starting', 'running', 'finished', 'interrupted', 'failed', 'killed', 'silent']),
  /** What ended the run, or what to do next; null where there is nothing to say. */
  note: text.nullable(),
  model: text.nullable(),
  data: text.nullable(),
  /** Steps done, and planned in all. */
  steps: count,
  stepsPlanned: count.nullable(),
  /** Of the last step. */
  loss: figure,
  /** Over the last steps. */
  samplesPerSecond: figure,
  plan: z
    .object({
      generation: count,
      K: count,
      R: count,
      schedule: text,
      frozen: count,
      blocks: count,
      usesCache: z.boolean(),
    })
    .nullable(),
  workers: z.array(workerStatusSchema).max(4096),
});

export type RunStatus = z.infer<typeof runStatusSchema>;
export type WorkerStatus = z.infer<typeof workerStatusSchema>;

/** The one message a coordinator sends to somebody who asks. */
export const statusMessageSchema = z.object({ type: z.literal('status'), status: runStatusSchema });
