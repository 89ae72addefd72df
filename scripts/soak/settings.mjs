// The small model that the soaks train: quick, and with every kind of block.

/** Flags of `pipetrain train`. */
export const SMALL_VIT = [
  '--model',
  'vit',
  '--model-options',
  'layers=3,width=16,heads=2,patch=8',
  '--data',
  'synthetic:digits',
  '--data-options',
  'samples=119',
  '--batch',
  '16',
  '--micro-batch',
  '2',
];
