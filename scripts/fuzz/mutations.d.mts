export declare class Dice {
  constructor(seed: number);
  below(n: number): number;
  pick<T>(list: readonly T[]): T;
}
export declare const MUTATIONS: Readonly<
  Record<string, (dice: Dice, frame: Uint8Array, other: Uint8Array) => Uint8Array>
>;
export declare function mutate(
  dice: Dice,
  corpus: readonly Uint8Array[],
): { readonly kind: string; readonly bytes: Uint8Array };
export declare function wholeFrames(corpus: readonly Uint8Array[]): (bytes: Uint8Array) => boolean;
