// Texts of quantities: durations, sizes, shares, counts, as the console and the report write them. It measures nothing.

/** `digits` significant digits without an exponent where one is not needed. */
export function number(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(Math.max(0, digits - 2));
  return size >= 10 ** (digits - 1) ? Math.round(value).toString() : value.toPrecision(digits);
}

/** 12,345 */
export const count = (value: number): string =>
  Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');

/** So many in a second: 1,234, 42, 3.1, 0.064. */
export const rate = (perSecond: number): string =>
  perSecond >= 10 ? count(perSecond) : Number(perSecond.toPrecision(2)).toString();

/** 0.1234 as 12 % */
export const percent = (share: number): string => `${share > 0 && share < 0.01 ? '<1' : Math.round(share * 100)} %`;

/** 1:02:03, 2:03, or 42 s below a minute; milliseconds below one second. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (n: number): string => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)} h` : `${minutes}:${two(whole % 60)} min`;
}

/** Milliseconds with the digits that matter. */
export const millis = (ms: number): string => `${ms >= 100 ? Math.round(ms) : Number(ms.toPrecision(3))} ms`;

/** 1.5 MB; powers of 1000. */
export function bytes(size: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [size, 0];
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** 1 stage, 2 stages */
export const plural = (n: number, noun: string): string => `${count(n)} ${noun}${n === 1 ? '' : 's'}`;

/** The half-open range [from, to) as `4-9`, `4`, or `none`. */
export const range = (from: number, to: number): string =>
  to <= from ? 'none' : to - from === 1 ? `${from}` : `${from}-${to - 1}`;

/**
 * Breaks a text into lines of at most `width` characters, the later ones indented. Words longer than a line are not
 * broken.
 */
export function wrap(text: string, width: number, indent: number): string[] {
  const lines: string[] = [];
  let line = ' '.repeat(text.length - text.trimStart().length);
  for (const word of text.trim().split(/\s+/)) {
    const isStart = line.trim() === '';
    if (!isStart && line.length + 1 + word.length > width) {
      lines.push(line);
      line = ' '.repeat(indent) + word;
    } else line += isStart ? word : ` ${word}`;
  }
  return [...lines, line];
}

/**
 * Lines of a text that somebody else wrote: cut at `width`, spaces kept.
 */
export function quote(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => {
    const shown = line.replaceAll('\t', '  ');
    return shown === ''
      ? ['']
      : Array.from({ length: Math.ceil(shown.length / width) }, (_, i) => shown.slice(i * width, (i + 1) * width));
  });
}

/** At most `width` characters, the last one an ellipsis where something is cut off. */
export const clip = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
