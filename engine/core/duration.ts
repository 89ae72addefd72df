// A time span of training as the configuration writes it: "50 steps", "0.5 epochs", "never". Only parsing; nothing
// counts here.
import { UsageError } from './errors.js';

/** Whole steps, at least 1; Infinity for `never`. */
export function durationInSteps(text: string, stepsPerEpoch: number): number {
  if (text === 'never') return Infinity;
  const match = /^(\d+(?:\.\d+)?) ?(step|epoch)s?$/.exec(text);
  if (match === null)
    throw new UsageError('PT_DURATION', `"${text}" is no time span`, 'Write "N steps", "N epochs" or "never".');
  const steps = Math.round(Number(match[1]) * (match[2] === 'epoch' ? stepsPerEpoch : 1));
  return Math.max(1, steps);
}
