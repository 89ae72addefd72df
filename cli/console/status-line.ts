// StatusLine: the one line that says how a run is doing, for any width. Pure text; console.ts decides when it is drawn.
import { bytes, clip, number, rate } from '../text/format.js';
import { type Progress, rates } from './progress.js';

/** Names of metrics that would not fit, or that would read like the training loss. */
const SHORT: Readonly<Record<string, string>> = { accuracy: 'acc', perplexity: 'ppl', loss: 'val' };

/** `m:ss` or `h:mm:ss`. */
function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number): string => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** At most `columns` characters; what matters least goes first where room is short. Empty before the first step. */
export function statusLine(progress: Progress, columns: number): string {
  const now = rates(progress);
  if (now === null) return '';
  const { last } = now;
  const width = String(progress.stepsPlanned).length;
  // In the order they are written; the second number is the order in which they are given up (0 stays).
  const parts: [text: string, sacrifice: number][] = [
    [`step ${String(last.step + 1).padStart(width)}/${progress.stepsPlanned}`, 0],
    [`loss ${last.loss.toFixed(4)}`, 0],
    ...(progress.metric === null
      ? []
      : [
          [`${SHORT[progress.metricName] ?? progress.metricName} ${number(progress.metric, 3)}`, 4] as [string, number],
        ]),
    // Sequences differ in length from model to model; tokens can be compared.
    [now.tokensPerSecond === null ? `${rate(now.samplesPerSecond)}/s` : `${rate(now.tokensPerSecond)} tok/s`, 6],
    [`${last.K}x${last.R}`, 0],
    [
      progress.absentLayers > 0
        ? `layers ${progress.layers - progress.absentLayers}/${progress.layers}`
        : `frozen ${progress.frozenLayers}/${progress.layers}`,
      5,
    ],
    ...(now.hitShare === null ? [] : [[`hits ${Math.round(now.hitShare * 100)}%`, 3] as [string, number]]),
    [`bubble ${Math.round(now.bubbleShare * 100)}%`, 2],
    ...(progress.peakBytes === 0 ? [] : [[`mem ${bytes(progress.peakBytes)}`, 1] as [string, number]]),
    [`eta ${clock(now.secondsLeft)}`, 0],
  ];
  const separators = ['  ', ' '];
  for (let given = 0; ; given++) {
    const kept = parts.filter(([, sacrifice]) => sacrifice === 0 || sacrifice > given).map(([text]) => text);
    const fitting = separators.map((separator) => kept.join(separator)).find((line) => line.length <= columns);
    if (fitting !== undefined) return fitting;
    if (given === 6) return clip(kept.join(' '), columns);
  }
}
