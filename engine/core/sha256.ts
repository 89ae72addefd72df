// Sha256: SHA-256 whose state can be put away and gone on from, which the one of Node cannot. For digests over what
// grows by a few bytes at a time; whole files are hashed by Node.

const ROUND_CONSTANTS = Uint32Array.from(primes(64), (prime) => fraction(Math.cbrt(prime)));
const INITIAL = Uint32Array.from(primes(8), (prime) => fraction(Math.sqrt(prime)));
const BLOCK_BYTES = 64;

/** The first `count` primes. */
function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}

/** The first 32 bits of the fractional part. */
function fraction(value: number): number {
  return Math.floor((value - Math.floor(value)) * 2 ** 32);
}

/** What has been hashed, in so far as it matters to what follows. */
export interface Sha256State {
  /** The eight words of the chain, 64 hexadecimal digits. */
  readonly chain: string;
  /** Bytes that do not fill a block yet, hexadecimal. */
  readonly rest: string;
  /** Bytes in all. */
  readonly bytes: number;
}

export class Sha256 {
  readonly #words: Uint32Array;
  readonly #block = new Uint8Array(BLOCK_BYTES);
  readonly #schedule = new Uint32Array(64);
  #bytes: number;

  /** Goes on from a state; from nothing where none is given. */
  constructor(state?: Sha256State) {
    this.#words =
      state === undefined
        ? Uint32Array.from(INITIAL)
        : Uint32Array.from({ length: 8 }, (_, i) => parseInt(state.chain.slice(8 * i, 8 * i + 8), 16));
    this.#bytes = state?.bytes ?? 0;
    this.#block.set(Buffer.from(state?.rest ?? '', 'hex'));
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#bytes;
  }

  update(bytes: Uint8Array): this {
    for (const byte of bytes) {
      this.#block[this.#bytes++ % BLOCK_BYTES] = byte;
      if (this.#bytes % BLOCK_BYTES === 0) this.#compress();
    }
    return this;
  }

  save(): Sha256State {
    const rest = Buffer.from(this.#block.subarray(0, this.#bytes % BLOCK_BYTES)).toString('hex');
    return { chain: this.#hex(), rest, bytes: this.#bytes };
  }

  /** 64 hexadecimal digits; what is hashed may still go on. */
  digest(): string {
    const end = new Sha256(this.save());
    const bits = BigInt(this.#bytes) * 8n;
    const used = (this.#bytes + 9) % BLOCK_BYTES;
    const padding = new Uint8Array(9 + (used === 0 ? 0 : BLOCK_BYTES - used));
    padding[0] = 0x80;
    new DataView(padding.buffer).setBigUint64(padding.length - 8, bits);
    return end.update(padding).#hex();
  }

  #hex(): string {
    return [...this.#words].map((word) => word.toString(16).padStart(8, '0')).join('');
  }

  /** FIPS 180-4, 6.2.2. */
  #compress(): void {
    const w = this.#schedule;
    const view = new DataView(this.#block.buffer);
    for (let t = 0; t < 16; t++) w[t] = view.getUint32(4 * t);
    for (let t = 16; t < 64; t++) {
      const [a, b] = [w[t - 15] as number, w[t - 2] as number];
      const small0 = rotated(a, 7) ^ rotated(a, 18) ^ (a >>> 3);
      const small1 = rotated(b, 17) ^ rotated(b, 19) ^ (b >>> 10);
      w[t] = (w[t - 16] as number) + small0 + (w[t - 7] as number) + small1;
    }
    let [a, b, c, d, e, f, g, h] = this.#words as unknown as Eight;
    for (let t = 0; t < 64; t++) {
      const big1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
      const one = (h + big1 + ((e & f) ^ (~e & g)) + (ROUND_CONSTANTS[t] as number) + (w[t] as number)) | 0;
      const big0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
      const two = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    for (const [i, value] of [a, b, c, d, e, f, g, h].entries()) this.#words[i] = (this.#words[i] as number) + value;
  }
}

type Eight = [number, number, number, number, number, number, number, number];

const rotated = (word: number, by: number): number => (word >>> by) | (word << (32 - by));
