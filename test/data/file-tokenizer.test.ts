// Tokenizers from files give the ids of the library `tokenizers`, which scripts/golden/make_tokenizer_golden.py wrote,
// or are refused by the name of what is not done as it does it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../engine/data/open-dataset.js';
import { SourceFiles } from '../../engine/data/source-files.js';
import { readTokenizer } from '../../engine/data/tokenizer-source.js';
import { errorOf } from '../error-of.js';
import { scratchWith } from '../scratch.js';
import { fieldOf } from './field-of.js';

type Json = Record<string, unknown>;
interface Case {
  readonly name: string;
  readonly tokenizer: Json & { readonly model: Json; readonly added_tokens: Json[] };
  readonly ids: readonly number[][];
}
const golden = JSON.parse(readFileSync(new URL('../golden/tokenizers/cases.json', import.meta.url), 'utf8')) as {
  readonly texts: readonly string[];
  readonly cases: readonly Case[];
};

const caseOf = (name: string): Case => golden.cases.find((one) => one.name === name) as Case;
const UNCASED = caseOf('bert uncased');
const vocabulary = (): string[] =>
  Object.entries(UNCASED.tokenizer.model['vocab'] as Record<string, number>)
    .sort(([, a], [, b]) => a - b)
    .map(([token]) => token);

/** A folder with these files; objects become JSON. */
const folderWith = (files: Readonly<Record<string, unknown>>): string =>
  scratchWith(
    Object.fromEntries(
      Object.entries(files).map(([name, content]) => [
        name,
        typeof content === 'string' ? content : JSON.stringify(content),
      ]),
    ),
  );
const read = (files: Readonly<Record<string, unknown>>, lowercase: boolean | null = null) =>
  readTokenizer(folderWith(files), lowercase, new SourceFiles());
const sampleOf = ({ tokenizer, prefix, suffix }: ReturnType<typeof read>, text: string): number[] => [
  ...prefix,
  ...tokenizer.encode(text),
  ...suffix,
];
const withPiece = (change: Json): Json => ({ ...UNCASED.tokenizer, ...change });

describe('a tokenizer.json', () => {
  it.each(golden.cases)('gives the ids of the original: $name', ({ tokenizer, ids }) => {
    const framing = read({ 'tokenizer.json': tokenizer });
    expect(golden.texts.map((text) => sampleOf(framing, text))).toEqual(ids);
    expect(framing.tokenizer.file).toMatch(/tokenizer\.json$/);
  });

  it('is the same tokenizer as a vocab.txt with the same tokens and settings', () => {
    const json = read({ 'tokenizer.json': UNCASED.tokenizer });
    const lines = read({ 'vocab.txt': vocabulary().join('\n') }, true);
    expect(lines.tokenizer.identity).toEqual(json.tokenizer.identity);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(lines.tokenizer.encode(text)).toEqual(json.tokenizer.encode(text));
      }),
    );
  });

  it('says what it is: tokens by id, unknown id, and a digest that any rule changes', () => {
    const { tokenizer } = read({ 'tokenizer.json': UNCASED.tokenizer });
    expect(tokenizer.identity.tokens?.slice(0, 5)).toEqual(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']);
    expect(tokenizer.unknown).toBe(1);
    const digests = golden.cases.map((one) => read({ 'tokenizer.json': one.tokenizer }).tokenizer.identity.sha256);
    expect(new Set(digests).size).toBe(golden.cases.length);
  });

  it('shows a text again', () => {
    const { tokenizer } = read({ 'tokenizer.json': caseOf('byte-level bpe').tokenizer });
    expect(tokenizer.decode([2, ...tokenizer.encode('the old 🙂 boat'), 3])).toBe(' the old 🙂 boat');
  });

  it('frames a text, and cuts the text and not its frame', () => {
    const lines = '你 a b c d\t1\nnot\t0\n'.repeat(6);
    const files = { 'train.tsv': lines, 'dev.tsv': lines, 'story.txt': lines };
    const at = folderWith({ 'tokenizer.json': caseOf('unigram').tokenizer, ...files });
    const data = openDataset(`tsv:${at}`, { sequence: 5 });
    const row = [...fieldOf(data, 0, 'tokens')];
    expect([row[0], row[4]]).toEqual([2, 3]);
    expect(errorOf(() => openDataset(`tsv:${at}`, { sequence: 2, tokenizer: 'wordpiece' })).message).toContain(
      'which is a tokenizer of the kind unigram',
    );
  });
});

