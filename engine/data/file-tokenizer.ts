// FileTokenizer: a tokenizer as a tokenizer.json describes it, made of the steps it names: added tokens, normalizer,
// pre-tokenizer, model, decoder. It reads no file, and frames no sample.
import { createHash } from 'node:crypto';
import { addedText, type AddedToken, AddedTokens } from './added-tokens.js';
import type { CutPlace, Tokenizer } from './dataset.js';
import { joinsSpace, whyNotCut } from './text-cut.js';
import { type Ends, WHOLE } from './text-ends.js';
import { type TokenizerIdentity, tokenizerIdentity, type TokenizerSettings } from './tokenizer-identity.js';
import type { TokenizerModel } from './tokenizer-model.js';
import type { Normalize } from './tokenizer-normalizer.js';
import type { Split } from './tokenizer-splitter.js';
import { SequenceDecoder } from './tokenizers-library.js';

export interface FileTokenizerParts {
  readonly file: string;
  /** The token of every id, added ones included. */
  readonly tokens: readonly string[];
  readonly model: TokenizerModel;
  readonly added: readonly AddedToken[];
  readonly normalize: Normalize;
  readonly split: Split;
  /** The pieces as the file has them. */
  readonly pieces: { readonly normalizer: unknown; readonly preTokenizer: unknown; readonly decoder: unknown };
  /** What else decides the ids of a sample. */
  readonly frame: TokenizerSettings;
}

export class FileTokenizer implements Tokenizer {
  readonly name: string;
  readonly file: string;
  readonly size: number;
  readonly unknown: number | null;
  readonly identity: TokenizerIdentity;
  readonly cut: CutPlace = 'space';
  /** Why a long text may not be cut at all, or null where it may. */
  readonly whole: string | null;
  readonly joinsSpace: ((before: string) => boolean) | undefined;
  readonly #parts: FileTokenizerParts;
  readonly #added: AddedTokens;
  readonly #special: ReadonlySet<number>;
  readonly #decoder: InstanceType<typeof SequenceDecoder> | null;

  constructor(parts: FileTokenizerParts) {
    const { file, tokens, model, added, normalize, pieces, frame } = parts;
    this.name = model.name;
    this.file = file;
    this.size = tokens.length;
    this.unknown = model.unknown;
    this.whole = whyNotCut({ ...pieces, added, model });
    this.joinsSpace = joinsSpace(parts);
    this.#parts = parts;
    this.#added = new AddedTokens(added, normalize);
    this.#special = new Set(added.filter(({ special }) => special).map(({ id }) => id));
    this.#decoder =
      pieces.decoder == null ? null : new SequenceDecoder({ type: 'Sequence', decoders: [pieces.decoder] });
    this.identity = tokenizerIdentity('file', tokens, {
      ...frame,
      model: model.name,
      unknown: model.unknown ?? 'none',
      rules: createHash('sha256').update(model.rules).digest('hex'),
      added: addedText(added),
      normalizer: JSON.stringify(pieces.normalizer ?? null),
      preTokenizer: JSON.stringify(pieces.preTokenizer ?? null),
    });
  }

  encode(text: string, ends: Ends = WHOLE): number[] {
    const { split, model } = this.#parts;
    return this.#added
      .sections(text, ends)
      .flatMap((section) =>
        'id' in section ? [section.id] : split([section.text], section.isFirst).flatMap((word) => model.idsOf(word)),
      );
  }

  /** Special tokens vanish. */
  decode(ids: readonly number[]): string {
    const tokens = ids.filter((id) => !this.#special.has(id)).map((id) => this.#parts.tokens[id] ?? '');
    return this.#decoder === null ? tokens.join(' ') : this.#decoder.decode(tokens);
  }
}
