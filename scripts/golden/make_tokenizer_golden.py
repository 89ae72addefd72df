"""Writes test/golden/tokenizers/cases.json: small tokenizers of our own making, and the ids that the library
`tokenizers` gives difficult texts with them; and trained.json: what its trainer joins in a text.

Run `python scripts/golden/make_tokenizer_golden.py` in an environment with `tokenizers`. Only whoever changes a case
needs it: the file is part of the repository, and neither the product nor its tests run Python.

With the argument `classes` it prints instead which characters the library takes for marks, punctuation, control
characters and letters of words, one line each of ranges, for engine/data/unicode-classes.ts.
"""

import json
import sys
import tempfile
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = Path(__file__).resolve().parents[2] / "test" / "golden" / "tokenizers" / "cases.json"
LINES = [
    "the slow boat drifts past the old harbour",
    "an old boat, a slow harbour: the drifting is slow",
    "Zoë's café isn't far from Köln; we'll walk",
    "rain, rain and more rain 12 34 567",
    "湖の水 は 青い 你好",
]
TEXTS = [
    "",
    " ",
    "The Slow BOAT drifts",
    "Zoe\u0308's CAFÉ isn't far, we'LL",
    "你好 harbour𠀀\U0002b8c0x",
    "ΣΟΦΟΣ ΟΔΟΣ İstanbul ß",
    "\ufeffthe\u200b boat\u00a0past\u2003the\u3000old\u0085rain\u2028and\u00ad",
    "a\x00b\x07c\td\r\ne\n\n  f",
    "rain🙂🙂rain 👩\u200d👩\u200d👧 \U0001f1e9\U0001f1ea",
    "slow[SEP]boat [MASK] [mask] [CLS]<s> <mask> </s>boat  <mask>  x",
    "x" * 100,
    "x" * 101,
    "12 345 ٣٤ ² Ⅷ ½",
    "...!? --'s 'the' $5-5 €",
    "   three   spaces   ",
    "ﬁne ㎏ ㋿ Å",
    "▁old▁boat <0x41>",
    "It'S we'Re THEY'LL I'D'VE 'ſ'K fine.\n\n  the 1234567 slow.\r\n\tboat<|endoftext|> the(old)\n",
]


def wordpiece(special, **settings):
    pieces = "the slow boat old rain and more caf ##e zoe far cafe ##s ##ing drift is ##n t ' , . ! ? $ 5 - 1 2 你 好"
    letters = "abcdefghijklmnopqrstuvwxyz"
    tokens = [*special, *pieces.split(), *letters[:18], *[f"##{c}" for c in letters[:4]], "σοφοσ", "οδος", "istanbul"]
    tokens += ["The", "CAFÉ", "𠀀"]
    # A vocabulary has no token twice.
    vocab = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    made = Tokenizer(models.WordPiece(vocab, unk_token=special[1]))
    made.add_special_tokens(special)
    made.normalizer = normalizers.BertNormalizer(**settings)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = frame(special[2], special[3], vocab)
    made.decoder = decoders.WordPiece()
    return made


def frame(first, last, vocab):
    return processors.TemplateProcessing(
        single=f"{first} $A {last}", special_tokens=[(first, vocab[first]), (last, vocab[last])]
    )


SPECIAL = ["<pad>", "<unk>", "<s>", "</s>", tokenizers.AddedToken("<mask>", lstrip=True, special=True)]


def byte_level():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(LINES, trainer)
    made.post_processor = processors.RobertaProcessing(("</s>", 3), ("<s>", 2))
    made.decoder = decoders.ByteLevel()
    return made


END = "<|endoftext|>"


def language(*steps, normalizer=None, ignore_merges=False):
    """A byte-level tokenizer of a language model: no unknown characters, no frame, no padding."""
    made = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    made.normalizer = normalizer
    made.pre_tokenizer = pre_tokenizers.Sequence(list(steps)) if len(steps) > 1 else steps[0]
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(LINES, trainer)
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    made.decoder = decoders.ByteLevel()
    return made


def split(digits):
    """As in Llama 3 and Qwen2."""
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    return pre_tokenizers.Split(tokenizers.Regex(pattern % digits), "isolated")


def fused():
    made = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=90, special_tokens=SPECIAL, show_progress=False))
    made.post_processor = processors.BertProcessing(("</s>", 3), ("<s>", 2))
    return made


def unigram():
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    trainer = trainers.UnigramTrainer(
        vocab_size=70, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False, shrinking_factor=0.5
    )
    made.train_from_iterator(LINES, trainer)
    made.post_processor = frame("<s>", "</s>", {"<s>": 2, "</s>": 3})
    made.decoder = decoders.Metaspace()
    return made


SPACE = "\u2581"


def pieces(*, split=None):
    """As in Llama 2: spaces are marks, all others are bytes where they are no token."""
    made = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
    made.pre_tokenizer = split
    tokens = ["<unk>", "<s>", "</s>", *[f"<0x{byte:02X}>" for byte in range(256)]]
    trainer = trainers.BpeTrainer(vocab_size=330, special_tokens=tokens, show_progress=False)
    made.train_from_iterator([f"{line} {line}" for line in LINES[:3]], trainer)
    described = json.loads(made.to_str())
    # Bytes are tokens like others, and found in no text.
    described["added_tokens"] = described["added_tokens"][:3]
    made = Tokenizer.from_str(json.dumps(described))
    made.post_processor = frame_first("<s>", 1)
    made.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return made


def frame_first(token, token_id):
    return processors.TemplateProcessing(single=f"{token} $A", special_tokens=[(token, token_id)])


