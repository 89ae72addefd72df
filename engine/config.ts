// TrainConfig: every setting of a run, validated. It says what is asked for, not what the engine decided (that is a Plan), and not where a
// value came from (cli/ keeps that).
import { z } from 'zod';
import { MEMORY_LIMIT_PATTERN } from './core/memory-limit.js';

const positive = z.number().int().positive();
const choice = <const T extends readonly string[]>(values: T) => z.enum(values);

/** Keys in kebab-case on the command line and in files, camelCase here. Units: steps unless the name says otherwise. */
export const trainConfigSchema = z.strictObject({
  model: z.string().min(1).describe('built-in model (vit, bert, gpt), a .ts/.js file that exports `model`, or hf:DIR with pretrained weights'),
  modelOptions: z.record(z.string(), z.unknown()).default({}).describe('options of the model, e.g. layers=6,width=128'),
  data: z.string().min(1).describe('data set as KIND:PATH, e.g. mnist:DIR, sst2:DIR, text:FILE'),
  dataOptions: z.record(z.string(), z.unknown()).default({}).describe('options of the data kind, e.g. sequence=128'),
  limitSamples: positive.optional().describe('use only the first N training and N validation samples, to try something out'),
  devices: z.string().default('auto').describe('cpu:N workers, auto (one per core, at most 8), or others that pipetrain devices lists (tfjs-wasm:N, ...)'),
  epochs: positive.optional().describe('epochs to train'),
  steps: positive.optional().describe('steps to train; wins over epochs'),
  batch: positive.default(64).describe('samples per step, over all replicas'),
  microBatch: positive.optional().describe('samples per micro-batch; fixed for the run (default: batch / 8, at least 1)'),
  seed: z.number().int().nonnegative().default(1).describe('seed of every random number'),
  lr: z.string().default('1e-3 * (0.02 + 0.98 * 0.5 * (1 + cos(pi * progress)))').describe('learning rate: a number or an expression of step, steps, epoch, epochs, progress'),
  warmup: z.number().nonnegative().default(0).describe('steps of linear warm-up; below 1 it is a share of all steps'),
  optimizer: choice(['adamw', 'sgd']).default('adamw').describe('optimizer'),
  weightDecay: z.number().nonnegative().default(0.01).describe('decoupled weight decay (adamw) or L2 (sgd), on matrices only'),
  beta1: z.number().min(0).max(1).default(0.9).describe('adamw: decay of the first moment'),
  beta2: z.number().min(0).max(1).default(0.999).describe('adamw: decay of the second moment'),
  epsilon: z.number().positive().default(1e-8).describe('adamw: epsilon'),
  momentum: z.number().min(0).max(1).default(0.9).describe('sgd: momentum'),
  nesterov: z.boolean().default(false).describe('sgd: Nesterov momentum'),
  clip: z.number().nonnegative().default(1).describe('largest global gradient norm; 0 switches clipping off'),
  freeze: choice(['none', 'paper', 'alpha', 'manual']).default('none').describe('freeze policy'),
  freezeAlpha: z.number().gt(0).lt(1).default(1 / 3).describe('paper, alpha: share of the active layers that one decision may freeze'),
  freezeInterval: z.string().regex(/^\d+(\.\d+)? ?(steps?|epochs?)$/).default('1 epoch').describe('time between freeze decisions: "N steps" or "N epochs"'),
  freezeSchedule: z.string().default('').describe('manual: STEP:LAYERS pairs, e.g. 100:2,200:4'),
  freezeMax: z.number().int().nonnegative().optional().describe('most transformer layers to freeze (default: all but one)'),
  pipeline: z.union([z.literal('auto'), positive]).default('auto').describe('pipeline length K to start with'),
  replicas: z.union([z.literal('auto'), positive]).default('auto').describe('pipeline replicas R to start with'),
  dp: choice(['auto', 'off']).default('auto').describe('auto: repartition and add replicas as layers freeze; off: keep the shape'),
  partition: choice(['exact', 'paper']).default('exact').describe('exact optimum of the measured costs, or the greedy rule of the paper'),
  schedule: choice(['auto', '1f1b', 'gpipe', 'zb-h1', 'interleaved']).default('auto').describe('pipeline schedule; auto takes the one predicted to be fastest'),
  recompute: z.string().regex(/^(off|on|auto|\d+(,\d+)*)$/).default('auto').describe('stages that compute their forward again instead of keeping its tensors: off, on, auto (where a stage would not fit the memory limit), or a list such as 0,1'),
  memoryLimit: z.string().regex(MEMORY_LIMIT_PATTERN).default('auto').describe('most memory of a worker for plans, e.g. 512MB or 2GiB; auto: the memory of the machine / workers'),
  poolMb: positive.default(256).describe('most memory that a worker keeps for buffers in use and for reuse, MiB; buffers in use alone may exceed it'),
  cache: choice(['auto', 'off']).default('auto').describe('cache of the frozen activations'),
  cacheMb: positive.default(1024).describe('most shared memory for the cache, MiB'),
  cacheCodec: choice(['f32', 'f16', 'i8']).default('f32').describe('how cached activations are stored: f32 exactly, f16 in half the memory, i8 in a quarter; the last two change results, the same way for every shape of the run'),
  cacheDiskMb: z.number().int().nonnegative().default(0).describe('most disk for cached activations that memory has no room for, MiB; 0: none'),
  cacheDir: z.string().min(1).optional().describe('folder for them; default: the folder for temporary files'),
  verifyCache: z.boolean().default(false).describe('recompute every cache hit and compare'),
  exact: z.boolean().default(true).describe('bit-identical results for every shape of the run; --fast switches it off'),
  evalEvery: z.string().regex(/^(\d+(\.\d+)? ?(steps?|epochs?)|never)$/).default('1 epoch').describe('time between validations, or never (the end of the run is always validated)'),
  memoryDir: z.string().min(1).optional().describe('folder for the memory that workers share (default: /dev/shm, where there is none the folder for temporary files)'),
  breakdown: z.boolean().default(false).describe('after training, measure what freezing, repartitioning, replicas and cache each contribute'),
  out: z.string().default('').describe('run folder (default: runs/<date>-<model>)'),
  maxRestarts: z.number().int().nonnegative().default(3).describe('lost workers that are replaced; after that the run goes on with those that are left'),
  checkpointEvery: z.string().regex(/^(\d+(\.\d+)? ?(steps?|epochs?)|never)$/).default('never').describe('time between checkpoints, or never (one is written at the end and when interrupted)'),
  keep: positive.default(3).describe('checkpoints to keep; older ones are deleted'),
  port: z.number().int().min(0).max(65535).default(0).describe('port of the coordinator on the loopback address; 0 takes a free one'),
  tlsCert: z.string().optional().describe('file of the certificate (PEM) with which the port of the coordinator speaks TLS; needs tls-key'),
  tlsKey: z.string().optional().describe('file of the private key (PEM) of tls-cert'),
  programCache: z.string().min(1).default('auto').describe('folder where compiled programs and measured costs are kept for later runs; auto: pipetrain/programs in XDG_CACHE_HOME or ~/.cache; off: nowhere'),
  programCacheMb: positive.default(256).describe('most disk space for that folder, MiB; what was not used for the longest time is deleted'),
  costs: choice(['auto', 'measure']).default('auto').describe('costs of the blocks: auto takes those of an earlier run of the same model on this machine'),
  stepTimeoutSeconds: z.number().positive().default(120).describe('a worker silent for so long is lost'),
});

export type TrainConfig = z.infer<typeof trainConfigSchema>;
export type TrainConfigInput = z.input<typeof trainConfigSchema>;
