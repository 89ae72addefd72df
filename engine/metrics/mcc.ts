// mcc: the correlation of Matthews, of any number of classes (Gorodkin 2004): 1 where all is right, 0 by chance.
import type { Metric } from './metric.js';

export const mcc: Metric = {
  name: 'mcc',
  summary: 'correlation of Matthews, from -1 to 1',
  of: ['class'],
  higherIsBetter: true,
  fold(samples) {
    const labels = samples.field('label');
    const classes = samples.dataset.info.classes ?? 0;
    const [said, is] = [new Float64Array(classes), new Float64Array(classes)];
    let right = 0;
    for (let sample = 0; sample < samples.numSamples; sample++) {
      const [predicted, actual] = [samples.outcome(sample, 0), labels[sample] as number];
      said[predicted] = (said[predicted] ?? 0) + 1;
      is[actual] = (is[actual] ?? 0) + 1;
      if (predicted === actual) right++;
    }
    const all = samples.numSamples;
    const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
    const [saidSpread, isSpread] = [all * all - dot(said, said), all * all - dot(is, is)];
    // Where everything is one class there is nothing to correlate: 0, as scikit-learn has it.
    if (saidSpread === 0 || isSpread === 0) return 0;
    return (right * all - dot(said, is)) / Math.sqrt(saidSpread * isSpread);
  },
};
