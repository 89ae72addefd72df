// FineTuning: the settings with which a pretrained encoder is usually fine-tuned as a classifier, where a run says
// nothing else. Small encoders bear the larger of the usual rates.

export const FINE_TUNING = {
  epochs: 3,
  batch: 32,
  microBatch: 8,
  lr: '1e-4 * (1 - progress)',
  warmup: 0.1,
  weightDecay: 0.01,
  clip: 1,
  optimizer: 'adamw',
} as const;
