"""Writes test/golden/hf/NAME for the families of pretrained models beside BERT: small models with random weights in the
Hugging Face layout, and what `transformers` computes with them.

Run `python scripts/golden/make_hf_families_golden.py [NAME ...]` in an environment with PyTorch and transformers. Only
whoever changes a case needs it: the files are part of the repository, and neither the product nor its tests run Python.

`expected.json` of a folder has the fields of a micro-batch, the logits, and of each parameter's gradient its length and
its product with a wave, where the gradient of the logits is a wave; all in float64. Where the output matrix is tied to
the table of tokens, `tiedGradients` are those of the model as it is, and `gradients` those of one that was untied.
"""

import json
import platform
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file
from transformers import (
    BertConfig,
    BertForTokenClassification,
    DeiTConfig,
    DeiTForImageClassification,
    DeiTForImageClassificationWithTeacher,
    DistilBertConfig,
    DistilBertForQuestionAnswering,
    DistilBertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
    ViTConfig,
    ViTForImageClassification,
)

OUT = Path(__file__).resolve().parents[2] / "test" / "golden" / "hf"
MADE_WITH = (
    f"transformers {transformers.__version__}, PyTorch {torch.__version__}, Python {platform.python_version()},"
    f" float64, {platform.machine()}"
)
B, T, V = 3, 7, 40
TEXT = dict(vocab_size=V, num_labels=3)
ENCODER = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)
DECODER = dict(vocab_size=V, max_position_embeddings=32, bos_token_id=0, eos_token_id=1, **ENCODER)
IMAGE = dict(image_size=8, patch_size=4, num_labels=3, **ENCODER)

# Of the head; where nothing stands here it classifies samples or predicts the next token.
TASKS = {
    "bert-tags": "token-classification",
    "distilbert-spans": "question-answering",
    "roberta-masked": "masked-language-model",
    "gpt2-texts": "text-classification",
}

CASES = {
    "roberta": (
        RobertaForSequenceClassification,
        RobertaConfig(max_position_embeddings=12, type_vocab_size=1, pad_token_id=1, **TEXT, **ENCODER),
    ),
    "distilbert": (
        DistilBertForSequenceClassification,
        DistilBertConfig(dim=16, n_layers=2, n_heads=2, hidden_dim=24, max_position_embeddings=10, **TEXT),
    ),
    "gpt2": (
        GPT2LMHeadModel,
        GPT2Config(
            vocab_size=V, n_positions=10, n_embd=16, n_layer=2, n_head=2, n_inner=24, bos_token_id=0, eos_token_id=0
        ),
    ),
    "vit": (ViTForImageClassification, ViTConfig(num_channels=3, **IMAGE)),
    "vit-grey": (ViTForImageClassification, ViTConfig(num_channels=1, qkv_bias=False, **IMAGE)),
    "deit": (DeiTForImageClassification, DeiTConfig(num_channels=1, **IMAGE)),
    "deit-teacher": (DeiTForImageClassificationWithTeacher, DeiTConfig(num_channels=1, **IMAGE)),
    "llama": (LlamaForCausalLM, LlamaConfig(num_key_value_heads=1, **DECODER)),
    "llama3": (
        LlamaForCausalLM,
        LlamaConfig(
            num_key_value_heads=2,
            head_dim=12,
            attention_bias=True,
            mlp_bias=True,
            rope_parameters=dict(
                rope_type="llama3",
                rope_theta=100.0,
                factor=4.0,
                low_freq_factor=1.0,
                high_freq_factor=4.0,
                original_max_position_embeddings=16,
            ),
            **DECODER,
        ),
    ),
    "mistral": (
        MistralForCausalLM,
        MistralConfig(
            num_key_value_heads=1,
            sliding_window=8,
            rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=2.0),
            **DECODER,
        ),
    ),
    "bert-tags": (
        BertForTokenClassification,
        BertConfig(max_position_embeddings=10, pad_token_id=0, **TEXT, **ENCODER),
    ),
    "distilbert-spans": (
        DistilBertForQuestionAnswering,
        DistilBertConfig(dim=16, n_layers=2, n_heads=2, hidden_dim=24, max_position_embeddings=10, vocab_size=V),
    ),
    "roberta-masked": (
        RobertaForMaskedLM,
        RobertaConfig(max_position_embeddings=12, type_vocab_size=1, pad_token_id=1, vocab_size=V, **ENCODER),
    ),
    "gpt2-texts": (
        GPT2ForSequenceClassification,
        GPT2Config(
            n_positions=10, n_embd=16, n_layer=2, n_head=2, n_inner=24, bos_token_id=0, eos_token_id=0,
            pad_token_id=0, **TEXT
        ),
    ),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(num_key_value_heads=2, tie_word_embeddings=True, **DECODER)),
}