describe('running text', () => {
  // Words of all kinds, contractions, digits, line breaks of both kinds and runs of spaces, some 150,000 characters.
  const line = "It's  the old boat, 1234 harbours:\r\n\r\n 'Ok'... zoë\u0308 你好 <|endoftext|>  x\n\t\n";
  const story = Array.from({ length: 1600 }, (_, i) => `${line}${'ab 9'.slice(i % 4)}`).join('');
  const ofText = (tokenizer: unknown, tokenizerConfig: Json = {}) => {
    const files = { 'tokenizer.json': tokenizer, 'tokenizer_config.json': tokenizerConfig, 'story.txt': story };
    const at = folderWith(files);
    return openDataset(`text:${at}/story.txt`, { sequence: 64 }, { vocab: join(at, 'tokenizer.json') });
  };

  it.each(golden.cases.filter(({ name }) => /language model|byte-level|unigram/.test(name)))(
    'is taken apart piece by piece into the ids of the whole: $name',
    ({ tokenizer }) => {
      const data = ofText(tokenizer);
      const whole = data.tokenizer?.encode(story.slice(0, Math.floor(story.length * 0.9))) ?? [];
      const rows = Array.from({ length: data.numTrain }, (_, id) => [...fieldOf(data, id, 'tokens')]).flat();
      expect(rows.length).toBe(Math.floor((whole.length - 1) / 64) * 64);
      expect(rows.findIndex((id, i) => id !== whole[i])).toBe(-1);
    },
  );

  it.each<[string, Json, string]>([
    [
      'words go over spaces and are looked up whole',
      {
        pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
        model: { ...caseOf('language model, gpt2').tokenizer.model, ignore_merges: true },
      },
      'does not end words',
    ],
    [
      'a token takes in the spaces behind it',
      { added_tokens: [{ ...caseOf('language model, gpt2').tokenizer.added_tokens[0], rstrip: true }] },
      'added token "<|endoftext|>", which takes spaces in',
    ],
  ])('is refused where %s', (_, change, text) => {
    const error = errorOf(() => ofText({ ...caseOf('language model, gpt2').tokenizer, ...change }));
    expect([error.code, error.message]).toEqual(['PT_TOKENIZER', expect.stringContaining(text)]);
  });

  it('needs neither padding nor a frame, which labelled texts do', () => {
    const { tokenizer } = caseOf('language model, gpt2');
    expect(ofText(tokenizer, { add_bos_token: false }).info.tokenizer?.settings['pad']).toBe('none');
    const at = folderWith({ 'tokenizer.json': tokenizer, 'train.tsv': 'a\t1\nb\t0\n', 'dev.tsv': 'a\t1\nb\t0\n' });
    expect(errorOf(() => openDataset(`tsv:${at}`, {})).message).toContain('nothing names a padding token');
    const error = errorOf(() => ofText(tokenizer, { add_bos_token: true }));
    expect(error.message).toContain('says add_bos_token true, post_processor adds 0 tokens there');
  });
});

