// TokenizersLibrary: what is used of @huggingface/tokenizers, with types: its own name modules without their endings,
// which TypeScript does not find where modules are those of Node.js.
import * as library from '@huggingface/tokenizers';

/** Makes tokens of words. */
interface LibraryModel {
  readonly tokens_to_ids: ReadonlyMap<string, number>;
  /** Unknown ones next to each other become one where the model says so, also across words. */
  _call(words: readonly string[]): string[];
}

interface Library {
  readonly BPE: new (config: {
    readonly type: 'BPE';
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (readonly [string, string])[];
    readonly unk_token: string | undefined;
    readonly fuse_unk: boolean;
    readonly byte_fallback: boolean;
    readonly ignore_merges: boolean;
  }) => LibraryModel;
  /** The scores in `vocab` are left as they are. */
  readonly Unigram: new (
    config: {
      readonly type: 'Unigram';
      readonly vocab: readonly (readonly [string, number])[];
      readonly unk_id: number;
    },
    endOfText: string,
  ) => LibraryModel;
  readonly ByteLevelPreTokenizer: new (config: {
    readonly type: 'ByteLevel';
    readonly add_prefix_space: boolean;
    readonly use_regex: boolean;
  }) => { pre_tokenize_text(text: string): string[] };
  readonly SequenceDecoder: new (config: { readonly type: 'Sequence'; readonly decoders: readonly unknown[] }) => {
    decode(tokens: readonly string[]): string;
  };
}

export const { BPE, Unigram, ByteLevelPreTokenizer, SequenceDecoder } = library as unknown as Library;