def numbers(tensor):
    return [float(f"{x:.9g}") for x in tensor.detach().double().flatten().tolist()]


def numbers_of(tensor):
    return tensor.detach().contiguous().numpy().tobytes()


def wave(count):
    """Numbers between -0.5 and 0.5 that jump about; the test makes the same."""
    return (torch.arange(count) * 37 % 101).double() / 101 - 0.5


def fields_of(name, config):
    if config.model_type in ("vit", "deit"):
        side = config.image_size
        image = wave(B * side * side).reshape(B, side, side) * 2
        pixels = image[:, None].expand(B, config.num_channels, side, side)
        return {"image": numbers(image)}, {"pixel_values": pixels}
    tokens = 4 + torch.arange(B * T).reshape(B, T) * 23 % (V - 4)
    if name not in TASKS and config.model_type not in ("roberta", "distilbert"):
        return {"tokens": tokens.flatten().tolist()}, {"input_ids": tokens}
    # The table has no gradient for padding, which a wave over every token would give it.
    lengths = [7, 5, 3] if TASKS.get(name, "text-classification") == "text-classification" else [T, T, T]
    mask = (torch.arange(T)[None] < torch.tensor(lengths)[:, None]).long()
    tokens = torch.where(mask == 1, tokens, config.pad_token_id)
    return (
        {"tokens": tokens.flatten().tolist(), "mask": mask.flatten().tolist()},
        {"input_ids": tokens, "attention_mask": mask},
    )


def gradients_of(model, inputs, names):
    given = model(**inputs)
    logits = given.logits if "logits" in given else torch.stack([given.start_logits, given.end_logits], -1)
    logits.backward(wave(logits.numel()).reshape(logits.shape))
    gradients = {}
    for key, p in model.named_parameters():
        if p.grad is not None:
            sums = torch.stack([p.grad.norm(), (p.grad.flatten() * wave(p.numel())).sum()])
            is_output = key in ("lm_head.weight", "lm_head.decoder.weight")
            gradients["lm_head.weight" if is_output else names[numbers_of(p)]] = numbers(sums)
            p.grad = None
    return logits, gradients


def make(name):
    cls, config = CASES[name]
    torch.manual_seed(7)
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    model = cls(config)
    with torch.no_grad():
        for p in model.parameters():
            # Gains stay near 1; all else is large enough for every part to count.
            p.copy_(torch.randn_like(p) * 0.3 + (1 if p.dim() == 1 and p.mean() > 0.5 else 0))
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    (folder / "model.safetensors").chmod(0o644)
    model = cls.from_pretrained(folder, attn_implementation="eager").double().eval()
    # Versions of transformers have other names for the same tensors; those of the file count.
    stored = load_file(folder / "model.safetensors")
    names = {numbers_of(tensor.double()): key for key, tensor in stored.items()}
    fields, inputs = fields_of(name, config)
    inputs = {key: x.double() if x.is_floating_point() else x for key, x in inputs.items()}
    tied = None
    if getattr(config, "tie_word_embeddings", False) and hasattr(model, "lm_head"):
        _, tied = gradients_of(model, inputs, names)
        output = getattr(model.lm_head, "decoder", model.lm_head)
        output.weight = torch.nn.Parameter(output.weight.detach().clone())
    logits, gradients = gradients_of(model, inputs, names)
    expected = {
        "madeWith": MADE_WITH,
        **({"task": TASKS[name]} if name in TASKS else {}),
        "fields": fields,
        "shape": list(logits.shape),
        "logits": numbers(logits),
        "gradients": gradients,
        **({} if tied is None else {"tiedGradients": tied}),
    }
    (folder / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


torch.set_num_threads(1)
for case in sys.argv[1:] or CASES:
    make(case)
