// Augmentation `shift`: moves an image by up to some pixels each way, drawn evenly. What comes in at an edge repeats
// the edge, so that it needs to know nothing of what is background.
import { UsageError } from '../core/errors.js';
import { bitsAt, type RandomKey } from '../core/random.js';
import type { AugmentationMaker } from './augmentation.js';

const FIELD = 'image';

/**
 * For a field `image` of shape [H, W] or [H, W, C]. Throws a UsageError (PT_AUGMENT) where the data have none, or it is
 * smaller than the shift.
 */
export const shift: AugmentationMaker = (data, { pixels }) => {
  const [H, W, C = 1] = data.fields.find(({ name }) => name === FIELD)?.shape ?? [];
  if (H === undefined || W === undefined)
    throw new UsageError(
      'PT_AUGMENT',
      `the augmentation "shift" moves images, and the data have no field "${FIELD}"; they have ` +
        `${data.fields.map(({ name }) => name).join(', ')}`,
      'Use --augment none.',
    );
  if (pixels >= Math.min(H, W))
    throw new UsageError(
      'PT_AUGMENT',
      `a shift by up to ${pixels} pixels would move images of ${H} x ${W} out of sight`,
      `Use --augment-pixels ${Math.max(1, Math.floor(Math.min(H, W) / 8))} or so.`,
    );
  const before = new Float32Array(H * W * C);
  return {
    field: FIELD,
    name: `shift ${pixels}`,
    apply(values, key) {
      const [down, right] = [drawn(key, 0, pixels), drawn(key, 1, pixels)];
      before.set(values);
      for (let y = 0, at = 0; y < H; y++) {
        const row = clamp(y - down, H) * W;
        for (let x = 0; x < W; x++) {
          const from = (row + clamp(x - right, W)) * C;
          for (let c = 0; c < C; c++) values[at++] = before[from + c] as number;
        }
      }
    },
  };
};

const clamp = (at: number, length: number): number => Math.max(0, Math.min(length - 1, at));

/** A whole number from -most to most, each as likely. */
const drawn = (key: RandomKey, counter: number, most: number): number =>
  Math.floor((bitsAt(key, counter) / 2 ** 32) * (2 * most + 1)) - most;