RULES = {"ﬁ": "fi", "㎏": "kg", "\u3000": " ", "\u200b": " ", "A\u030a": "Å", "e\u0308": "ë", "\t": " "}


def charsmap():
    """A map of characters as SentencePiece keeps it, with the rules above alone."""
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.tsv"
        hexadecimal = [" ".join(f"{ord(c):X}" for c in side) for pair in RULES.items() for side in pair]
        lines = [f"{a}\t{b}\n" for a, b in zip(hexadecimal[::2], hexadecimal[1::2])]
        rules.write_text("".join(lines))
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(LINES), model_prefix=f"{folder}/m", vocab_size=60, hard_vocab_limit=False,
            normalization_rule_tsv=str(rules), minloglevel=2,
        )  # fmt: skip
        model = sentencepiece_model_pb2.ModelProto.FromString((Path(folder) / "m.model").read_bytes())
        return model.normalizer_spec.precompiled_charsmap


def precompiled(*steps, byte_fallback=False):
    base = json.loads(unigram().to_str())
    if byte_fallback:
        base["model"]["vocab"] += [[f"<0x{byte:02X}>", -20.0] for byte in range(256)]
        base["model"]["byte_fallback"] = True
    made = Tokenizer.from_str(json.dumps(base))
    made.normalizer = normalizers.Sequence(list(steps))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    return made


def whole_words():
    words = ["[UNK]", "[PAD]", "the", "slow", "boat", "old", ",", "rain"]
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    made.add_special_tokens(words[:2])
    made.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def classes():
    bert = normalizers.BertNormalizer
    numbers = pre_tokenizers.Split(tokenizers.Regex(r"\p{N}"), "isolated")
    off = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
    tests = {
        "invisible": lambda c: bert(**{**off, "clean_text": True}).normalize_str(f"a{c}b") == "ab",
        "mark": lambda c: bert(**{**off, "strip_accents": True}).normalize_str(f"a{c}b") == "ab",
        "ideograph": lambda c: bert(**{**off, "handle_chinese_chars": True}).normalize_str(f"a{c}b") == f"a {c} b",
        "punctuation": lambda c: len(pre_tokenizers.BertPreTokenizer().pre_tokenize_str(f"a{c}b")) == 3,
        "word": lambda c: len(pre_tokenizers.Whitespace().pre_tokenize_str(f"a{c}b")) == 1,
        "accent": lambda c: normalizers.StripAccents().normalize_str(c) == "",
        "number": lambda c: len(numbers.pre_tokenize_str(f"-{c}-")) == 3,
        "decomposed": lambda c: normalizers.NFKD().normalize_str(c) != c,
    }
    for name, test in tests.items():
        points = [p for p in range(0x110000) if not 0xD800 <= p <= 0xDFFF and test(chr(p))]
        ranges = []
        for point in points:
            if ranges and ranges[-1][1] == point - 1:
                ranges[-1][1] = point
            else:
                ranges.append([point, point])
        print(name, " ".join(f"{a:X}-{b:X}" for a, b in ranges))


def write_trained():
    text = "\n".join(TEXTS + LINES + [line.upper() for line in LINES] + LINES[:2] * 3) + "aaaaa aaaaab abababab\n" * 3
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        min_frequency=2,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([text], trainer)
    model = json.loads(made.to_str())["model"]
    content = {"madeWith": f"tokenizers {tokenizers.__version__}", "text": text, "merges": model["merges"]}
    content["tokens"] = sorted(model["vocab"], key=model["vocab"].get)
    (OUT.parent / "trained.json").write_text(json.dumps(content, ensure_ascii=True) + "\n")


def main():
    bert = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made = {
        "bert uncased": wordpiece(bert, lowercase=True),
        "bert cased": wordpiece(bert, lowercase=False),
        "bert without ideographs, with accents": wordpiece(
            bert, lowercase=True, strip_accents=False, handle_chinese_chars=False, clean_text=False
        ),
        "byte-level bpe": byte_level(),
        "bpe with fused unknown characters": fused(),
        "unigram": unigram(),
        "language model, gpt2": language(pre_tokenizers.ByteLevel(add_prefix_space=False)),
        "language model, smollm": language(
            pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
        ),
        "language model, qwen2": language(
            split(r"\p{N}"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            normalizer=normalizers.NFC(),
        ),
        "language model, llama 3": language(
            split(r"\p{N}{1,3}"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ignore_merges=True,
        ),
        "language model, llama 2": pieces(),
        "language model, gemma": pieces(split=pre_tokenizers.Split(" ", "merged_with_previous")),
        "unigram with a map of characters": precompiled(
            normalizers.Precompiled(charsmap()),
            normalizers.Strip(left=False, right=True),
            normalizers.Replace(tokenizers.Regex(" {2,}"), SPACE),
        ),
        "unigram, albert": precompiled(
            normalizers.Replace("``", '"'),
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Nmt(),
            byte_fallback=True,
        ),
        "whole words": whole_words(),
    }
    cases = [
        {"name": name, "tokenizer": json.loads(case.to_str()), "ids": [case.encode(text).ids for text in TEXTS]}
        for name, case in made.items()
    ]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    content = {"madeWith": f"tokenizers {tokenizers.__version__}", "texts": TEXTS, "cases": cases}
    OUT.write_text(json.dumps(content, ensure_ascii=True) + "\n")
    write_trained()


if __name__ == "__main__":
    classes() if sys.argv[1:] == ["classes"] else main()