describe('what is not done as the original does it is refused by its name', () => {
  const model = UNCASED.tokenizer.model;
  const bpe = caseOf('bpe with fused unknown characters').tokenizer;
  it.each<[string, Json, string]>([
    ['a normalizer', withPiece({ normalizer: { type: 'Other' } }), 'normalizer "Other"'],
    [
      'one among several',
      withPiece({ normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Other' }] } }),
      'normalizer.normalizers[1] "Other"',
    ],
    [
      'a map of characters that is none',
      withPiece({ normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAAAA==' } }),
      'precompiled_charsmap is no map',
    ],
    [
      'a pattern that is replaced',
      withPiece({ normalizer: { type: 'Replace', pattern: { Regex: 'a+' }, content: '' } }),
      'normalizer "Replace" of the pattern "a+"',
    ],
    [
      'a pre-tokenizer',
      withPiece({ pre_tokenizer: { type: 'Split', pattern: { Regex: '.' }, behavior: 'Isolated', invert: false } }),
      'pre_tokenizer "Split"',
    ],
    ['a model', withPiece({ model: { type: 'Other', vocab: {} } }), 'model "Other"'],
    ['a setting of a model', { ...bpe, model: { ...bpe.model, dropout: 0.1 } }, 'model.dropout'],
    ['a suffix', { ...bpe, model: { ...bpe.model, end_of_word_suffix: '</w>' } }, 'model.end_of_word_suffix'],
    ['lost characters', { ...bpe, model: { ...bpe.model, unk_token: null } }, 'model.unk_token null'],
    ['an unknown setting', withPiece({ normalizer: { type: 'Lowercase', locale: 'tr' } }), 'normalizer.locale'],
    ['a post-processor', withPiece({ post_processor: { type: 'Other' } }), 'post_processor "Other"'],
    ['cutting on the left', withPiece({ truncation: { direction: 'Left', max_length: 4 } }), 'truncation.direction'],
    [
      'a flag of an added token',
      withPiece({ added_tokens: [{ ...UNCASED.tokenizer.added_tokens[0], once: 1 }] }),
      'once',
    ],
    [
      'an added token elsewhere',
      withPiece({ added_tokens: [{ ...UNCASED.tokenizer.added_tokens[0], id: 7 }] }),
      'added_tokens says that "[PAD]" is 7, the vocabulary says 0',
    ],
    ['an unknown token that is none', withPiece({ model: { ...model, unk_token: '<?>' } }), 'model.unk_token is "<?>"'],
    [
      'one id twice',
      withPiece({ model: { ...model, vocab: { a: 0, b: 0, '[UNK]': 1 } } }),
      'gives the id 0 to "a" and to "b"',
    ],
  ])('%s', (_, json, text) => {
    const error = errorOf(() => read({ 'tokenizer.json': json }));
    expect(error.code).toBe('PT_TOKENIZER');
    expect(error.message).toContain(text);
    expect(error.message).toContain('tokenizer.json');
  });

  it.each<[string, Json, string]>([
    ['words that are never split', { never_split: ['boat'] }, 'never_split ["boat"]'],
    ['no basic tokenizer', { do_basic_tokenize: false }, 'do_basic_tokenize'],
    ['padding on the left', { padding_side: 'left' }, 'padding_side'],
    ['a setting that is not known', { swap_case: true }, 'swap_case: true'],
    ['another tokenizer', { tokenizer_class: 'BertJapaneseTokenizer' }, 'tokenizer_class "BertJapaneseTokenizer"'],
    ['a special token that is none', { mask_token: '<mask>' }, 'mask_token "<mask>"'],
    ['an added token elsewhere', { added_tokens_decoder: { 5: { content: '[NEW]' } } }, 'that 5 is "[NEW]"'],
  ])('beside a vocab.txt: %s', (_, config, text) => {
    const files = { 'vocab.txt': vocabulary().join('\n'), 'tokenizer_config.json': { do_lower_case: true, ...config } };
    const error = errorOf(() => read(files));
    expect(error.code).toBe('PT_TOKENIZER');
    expect(error.message).toContain(text);
    expect(error.message).toContain('tokenizer_config.json');
  });

  it('a tokenizer that frames nothing, for texts with a label', () => {
    const at = folderWith({
      'tokenizer.json': withPiece({ post_processor: null }),
      'train.tsv': 'a\t1\nb\t0\n'.repeat(9),
    });
    expect(errorOf(() => openDataset(`tsv:${at}`, {})).message).toContain('nothing frames a text (post_processor)');
  });
});

describe('a vocab.json with merges.txt', () => {
  const { model } = caseOf('language model, gpt2').tokenizer;
  const files = (more: Json): Json => ({
    'vocab.json': model['vocab'],
    'merges.txt': `#version: 0.2\n${mergesText(model)}\n`,
    ...more,
  });

  it.each<[string, Json, string]>([
    ['gpt2', { 'config.json': { model_type: 'gpt2' } }, 'language model, gpt2'],
    ['qwen2', { 'tokenizer_config.json': { tokenizer_class: 'Qwen2TokenizerFast' } }, 'language model, qwen2'],
  ])('gives the ids of the tokenizer.json that is made of them: %s', (_, more, name) => {
    const { ids, tokenizer } = caseOf(name);
    const own = tokenizer.model;
    const framing = read({ ...files(more), 'vocab.json': own['vocab'], 'merges.txt': mergesText(own) });
    expect(golden.texts.map((text) => framing.tokenizer.encode(text))).toEqual(ids);
  });

  it('frames texts where it is that of RoBERTa', () => {
    const { tokenizer, ids } = caseOf('byte-level bpe');
    const {
      prefix,
      suffix,
      pad,
      tokenizer: made,
    } = read({
      'vocab.json': tokenizer.model['vocab'],
      'merges.txt': mergesText(tokenizer.model),
      'tokenizer_config.json': { tokenizer_class: 'RobertaTokenizer', add_prefix_space: true },
    });
    expect([prefix, suffix, pad]).toEqual([[2], [3], 0]);
    const text = golden.texts.findIndex((one) => one.startsWith('rain'));
    expect([...prefix, ...made.encode(golden.texts[text] as string), ...suffix]).toEqual(ids[text]);
  });

  it.each<[string, Json, string]>([
    ['nothing says what it is of', {}, 'do not say how a text is taken apart'],
    ['it is of another model', { 'config.json': { model_type: 'other' } }, 'model_type "other"'],
    [
      'it is of another class',
      { 'tokenizer_config.json': { tokenizer_class: 'CLIPTokenizer' } },
      'tokenizer_class "CLIPTokenizer"',
    ],
    [
      'a special token is none of its tokens',
      { 'tokenizer_config.json': { tokenizer_class: 'RobertaTokenizer' } },
      'it has no "<s>", which is the',
    ],
  ])('is refused where %s', (_, more, message) => {
    const error = errorOf(() => read(files(more)));
    expect([error.code, error.message]).toEqual(['PT_TOKENIZER', expect.stringContaining(message)]);
  });
});

const mergesText = (model: Json): string => (model['merges'] as string[][]).map((pair) => pair.join(' ')).join('\n');

describe('what stands beside a vocabulary', () => {
  const lines = vocabulary().join('\n');
  it('is honoured: case, accents, ideographs, names of special tokens, added tokens, the longest sample', () => {
    const plain = caseOf('bert without ideographs, with accents');
    const same = read({
      'vocab.txt': lines,
      'tokenizer_config.json': { do_lower_case: true, strip_accents: false, tokenize_chinese_chars: false },
    });
    // Texts without control characters, which a vocab.txt always has taken out.
    const at = golden.texts.flatMap((text, i) => (/[\p{Cc}\p{Cf}\ufffd]/u.test(text) ? [] : [i]));
    expect(at.map((i) => sampleOf(same, golden.texts[i] as string))).toEqual(at.map((i) => plain.ids[i]));
    const named = read({
      'vocab.txt': lines,
      'tokenizer_config.json': {
        do_lower_case: true,
        cls_token: 'boat',
        model_max_length: 12,
        added_tokens_decoder: { [vocabulary().length]: { content: '<new>', special: true } },
      },
    });
    expect([named.prefix, named.mostTokens]).toEqual([[vocabulary().indexOf('boat')], 12]);
    expect(named.tokenizer.encode('a<new>')).toEqual([vocabulary().indexOf('a'), vocabulary().length]);
  });

  it.each([
    [0, 'it has to be a whole number from 1'],
    [-1, 'it has to be a whole number from 1'],
    [0.5, 'it has to be a whole number from 1'],
    [2, 'model_max_length is 2; a sample is framed with 2 tokens, which leaves no place for its text'],
  ])('has a model_max_length that leaves a place for a text, not %d', (model_max_length, message) => {
    const error = errorOf(() => read({ 'vocab.txt': lines, 'tokenizer_config.json': { model_max_length } }, false));
    expect(error.message).toMatch(/tokenizer_config\.json/);
    expect(error.message).toContain('model_max_length');
    expect(error.message).toContain(message);
    const most = (value: unknown): number | null =>
      read({ 'vocab.txt': lines, 'tokenizer_config.json': { model_max_length: value } }, false).mostTokens;
    expect([most(3), most(1e30), most(null)]).toEqual([3, null, null]);
  });

  it('is read as sentence-transformers would', () => {
    const withFile = (settings: Json, lowercase: boolean) =>
      read({ 'vocab.txt': lines, 'sentence_bert_config.json': settings, 'tokenizer_config.json': LONG }, lowercase);
    const LONG = { model_max_length: 512 };
    expect(withFile({ max_seq_length: 256, do_lower_case: false }, false).mostTokens).toBe(256);
    expect(withFile({ max_seq_length: 1000, do_lower_case: true }, true).mostTokens).toBe(512);
    expect(errorOf(() => withFile({ max_seq_length: 1 }, true)).message).toMatch(
      /sentence_bert_config\.json: max_seq_length is 1;/,
    );
    expect(errorOf(() => withFile({ do_lower_case: true }, false)).message).toMatch(
      /sentence_bert_config\.json: do_lower_case true with a tokenizer that tells capital letters/,
    );
  });

  it('has a token in one line only', () => {
    const twice = [...vocabulary(), 'boat'].join('\n');
    const at = vocabulary().indexOf('boat') + 1;
    expect(errorOf(() => read({ 'vocab.txt': twice }, false)).message).toContain(
      `the token "boat" stands in line ${at} and in line ${vocabulary().length + 1}`,
    );
  });

  it('has to say whether case is folded where the vocabulary has capitals', () => {
    expect(errorOf(() => read({ 'vocab.txt': lines })).message).toContain('capital letters ("The")');
    const idsOf = (framing: ReturnType<typeof read>): number[] => framing.tokenizer.encode('The');
    expect(idsOf(read({ 'vocab.txt': lines }, false))).toEqual([vocabulary().indexOf('The')]);
    expect(idsOf(read({ 'vocab.txt': lines, 'tokenizer_config.json': { do_lower_case: true } }))).toEqual([
      vocabulary().indexOf('the'),
    ]);
  });

  it('may not contradict it: another vocabulary, another case, other names, with both', () => {
    const json = UNCASED.tokenizer;
    const messageOf = (files: Json): string => errorOf(() => read({ 'tokenizer.json': json, ...files })).message;
    const other = [...vocabulary()];
    [other[5], other[6]] = [other[6] as string, other[5] as string];
    expect(read({ 'tokenizer.json': json, 'vocab.txt': lines }).tokenizer.file).toMatch(/tokenizer\.json$/);
    expect(messageOf({ 'vocab.txt': other.join('\n') })).toContain('line 6 is "slow", token 5 is "the"');
    expect(messageOf({ 'vocab.txt': other.slice(0, 5).join('\n') })).toContain('vocab.txt (5 tokens)');
    expect(messageOf({ 'tokenizer_config.json': { do_lower_case: false } })).toMatch(
      /normalizer\.lowercase is true, and in .* do_lower_case is false/,
    );
    expect(messageOf({ 'special_tokens_map.json': { cls_token: '[MASK]' } })).toContain(
      'names cls_token "[MASK]", here it is "[CLS]"',
    );
    expect(messageOf({ 'tokenizer_config.json': { pad_token: 'boat' } })).toContain('pad_token "boat"');
  });
});
