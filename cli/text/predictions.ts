// Predictions as text that programs read: one JSON object per line, or CSV with a heading.
import { harmlessJson } from '../../engine/core/harmless-text.js';
import type { Predictions } from '../../engine/inference/predict.js';

export const PREDICTION_FORMATS = ['jsonl', 'csv'] as const;
export type PredictionFormat = (typeof PREDICTION_FORMATS)[number];

/** Digits of a probability: what float32 outputs tell. */
const DIGITS = 7;
const rounded = (probability: number): number => Number(probability.toPrecision(DIGITS));

/** A field of CSV (RFC 4180). */
const field = (value: string): string => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

export function predictionLines({ labels, predictions }: Predictions, format: PredictionFormat): string[] {
  if (format === 'csv')
    return [
      ['text', 'label', 'cut', ...labels.map((label) => `probability of ${label}`)].map(field).join(','),
      ...predictions.map(({ text, label, isCut, probabilities }) =>
        [text, label, isCut ? 'yes' : 'no', ...probabilities.map((p) => String(rounded(p)))].map(field).join(','),
      ),
    ];
  return predictions.map(({ text, label, probabilities, tokens, unknown, isCut }) =>
    harmlessJson({
      text,
      label,
      probability: rounded(Math.max(...probabilities)),
      probabilities: Object.fromEntries(labels.map((name, i) => [name, rounded(probabilities[i] ?? NaN)])),
      tokens,
      unknown,
      cut: isCut,
    }),
  );
}
