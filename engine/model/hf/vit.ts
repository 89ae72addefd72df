// Family `vit`: vision transformers (Dosovitskiy et al. 2020) with a class token.
import type { Family } from './family.js';
import { imageClassifier } from './image-classifier.js';

export const vit: Family = {
  type: 'vit',
  define: (folder) =>
    imageClassifier(folder, {
      type: 'vit',
      special: ['cls_token'],
      heads: [[{ name: 'classifier', token: 0 }]],
      architecture: () => 'ViTForImageClassification',
    }),
};
