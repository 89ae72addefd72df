// PairFrame: what stands around and between the two texts of a pair in a sample, and which of its tokens belong to
// which: the template of BERT (token types 0 and 1), of RoBERTa, or of a tokenizer.json. It tokenizes nothing.
import { z } from 'zod';

/** A special token and its type. */
export interface FrameToken {
  readonly id: number;
  readonly type: number;
}

export interface PairFrame {
  readonly before: readonly FrameToken[];
  readonly between: readonly FrameToken[];
  readonly after: readonly FrameToken[];
  /** Token types of the two texts. */
  readonly types: readonly [number, number];
}

const tokensOf = (ids: readonly number[], type: number): FrameToken[] => ids.map((id) => ({ id, type }));

/** As BERT's: everything to the first separator has type 0, what follows type 1. */
export const bertPair = (before: readonly number[], separator: readonly number[]): PairFrame => ({
  before: tokensOf(before, 0),
  between: tokensOf(separator, 0),
  after: tokensOf(separator, 1),
  types: [0, 1],
});

/** As RoBERTa's: two separators between the texts, and no types. */
export const robertaPair = (before: readonly number[], separator: readonly number[]): PairFrame => ({
  before: tokensOf(before, 0),
  between: tokensOf([...separator, ...separator], 0),
  after: tokensOf(separator, 0),
  types: [0, 0],
});

const type = z.number().int().nonnegative();
const itemsSchema = z.array(
  z.union([
    z.strictObject({ SpecialToken: z.strictObject({ id: z.string(), type_id: type }) }),
    z.strictObject({ Sequence: z.strictObject({ id: z.enum(['A', 'B']), type_id: type }) }),
  ]),
);

/**
 * The template of a TemplateProcessing, or null where it has none for the first text followed by the second. `idsOf`
 * gives the ids of a special token.
 */
export function templatePair(piece: unknown, idsOf: (special: string) => readonly number[]): PairFrame | null {
  const { data: items } = itemsSchema.safeParse(piece);
  if (items === undefined) return null;
  const texts = items.flatMap((item, at) => ('Sequence' in item ? [{ at, ...item.Sequence }] : []));
  const [first, second] = texts;
  if (texts.length !== 2 || first?.id !== 'A' || second?.id !== 'B') return null;
  const part = (from: number, to: number): FrameToken[] =>
    items
      .slice(from, to)
      .flatMap((item) =>
        'SpecialToken' in item ? tokensOf(idsOf(item.SpecialToken.id), item.SpecialToken.type_id) : [],
      );
  return {
    before: part(0, first.at),
    between: part(first.at + 1, second.at),
    after: part(second.at + 1, items.length),
    types: [first.type_id, second.type_id],
  };
}

/** Special tokens of a pair. */
export const pairFrameLength = ({ before, between, after }: PairFrame): number =>
  before.length + between.length + after.length;

/**
 * How many tokens of each text are kept where `room` tokens are there for both: the longer one is cut first, to the
 * length of the shorter; then both alike, as the library `tokenizers` cuts ("longest first").
 */
export function cutPair(first: number, second: number, room: number): readonly [number, number] {
  if (first + second <= room) return [first, second];
  const shorter = Math.min(first, second);
  const half = Math.floor(room / 2);
  const [short, long] = shorter > half ? [half, half + (room % 2)] : [shorter, room - shorter];
  return first <= second ? [short, long] : [long, short];
}

/** A sample of two texts. */
export interface PairedIds {
  readonly ids: readonly number[];
  /** The type of each of `ids`. */
  readonly types: readonly number[];
}

/** The tokens of a sample of at most `sequence`; texts that are too long are cut. */
export function pairedIds(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  frame: PairFrame,
  sequence: number,
): PairedIds {
  const [a, b] = cutPair(first.length, second.length, sequence - pairFrameLength(frame));
  const texts = [
    ...frame.before,
    ...Array.from({ length: a }, (_, i) => ({ id: first[i] as number, type: frame.types[0] })),
    ...frame.between,
    ...Array.from({ length: b }, (_, i) => ({ id: second[i] as number, type: frame.types[1] })),
    ...frame.after,
  ];
  return { ids: texts.map(({ id }) => id), types: texts.map(({ type: of }) => of) };
}
