// LossDigest: the SHA-256 over the losses of a run, step by step. It keeps none of them: a run of any length has the
// same small state, which a checkpoint carries, so that a run that goes on ends with the digest over all its steps.
import { z } from 'zod';
import { Sha256 } from '../core/sha256.js';

/** The digest after some steps, as checkpoints and events carry it. */
export const lossDigestSchema = z.object({
  chain: z.string().regex(/^[0-9a-f]{64}$/),
  rest: z.string().regex(/^([0-9a-f]{8}){0,15}$/),
  bytes: z.number().int().nonnegative(),
});
export type LossDigestState = z.infer<typeof lossDigestSchema>;

const LOSS_BYTES = 4;

export class LossDigest {
  readonly #hash: Sha256;
  readonly #loss = new Uint8Array(LOSS_BYTES);

  constructor(state?: LossDigestState) {
    this.#hash = new Sha256(state);
  }

  /** Losses so far. */
  get count(): number {
    return this.#hash.bytes / LOSS_BYTES;
  }

  /** The loss of the next step, as a 32-bit float, little-endian. */
  add(loss: number): this {
    new DataView(this.#loss.buffer).setFloat32(0, loss, true);
    this.#hash.update(this.#loss);
    return this;
  }

  save(): LossDigestState {
    return this.#hash.save();
  }

  /** 64 hexadecimal digits. */
  digest(): string {
    return this.#hash.digest();
  }
}
