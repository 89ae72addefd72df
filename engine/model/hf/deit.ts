// Family `deit`: vision transformers with a second token that learned from a teacher (Touvron et al. 2020). Where the
// folder has a classifier for each of the two, the scores are their mean.
import type { Family } from './family.js';
import { imageClassifier } from './image-classifier.js';

export const deit: Family = {
  type: 'deit',
  define: (folder) =>
    imageClassifier(folder, {
      type: 'deit',
      special: ['cls_token', 'distillation_token'],
      heads: [
        [
          { name: 'cls_classifier', token: 0 },
          { name: 'distillation_classifier', token: 1 },
        ],
        [{ name: 'classifier', token: 0 }],
      ],
      architecture: (layers) => (layers === 1 ? 'DeiTForImageClassification' : 'DeiTForImageClassificationWithTeacher'),
    }),
};
