// HeadLoop: what kernels of attention are made of: the loop over samples and heads, the pointers that it moves, the
// scratch memory of the products of a head. Which products those are is the kernel's.
import type { PortDType } from '../shape.js';
import { Assembler } from '../x86/assembler.js';
import { mem } from '../x86/memory.js';
import { r9, r10, rax, rcx, rdi, rdx, rsi } from '../x86/registers.js';
import { Frame } from './frame.js';
import type { Kernel } from './kernel.js';
import { TileSet } from './tile-set.js';

const FLOAT = 4;
const HALF = 2;
const POINTER = 8;
const LINE = 64;

export interface AttentionSpec {
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly heads: number;
  /** Features of a head. */
  readonly width: number;
  /** A query sees the keys up to its own place, counted from the end; needs at least as many keys as queries. */
  readonly causal: boolean;
  readonly hasMask: boolean;
}

/** A product of matrices of one head; scratch memory as it wants it (see emitProduct, emitHalfProduct). */
export interface HeadProduct {
  readonly before: number;
  readonly packedB: number;
  readonly packedA: number;
  readonly emit: (a: Assembler, frame: Frame, tiles: TileSet) => void;
}

/** A buffer of the kernel: its name, what one head has of it, and its elements, float32 unless said. */
export type HeadBuffer = readonly [
  name: string,
  kind: 'queries' | 'keys' | 'scores' | 'mask',
  dtype?: 'float32' | 'bfloat16',
];

const inLines = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;

export class HeadLoop {
  readonly a = new Assembler();
  readonly spec: AttentionSpec;
  readonly #frame = new Frame();
  readonly #tiles: TileSet;
  readonly #products: readonly HeadProduct[];
  /** Bytes of scratch memory in front of that of the products. */
  readonly #own: number;
  /** Threads that the heads may be given to. */
  readonly #threads: number;

  constructor(spec: AttentionSpec, products: readonly HeadProduct[], own: number, threads: number) {
    this.spec = spec;
    this.#threads = threads;
    this.#tiles = new TileSet(this.a);
    this.#products = products;
    this.#own = inLines(own);
  }

  pointer(name: string): ReturnType<Frame['slot']> {
    return this.#frame.slot(name);
  }

  /** Product `i`, of the matrices that these slots point to. */
  product(i: number, from: string, by: string, to: string): void {
    const { a } = this;
    a.mov(rsi, this.pointer(from));
    a.mov(rdx, this.pointer(by));
    a.mov(rcx, this.pointer(to));
    this.#products[i]?.emit(a, this.#frame, this.#tiles);
  }

  /**
   * The kernel. `buffers` are the inputs and outputs in order; the names of outputs begin with `out`. `begin` is done
   * once per sample, with the own scratch memory under the name `own`, `head` once per head, `around` at its beginning
   * and before it returns.
   */
  kernel(
    buffers: readonly HeadBuffer[],
    begin: () => void,
    head: () => void,
    around: { readonly start?: () => void; readonly end?: () => void } = {},
  ): Kernel {
    const { a, spec } = this;
    const { queries, keys, width } = spec;
    // A part has samples of its own, or heads of its own in every sample.
    const by = spec.batch % this.#threads === 0 ? 'samples' : spec.heads % this.#threads === 0 ? 'heads' : null;
    const parts = by === null ? 1 : this.#threads;
    const [batch, heads] = [
      by === 'samples' ? spec.batch / parts : spec.batch,
      by === 'heads' ? spec.heads / parts : spec.heads,
    ];
    const [samples, headsLeft] = [this.pointer('samples'), this.pointer('heads')];
    const before = Math.max(...this.#products.map((product) => product.before));
    const packedB = inLines(Math.max(...this.#products.map((product) => product.packedB)));
    const move = (name: string, bytes: number): void => {
      if (bytes !== 0) a.add(this.pointer(name), bytes);
    };
    this.#frame.enter(a);
    a.mov(this.pointer('own'), rsi);
    a.lea(r9, mem(rsi, { disp: this.#own + before }));
    a.lea(r10, mem(rsi, { disp: this.#own + before + packedB }));
    const row = spec.heads * width;
    // In elements.
    const perHead = { queries: width, keys: width, scores: queries * keys, mask: 0 };
    const wholeSample = { queries: queries * row, keys: keys * row, scores: spec.heads * perHead.scores, mask: keys };
    buffers.forEach(([name, kind, dtype], i) => {
      a.mov(rax, mem(rdi, { disp: i * POINTER }));
      if (parts > 1) {
        a.imul(rcx, rdx, (by === 'samples' ? batch * wholeSample[kind] : heads * perHead[kind]) * bytesOf(dtype));
        a.add(rax, rcx);
      }
      a.mov(this.pointer(name), rax);
    });
    around.start?.();
    a.mov(rax, batch);
    a.mov(samples, rax);
    const nextSample = a.bind();
    begin();
    a.mov(rax, heads);
    a.mov(headsLeft, rax);
    const nextHead = a.bind();
    head();
    for (const [name, kind, dtype] of buffers) move(name, perHead[kind] * bytesOf(dtype));
    a.sub(headsLeft, 1);
    a.jne(nextHead);
    for (const [name, kind, dtype] of buffers) move(name, (wholeSample[kind] - heads * perHead[kind]) * bytesOf(dtype));
    a.sub(samples, 1);
    a.jne(nextSample);
    around.end?.();
    this.#frame.leave(a);
    this.#tiles.emit();
    const isOutput = ([name]: HeadBuffer): boolean => name.startsWith('out ');
    const outputs = buffers.filter(isOutput);
    return {
      code: a.finish(),
      inputs: buffers.filter((buffer) => !isOutput(buffer)).map(typeOf),
      outputs: outputs.map(([, kind]) => spec.batch * wholeSample[kind]),
      outputTypes: outputs.map(typeOf),
      scratchBytes: this.#own + before + packedB + Math.max(...this.#products.map((product) => product.packedA)),
      parts,
    };
  }
}

const typeOf = ([, , dtype = 'float32']: HeadBuffer): PortDType => dtype;
const bytesOf = (dtype: HeadBuffer[2]): number => (dtype === 'bfloat16' ? HALF : FLOAT);
