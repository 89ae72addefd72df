// ForeignNames: what other programs call a setting, and how it is said here. Names only; what a setting means is in
// config-keys.ts.

/** Names of others in kebab-case, and our flag; where it takes a value of a kind of its own, with an example. */
const SAID_HERE: readonly (readonly [string, readonly string[]])[] = [
  ['--lr', ['learning-rate', 'max-lr', 'base-lr', 'peak-lr']],
  ['--lr-schedule', ['lr-scheduler', 'lr-scheduler-type', 'scheduler', 'lr-decay-style']],
  ['--lr-floor', ['min-lr', 'min-lr-ratio', 'lr-min', 'eta-min']],
  ['--batch', ['batch-size', 'train-batch-size', 'global-batch-size', 'per-device-train-batch-size', 'bs']],
  ['--micro-batch', ['micro-batch-size', 'gradient-accumulation-steps', 'accumulate-grad-batches', 'grad-accum']],
  ['--steps', ['max-steps', 'num-steps', 'train-steps', 'train-iters', 'max-iters', 'iterations', 'iters']],
  ['--epochs', ['num-epochs', 'num-train-epochs', 'max-epochs', 'n-epochs']],
  [
    '--devices',
    [
      'gpus',
      'num-gpus',
      'device',
      'cuda',
      'cpu',
      'gpu',
      'num-workers',
      'workers',
      'nproc-per-node',
      'nproc',
      'world-size',
    ],
  ],
  ['--weight-decay', ['wd', 'l2', 'weight-decay-rate']],
  ['--warmup', ['warmup-steps', 'warmup-ratio', 'num-warmup-steps', 'lr-warmup-iters', 'warmup-iters']],
  ['--clip', ['clip-grad', 'clip-norm', 'max-grad-norm', 'grad-clip', 'gradient-clip-val', 'gradient-clip-norm']],
  ['--label-smoothing', ['label-smoothing-factor', 'smoothing']],
  ['--layer-decay', ['llrd', 'layerwise-lr-decay', 'layer-lr-decay', 'layer-wise-decay']],
  ['--ema', ['ema-decay', 'model-ema', 'model-ema-decay', 'swa']],
  ['--beta1', ['adam-beta1', 'beta-1']],
  ['--beta2', ['adam-beta2', 'beta-2']],
  ['--epsilon', ['eps', 'adam-epsilon', 'adam-eps']],
  ['--optimizer', ['optim', 'opt']],
  ['--eval-every', ['eval-steps', 'eval-interval', 'eval-strategy', 'evaluation-strategy', 'val-check-interval']],
  ['--checkpoint-every', ['save-steps', 'save-interval', 'save-strategy', 'checkpoint-interval', 'save-every']],
  ['--keep', ['save-total-limit', 'save-top-k']],
  ['--keep-best metric', ['load-best-model-at-end', 'metric-for-best-model', 'save-best']],
  ['--patience', ['early-stopping-patience', 'early-stopping']],
  ['--out', ['output-dir', 'output', 'save-dir', 'run-dir', 'log-dir', 'logdir', 'default-root-dir', 'run-name']],
  ['--data', ['dataset', 'dataset-name', 'data-dir', 'data-path', 'train-file', 'train-data', 'input']],
  ['--model', ['arch', 'architecture', 'model-name', 'model-name-or-path', 'model-type']],
  [
    '--init-from',
    ['pretrained', 'load', 'load-weights', 'init-checkpoint', 'checkpoint', 'ckpt', 'weights', 'finetune'],
  ],
  ['--pipeline', ['pp', 'pp-size', 'stages', 'num-stages', 'pipeline-parallel-size', 'pipeline-model-parallel-size']],
  ['--replicas', ['ddp', 'dp-size', 'num-replicas', 'data-parallel-size', 'data-parallel']],
  [
    '--recompute',
    ['gradient-checkpointing', 'activation-checkpointing', 'recompute-activations', 'checkpoint-activations'],
  ],
  ['--freeze', ['freeze-layers', 'frozen-layers', 'num-frozen-layers', 'unfreeze']],
  ['--limit-samples', ['max-samples', 'max-train-samples', 'subset', 'limit-train-batches', 'overfit-batches']],
  ['--port', ['master-port', 'rdzv-endpoint']],
  ['--listen', ['master-addr', 'host', 'bind']],
  ['--precision', ['fp16', 'bf16', 'amp', 'half', 'mixed-precision', 'dtype', 'float16', 'bfloat16']],
  ['--model-options dropout=0.1', ['dropout', 'hidden-dropout', 'attention-dropout', 'hidden-dropout-prob']],
  ['--model-options layers=4', ['layers', 'num-layers', 'n-layer', 'n-layers', 'depth', 'num-hidden-layers']],
  ['--model-options width=128', ['width', 'hidden-size', 'n-embd', 'd-model', 'hidden-dim', 'embed-dim', 'dim']],
  ['--model-options heads=4', ['heads', 'num-heads', 'n-head', 'n-heads', 'num-attention-heads']],
  ['--model-options ff=512', ['ff', 'ffn-hidden-size', 'intermediate-size', 'mlp-dim', 'd-ff']],
  ['--model-options patch=4', ['patch', 'patch-size']],
  [
    '--data-options sequence=128',
    [
      'sequence',
      'max-length',
      'max-seq-length',
      'max-seq-len',
      'seq-len',
      'seq-length',
      'block-size',
      'context-length',
    ],
  ],
  ['--data-options tokenizer=words', ['tokenizer', 'tokenizer-name', 'tokenizer-type']],
  ['--data-options vocab=FILE', ['vocab', 'vocab-file']],
  ['--data-options vocabulary=8000', ['vocab-size', 'vocabulary']],
  [
    '--data-options validation=0.1',
    ['validation', 'val-split', 'validation-split', 'validation-split-percentage', 'test-size'],
  ],
];

/** Commands of ours that others have as an option. */
const COMMANDS: Readonly<Record<string, string>> = {
  resume: 'pipetrain resume RUN',
  'resume-from': 'pipetrain resume RUN',
  'resume-from-checkpoint': 'pipetrain resume RUN',
  'auto-resume': 'pipetrain resume RUN',
  eval: 'pipetrain eval RUN',
  'eval-only': 'pipetrain eval RUN',
  'do-eval': 'pipetrain eval RUN',
  evaluate: 'pipetrain eval RUN',
  test: 'pipetrain eval RUN',
  export: 'pipetrain export RUN --out FILE.safetensors',
};

/** How other programs' `name` is said here, or null; `has` tells whether there is a setting of a name in kebab-case. */
export function saidHere(name: string, has: (kebab: string) => boolean): string | null {
  const kebab = plain(name);
  const command = Object.hasOwn(COMMANDS, kebab) ? COMMANDS[kebab] : undefined;
  if (command !== undefined) return `\`${command}\``;
  const [flag] = SAID_HERE.find(([, names]) => names.includes(kebab)) ?? [];
  return flag !== undefined && has(plain(flag.split(' ')[0] ?? '')) ? flag : null;
}

/** A name as others write it, in kebab-case: `--max_steps`, `maxSteps`. */
const plain = (name: string): string =>
  name
    .replace(/^-+/, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase();
