"""Writes test/golden/hf/tiny: a small BERT encoder with random weights in the Hugging Face layout, and what
`transformers` computes with it.

Run `python scripts/golden/make_hf_golden.py` in an environment with PyTorch and transformers. Only whoever changes the
case needs it: the files are part of the repository, and neither the product nor its tests run Python.

The same weights are written twice: `model.safetensors` with the names of the bare encoder, `pytorch_model.bin` with the
names of a classifier (prefix `bert.`, a buffer of integers and a classifier beside the encoder). `expected.json` has
token ids that the tokenizer of transformers gives, and hidden states, in float64; `activations.json` has the last ones
for other activation functions, `gradients.json` two numbers of each parameter's gradient.

`python scripts/golden/make_hf_golden.py FOLDER OUT.json` does the second half for another model folder, without writing
weights: a check by hand.
"""

import json
import platform
import sys
from collections import OrderedDict
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, BertTokenizer

OUT = Path(__file__).resolve().parents[2] / "test" / "golden" / "hf" / "tiny"
MADE_WITH = (
    f"transformers {transformers.__version__}, PyTorch {torch.__version__}, Python {platform.python_version()},"
    f" float64, {platform.machine()}"
)
T = 10
WORDS = [
    "the",
    "a",
    "film",
    "story",
    "plot",
    "is",
    "was",
    "not",
    "good",
    "bad",
    "fun",
    "##ny",
    "##ly",
    "##s",
    "##ing",
    "act",
    "slow",
    "great",
    "##er",
    "##est",
    "un",
    "##even",
    "warm",
    "cold",
    "heart",
    "##less",
    "and",
    "but",
    "never",
    "dull",
    "of",
    "to",
    "it",
    "'",
    "!",
    ",",
    ".",
    "-",
    "cafe",
    "1",
    "##0",
]
TEXTS = [
    "The film is GOOD, and funny!",
    "Café: not a slow-acting story.",
    "dull",
    "it was never great but the heartless plot is warmest of the uneven 10 films",
]
PAIRS = [[0, 0, 0, 0, 1, 1, 1, 1, 1, 1], [0, 1, 1, 1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 0, 0, 0, 0, 0], [0] * 10]


def numbers(tensor):
    """Eight digits: as fine as float32."""
    return [float(f"{x:.8g}") for x in tensor.detach().flatten().tolist()]


