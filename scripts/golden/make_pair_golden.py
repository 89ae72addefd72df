"""Writes test/golden/pairs.json: token ids and types of pairs of texts, framed and cut by `tokenizers`.

Made with tokenizers 0.23.3. Run from the root: python scripts/golden/make_pair_golden.py
"""
import json

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = 'a man sleeps in the park nobody is awake dog runs'.split()
PAIRS = [
    ('a man sleeps in the park', 'nobody is awake'),
    ('a dog', 'the dog runs in the park'),
    ('', 'a dog runs'),
    ('a man', ''),
    ('the dog runs in the park', 'a man sleeps in the park'),
]


def bert():
    vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', *WORDS]
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(vocabulary)}, unk_token='[UNK]'))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(vocabulary[:4])
    tokenizer.post_processor = processors.TemplateProcessing(
        single='[CLS] $A [SEP]', pair='[CLS] $A [SEP] $B:1 [SEP]:1', special_tokens=[('[CLS]', 2), ('[SEP]', 3)])
    return tokenizer


def roberta():
    letters = sorted(set(''.join(WORDS)))
    vocabulary = ['<s>', '<pad>', '</s>', '<unk>', 'Ġ', *letters]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(vocabulary)}, [], unk_token='<unk>'))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(vocabulary[:4])
    tokenizer.post_processor = processors.RobertaProcessing(('</s>', 2), ('<s>', 0), add_prefix_space=False)
    return tokenizer


cases = []
for name, tokenizer in (('bert', bert()), ('roberta', roberta())):
    described = json.loads(tokenizer.to_str())
    samples = []
    for sequence in (8, 12, 64):
        tokenizer.enable_truncation(sequence)
        for first, second in PAIRS:
            encoding = tokenizer.encode(first, second)
            samples.append({'sequence': sequence, 'ids': encoding.ids, 'types': encoding.type_ids})
    cases.append({'name': name, 'tokenizer': described, 'samples': samples})
with open('test/golden/pairs.json', 'w') as file:
    json.dump({'pairs': PAIRS, 'cases': cases}, file, ensure_ascii=False)
    file.write('\n')
