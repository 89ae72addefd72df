// Invitation: what a worker process is told on its standard input by whoever started it: where the coordinator is and
// who it is there. Nothing in it came over a network.
import { z } from 'zod';
import { trustSchema } from '../comm/tls.js';
import { trainConfigSchema } from '../core/config.js';

/** What a joining worker uses whatever the run says: its device, and the paths that its own user named. */
const ownSchema = z.object({
  /** How it is called in listings. */
  name: z.string(),
  executor: z.string(),
  deviceNumber: z.number().int().nonnegative(),
  model: z.string().nullable(),
  data: z.string().nullable(),
  modelOptions: z.record(z.string(), z.unknown()),
  dataOptions: z.record(z.string(), z.unknown()),
  /**
   * Address and port for other workers; null takes the address by which the coordinator is reached, and a free port.
   */
  host: z.string().nullable(),
  port: z.number().int().min(0).max(65535),
  /**
   * Where workers of this host keep their tensors when the memory of the run is on another one, and what it is told by.
   */
  memory: z.object({ path: z.string(), probe: z.string() }),
});

/**
 * What the coordinator's own workers are told, because they act for the same user: all settings, and the folders of the
 * run. No order has a path in it.
 */
const runMeansSchema = z.object({
  config: trainConfigSchema,
  /** The shared memory of the run, and what it is told by. */
  memory: z.object({ path: z.string(), probe: z.string() }),
  /** Where programs are kept between runs, or null. */
  programCache: z.string().nullable(),
  /** Where cached activations go that memory has no room for, or null. */
  cacheFolder: z.string().nullable(),
  /** Where the checkpoints of the run lie, or null where it writes and reads none. */
  checkpoints: z.string().nullable(),
});

export const invitationSchema = z.object({
  url: z.string(),
  /** The socket of the file system that leads there, for processes of the coordinator's user; null where none does. */
  local: z.string().nullable(),
  token: z.string(),
  /** The name of a worker that the coordinator started; one that joins is given its name on arrival. */
  worker: z.string().nullable(),
  /** What that worker shows besides the token, so that nobody else can come in its name; null for one that joins. */
  pass: z.string().nullable(),
  /** The address on which a worker of the coordinator's host listens for its neighbours. */
  host: z.string().nullable(),
  /** Where the coordinator speaks TLS: what to believe of its certificate. */
  trust: trustSchema.optional(),
  /** For a worker that joins; null for the coordinator's own. */
  own: ownSchema.nullable(),
  /** For the coordinator's own; null for one that joins. */
  run: runMeansSchema.nullable(),
});

export type Invitation = z.infer<typeof invitationSchema>;
export type OwnMeans = z.infer<typeof ownSchema>;
export type RunMeans = z.infer<typeof runMeansSchema>;