def make_model():
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS
    vocabulary += [f"[unused{i}]" for i in range(64 - len(vocabulary))]
    (OUT / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    config = BertConfig(
        vocab_size=64,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=16,
        layer_norm_eps=1e-7,
        architectures=["BertModel"],
    )
    generator = torch.Generator().manual_seed(20)
    model = BertModel(config)
    with torch.no_grad():
        # Large and nowhere 0 or 1, so that a bias, a gain or a transposition that is forgotten shows.
        for name, p in model.named_parameters():
            base = 1.0 if name.endswith("LayerNorm.weight") else 0.0
            p.copy_(base + 0.3 * torch.randn(p.shape, generator=generator))
    weights = {name: p.contiguous() for name, p in model.state_dict().items()}
    save_file(weights, OUT / "model.safetensors", metadata={"format": "pt"})
    (OUT / "model.safetensors").chmod(0o644)
    classifier = OrderedDict((f"bert.{name}", p) for name, p in weights.items())
    classifier["bert.embeddings.position_ids"] = torch.arange(16)[None]
    classifier["classifier.weight"] = torch.ones(2, 32)
    torch.save(classifier, OUT / "pytorch_model.bin")
    settings = {
        key: value
        for key, value in config.to_dict().items()
        if key in (
            "architectures",
            "attention_probs_dropout_prob",
            "hidden_act",
            "hidden_dropout_prob",
            "hidden_size",
            "initializer_range",
            "intermediate_size",
            "layer_norm_eps",
            "max_position_embeddings",
            "model_type",
            "num_attention_heads",
            "num_hidden_layers",
            "pad_token_id",
            "type_vocab_size",
            "vocab_size",
        )
    }
    (OUT / "config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
    (OUT / "tokenizer_config.json").write_text(
        json.dumps({"do_lower_case": True, "tokenizer_class": "BertTokenizer"}, indent=2) + "\n"
    )


def expect(folder, texts, length, types):
    tokenizer = BertTokenizer.from_pretrained(folder)
    batch = tokenizer(texts, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    model = BertModel.from_pretrained(folder, attn_implementation="eager").double().eval()
    mask = batch["attention_mask"]
    cases = []
    for token_types in (torch.zeros_like(batch["input_ids"]), types):
        with torch.no_grad():
            out = model(
                input_ids=batch["input_ids"], attention_mask=mask, token_type_ids=token_types, output_hidden_states=True
            )
        last = out.last_hidden_state
        mean = (last * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        cases.append(
            {
                "types": token_types.flatten().tolist(),
                "hidden": [numbers(h) for h in out.hidden_states],
                "mean": numbers(mean),
                "cls": numbers(last[:, 0]),
                "pooler": numbers(out.pooler_output),
            }
        )
    return {
        "madeWith": MADE_WITH,
        "texts": texts,
        "sequence": length,
        "tokens": batch["input_ids"].flatten().tolist(),
        "mask": mask.flatten().tolist(),
        "cases": cases,
    }


def expect_activations(folder, case):
    """The last hidden state with other activation functions than the one of the folder."""
    last = {}
    for name in ("gelu_new", "relu"):
        model = BertModel.from_pretrained(folder, attn_implementation="eager", hidden_act=name).double().eval()
        shape = (len(case["texts"]), case["sequence"])
        with torch.no_grad():
            out = model(
                input_ids=torch.tensor(case["tokens"]).reshape(shape),
                attention_mask=torch.tensor(case["mask"]).reshape(shape),
            )
        last[name] = numbers(out.last_hidden_state)
    return {"madeWith": MADE_WITH, "last": last}


def wave(count):
    """Numbers between -0.5 and 0.5 that jump about; the test makes the same."""
    return (torch.arange(count) * 37 % 101).double() / 101 - 0.5


def expect_gradients(folder, case):
    """For every parameter the length of its gradient and its product with a wave, where the gradient of the last hidden
    state is a wave, 0 at padding."""
    model = BertModel.from_pretrained(folder, attn_implementation="eager").double().eval()
    shape = (len(case["texts"]), case["sequence"])
    out = model(
        input_ids=torch.tensor(case["tokens"]).reshape(shape), attention_mask=torch.tensor(case["mask"]).reshape(shape)
    )
    last = out.last_hidden_state
    # Nothing depends on padding; and PyTorch leaves out the gradient of the row for padding.
    last.backward(wave(last.numel()).reshape(last.shape) * torch.tensor(case["mask"]).reshape(shape)[:, :, None])
    return {
        "madeWith": MADE_WITH,
        "gradients": {
            name: numbers(torch.stack([p.grad.norm(), (p.grad.flatten() * wave(p.numel())).sum()]))
            for name, p in model.named_parameters()
            if p.grad is not None
        },
    }


def write(name, content):
    (OUT / name).write_text(json.dumps(content, separators=(",", ":")) + "\n")


def main():
    if len(sys.argv) == 3:
        types = torch.arange(len(TEXTS) * 32).reshape(len(TEXTS), 32) // 5 % 2
        Path(sys.argv[2]).write_text(json.dumps(expect(sys.argv[1], TEXTS, 32, types)))
        return
    OUT.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    make_model()
    expected = expect(OUT, TEXTS, T, torch.tensor(PAIRS))
    write("expected.json", expected)
    write("gradients.json", expect_gradients(OUT, expected))
    write("activations.json", expect_activations(OUT, expected))


main()
