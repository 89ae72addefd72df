// TrainConfig: every setting of a run, validated. It says what is asked for, not what the engine decided (that is a
// Plan), and not where a value came from (cli/ keeps that).
import { z } from 'zod';
import { DURATION_NEVER_OR_AUTO_PATTERN, DURATION_OR_NEVER_PATTERN, DURATION_PATTERN } from './duration.js';
import { MEMORY_LIMIT_PATTERN } from './memory-limit.js';
import { OPTIMIZER_SETTINGS } from './optimizer-settings.js';
import { PRECISIONS } from './precision.js';

const positive = z.number().int().positive();
/** A name in a registry; which there are is known higher up (engine/run/run-config.ts). */
const name = z.string().min(1);
/** Timers count at most 2^31 ms; a longer one would ring at once. */
const LONGEST_WAIT_SECONDS = 2_000_000;
/** Samples of a step; the ids of one are a list. */
const MOST_SAMPLES = 2 ** 24;
const choice = <const T extends readonly string[]>(values: T) => z.enum(values);

/** Keys in kebab-case on the command line and in files, camelCase here. Units: steps unless the name says otherwise. */
export const trainConfigSchema = z.strictObject({
  model: z
    .string()
    .min(1)
    .describe(
      'built-in model (such as vit, bert, gpt), a .ts/.js file that exports `model`, or hf:DIR with pretrained weights',
    ),
  modelOptions: z.record(z.string(), z.unknown()).default({}).describe('options of the model, e.g. layers=6,width=128'),
  initFrom: z
    .string()
    .default('')
    .describe(
      'start from the weights of a run or a checkpoint: blocks that match by name and shape, and whose classes and ' +
        'tokens mean the same; texts are read with its vocabulary unless data-options ask for another (legend=none)',
    ),
  initStrict: z.boolean().default(false).describe('init-from: every parameter of the model must be found'),
  initOtherProgram: z
    .boolean()
    .default(false)
    .describe(
      'init-from: blocks may compute something else than what their weights were trained for (other heads ...)',
    ),
  data: z.string().min(1).describe('data set as KIND:PATH, e.g. mnist:DIR, sst2:DIR, text:FILE'),
  dataOptions: z
    .record(z.string(), z.unknown())
    .default({})
    .describe(
      'options of the data kind, e.g. sequence=128; of every kind legend=FILE: tokens and classes have the numbers ' +
        'that the legend.json of another run gives them',
    ),
  augment: choice(['none', 'shift'])
    .default('none')
    .describe('random change of the training samples, another one every epoch: shift moves images'),
  augmentPixels: positive.default(2).describe('shift: most pixels in each direction'),
  views: positive
    .optional()
    .describe(
      'augment: so many fixed views of every sample, one after the other, so that frozen activations can be ' +
        'cached (default: a new one every epoch)',
    ),
  limitSamples: positive
    .optional()
    .describe('use only N training and N validation samples, drawn by class, to try something out'),
  devices: z
    .string()
    .default('auto')
    .describe(
      'cpu:N workers, cuda:N, others that pipetrain devices lists, or auto: one per GPU that PyTorch can use, else ' +
        'one per usable core, at most 8; several kinds (cpu:1,cuda:1) with --fast',
    ),
  kernels: choice(['auto', 'off'])
    .default('auto')
    .describe(
      'machine code for the heavy operations: auto, where the devices are cpu and the processor has AVX-512; ' +
        'off: the operators of ONNX Runtime alone (other bits)',
    ),
  precision: choice(PRECISIONS)
    .default('fp32')
    .describe(
      'numbers that a run computes with: fp32, or bf16 (products of bfloat16 summed in float32, activations in ' +
        'bfloat16, weights and sums in float32)',
    ),
  epochs: positive.optional().describe('epochs to train'),
  steps: positive.optional().describe('steps to train, instead of epochs'),
  batch: positive.max(MOST_SAMPLES).default(64).describe('samples per step, over all replicas'),
  microBatch: z
    .union([z.literal('auto'), positive])
    .optional()
    .describe(
      'samples per micro-batch, fixed for the run; auto measures several sizes at the start and takes the ' +
        'one whose step is predicted to be fastest (default: batch / 8, at least 1)',
    ),
  seed: z.number().int().nonnegative().default(1).describe('seed of every random number'),
  ...OPTIMIZER_SETTINGS,
  freeze: name
    .default('auto')
    .describe(
      'freeze policy; auto: the lower layers of pretrained weights (hf:DIR) as their share in what is still to learn ' +
        'gets small, nothing of what started from scratch',
    ),
  freezeAlpha: z
    .number()
    .gt(0)
    .lt(1)
    .default(1 / 3)
    .describe('paper, alpha: share of the active layers that one decision may freeze'),
  freezePercentile: z
    .number()
    .min(0)
    .max(100)
    .default(50)
    .describe('change: a layer whose gradient norm changed less than this percentile of the active layers may freeze'),
  freezeStart: z
    .number()
    .gt(0)
    .max(1)
    .default(0.5)
    .describe(
      'anneal: share of the run after which the learning rate of the first layer has come to zero; the last ' +
        'layer trains to the end',
    ),
  freezeBudget: z
    .number()
    .min(0)
    .max(1)
    .default(0.2)
    .describe(
      'auto: share of what the run will learn that frozen layers may give up: what is still to come, times their ' +
        'part of the gradient',
    ),
  freezeInterval: z
    .string()
    .regex(DURATION_PATTERN)
    .optional()
    .describe(
      'time between freeze decisions: "N steps" or "N epochs", also fractions of an epoch; every run records its ' +
        'gradient norms so often, also one in which nothing freezes (default: auto and none a fortieth of the run, ' +
        'other policies 1 epoch)',
    ),
  freezeSchedule: z.string().default('').describe('manual: STEP:LAYERS pairs, e.g. 100:2,200:4'),
  freezeMax: z
    .number()
    .int()
    .nonnegative()
    .optional()
    .describe('most transformer layers to freeze (default: all but one)'),
  guard: choice(['auto', 'on', 'off'])
    .default('auto')
    .describe(
      'roll a freeze back that hurts the validation metric; auto: where the policy decides by itself (not ' +
        'manual, not anneal)',
    ),
  guardEvery: z
    .string()
    .regex(DURATION_PATTERN)
    .optional()
    .describe(
      'time between two looks of the guard at the validation metric (default: the whole validations of --eval-every ' +
        'serve as looks, at no cost, where there is one in an epoch; else 0.5 epochs, or a tenth of a shorter run)',
    ),
  guardSamples: positive
    .optional()
    .describe(
      'validation samples of a look of its own, about (default: as many as cost 2 % of the training between two ' +
        'looks, at least 128)',
    ),
  guardTolerance: z
    .number()
    .nonnegative()
    .default(0.3)
    .describe(
      'points of the metric (percent where lower is better) that a freeze may cost against what was to be ' +
        'expected, beyond chance',
    ),
  guardCooldown: z
    .string()
    .regex(DURATION_OR_NEVER_PATTERN)
    .default('2 epochs')
    .describe('time without freezing after one was rolled back; doubles every time. never: no end'),
  grow: z
    .string()
    .min(1)
    .default('none')
    .describe(
      'start with fewer layers and grow: STEP:LAYERS pairs, e.g. 0:3,500:6 for 3 layers that become 6 at step 500; ' +
        'auto: when the loss of the smaller model falls more slowly; none',
    ),
  growFrom: positive.optional().describe('grow auto: layers to start with; each growth doubles them (default: half)'),
  growBy: name
    .default('auto')
    .describe(
      'what new layers start from: stack (copies of the layers below, 1 2 1 2), interleave (1 1 2 2), identity ' +
        '(copies that change nothing until they have learnt to), or auto: identity where the blocks of the model say ' +
        'how, else stack',
    ),
  pipeline: z
    .union([z.literal('auto'), positive])
    .default('auto')
    .describe('pipeline length K to start with'),
  replicas: z
    .union([z.literal('auto'), positive])
    .default('auto')
    .describe('pipeline replicas R to start with'),
  dp: choice(['auto', 'pipe', 'off'])
    .default('auto')
    .describe(
      'auto: repartition and add replicas as layers freeze; pipe: repartition and shorten pipelines, but add ' +
        'no replicas; off: keep the shape',
    ),
  partition: choice(['exact', 'paper'])
    .default('exact')
    .describe('exact optimum of the measured costs, or the greedy rule of the paper'),
  schedule: z
    .string()
    .min(1)
    .default('auto')
    .describe(
      'pipeline schedule: a name, a file with the grid of one, or auto, which takes the one predicted to be fastest',
    ),
  replan: choice(['auto', 'off'])
    .default('auto')
    .describe(
      'auto: where steps take 20 % more or less than predicted, correct the costs and take a plan that is ' +
        'then better; off: never',
    ),
  recompute: z
    .string()
    .regex(/^(off|on|auto|\d+(,\d+)*)$/)
    .default('auto')
    .describe(
      'stages that compute their forward again instead of keeping its tensors: off, on, auto (where a stage ' +
        'would not fit the memory limit), or a list such as 0,1',
    ),
  memoryLimit: z
    .string()
    .regex(MEMORY_LIMIT_PATTERN)
    .default('auto')
    .describe(
      "most memory of a worker for plans, e.g. 512MB or 2GiB; auto: the machine's, less copies of the state, / workers",
    ),
  poolMb: positive
    .default(256)
    .describe(
      'most memory that a worker keeps for buffers in use and for reuse, MiB; buffers in use alone may exceed it',
    ),
  cache: choice(['auto', 'off']).default('auto').describe('cache of the frozen activations'),
  cacheMb: positive.default(1024).describe('most shared memory for the cache, MiB'),
  cacheCodec: name.default('f32').describe('how cached activations are stored'),
  cacheDiskMb: z
    .number()
    .int()
    .nonnegative()
    .default(0)
    .describe('most disk for cached activations that memory has no room for, MiB; 0: none'),
  cacheDir: z.string().min(1).optional().describe('folder for them; default: the folder for temporary files'),
  verifyCache: z.boolean().default(false).describe('recompute every cache hit and compare'),
  exact: z.boolean().default(true).describe('bit-identical results for every shape of the run; --fast switches it off'),
  evalEvery: z
    .string()
    .regex(DURATION_OR_NEVER_PATTERN)
    .default('1 epoch')
    .describe('time between validations, or never (the end of the run is always validated)'),
  memoryDir: z
    .string()
    .min(1)
    .optional()
    .describe(
      'folder for the memory that workers share (default: /dev/shm, where there is none the folder for ' +
        'temporary files)',
    ),
  targetMetric: z
    .number()
    .optional()
    .describe('report when the metric of a whole validation first reached this value (time to accuracy)'),
  metrics: z
    .string()
    .default('')
    .describe(
      'metrics of validation, separated by commas; the first is the one that the run goes by (default: the usual ' +
        'ones of the task)',
    ),
  breakdown: z
    .boolean()
    .default(false)
    .describe('after training, measure what freezing, repartitioning, replicas and cache each contribute'),
  out: z.string().default('').describe('run folder (default: runs/<date>-<model>)'),
  maxRestarts: z
    .number()
    .int()
    .nonnegative()
    .default(3)
    .describe('lost workers that are replaced; after that the run goes on with those that are left'),
  checkpointEvery: z
    .string()
    .regex(DURATION_NEVER_OR_AUTO_PATTERN)
    .default('auto')
    .describe(
      'time between checkpoints; auto: about every minute, more rarely where writing one takes over a second; never: ' +
        'only at the end and when interrupted',
    ),
  keep: positive.default(3).describe('checkpoints to keep; older ones are deleted'),
  keepBest: choice(['off', 'metric', 'loss'])
    .default('off')
    .describe(
      'keep the checkpoint of the best whole validation, by the metric of the model or by the loss, besides the ' +
        'newest; predict, generate, eval, export and init-from then take it',
    ),
  patience: positive
    .optional()
    .describe(
      'stop after so many whole validations that were not better than the best before (by keep-best, else by the ' +
        'metric)',
    ),
  port: z
    .number()
    .int()
    .min(0)
    .max(65535)
    .default(0)
    .describe('port of the coordinator on the loopback address; 0 takes a free one'),
  tlsCert: z
    .string()
    .optional()
    .describe('file of the certificate (PEM) with which the port of the coordinator speaks TLS; needs tls-key'),
  tlsKey: z.string().optional().describe('file of the private key (PEM) of tls-cert'),
  programCache: z
    .string()
    .min(1)
    .default('auto')
    .describe(
      'folder where compiled programs and measured costs are kept for later runs; auto: pipetrain/programs ' +
        'in XDG_CACHE_HOME or ~/.cache; off: nowhere',
    ),
  programCacheMb: positive
    .default(256)
    .describe('most disk space for that folder, MiB; what was not used for the longest time is deleted'),
  costs: choice(['auto', 'measure'])
    .default('auto')
    .describe('costs of the blocks: auto takes those of an earlier run of the same model on this machine'),
  listen: z
    .string()
    .regex(/^$|^.+:\d{1,5}$/)
    .default('')
    .describe(
      'HOST:PORT on which workers may join while the run goes on, e.g. 127.0.0.1:7000; the command that ' +
        'joins is printed (default: --port on the loopback address)',
    ),
  transport: choice(['auto', 'shared', 'socket'])
    .default('auto')
    .describe(
      'how tensors travel between workers: auto takes shared memory on one host and sockets between hosts; ' +
        'shared refuses workers of other hosts; socket takes sockets everywhere',
    ),
  heartbeatSeconds: z
    .number()
    .positive()
    .max(LONGEST_WAIT_SECONDS)
    .default(20)
    .describe('a worker that joined and is not heard of for so long is lost'),
  stepTimeoutSeconds: z
    .number()
    .positive()
    .max(LONGEST_WAIT_SECONDS)
    .default(120)
    .describe('a worker silent for so long is lost'),
});

export type TrainConfig = z.infer<typeof trainConfigSchema>;
export type TrainConfigInput = z.input<typeof trainConfigSchema>;
