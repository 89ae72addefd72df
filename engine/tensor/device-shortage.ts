// DeviceShortage: what a runtime says when a device has no memory left, understood: what was needed, what was free, of
// how much. It knows the words of PyTorch, of CUDA's libraries and of the allocator on the CPU.

/** Bytes; null where they are not told. */
export interface DeviceShortage {
  readonly needed: number | null;
  readonly free: number | null;
  readonly total: number | null;
}

const SHORTAGE = /out of memory|can't allocate memory|ALLOC_FAILED|not enough memory|std::bad_alloc/i;
const UNITS: Readonly<Record<string, number>> = { bytes: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
const SIZE = '([\\d.]+) (bytes|[KMGT]iB)';
const NEEDED = new RegExp(`tried to allocate ${SIZE}`, 'i');
const TOTAL = new RegExp(`total capacity of ${SIZE}`);
const FREE = new RegExp(`of which ${SIZE} is free`);

/** Null where the runtime speaks of something else. */
export function deviceShortage(reason: string): DeviceShortage | null {
  if (!SHORTAGE.test(reason)) return null;
  const size = (pattern: RegExp): number | null => {
    const [, number, unit = ''] = pattern.exec(reason) ?? [];
    return number === undefined ? null : Math.round(Number(number) * (UNITS[unit] ?? 1));
  };
  return { needed: size(NEEDED), free: size(FREE), total: size(TOTAL) };
}

/** E.g. `needs 21.5 GB more; 11.0 GB of its 150.1 GB are free`. */
export function shortageText({ needed, free, total }: DeviceShortage): string {
  const need = needed === null ? 'needs more memory than the device has' : `needs ${sizeText(needed)} more`;
  if (free === null) return needed === null ? need : `${need} than the device has`;
  return `${need}; ${sizeText(free)}${total === null ? '' : ` of its ${sizeText(total)}`} are free`;
}

const sizeText = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${bytes} bytes`;
