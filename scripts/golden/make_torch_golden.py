"""Writes test/golden/torch/*.json: what PyTorch computes, in float64, for the blocks of the built-in models and for
some optimizer steps.

Run `python scripts/golden/make_torch_golden.py` in an environment with PyTorch (CPU). Only whoever changes the cases
needs it: the files are part of the repository, and neither the product nor its tests run Python.

Inputs are not stored but follow from `wave`, a closed formula whose values are exact in float32; the test computes the
same. Roles name tensors as the compiled programs do, e.g. `param 1/wq`. Letters: B samples, T tokens (or patches), D
width, F width inside the MLP, C classes, V vocabulary.
"""

import json
import math
import platform
from pathlib import Path

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
OUT = Path(__file__).resolve().parents[2] / "test" / "golden" / "torch"
MADE_WITH = f"PyTorch {torch.__version__}, Python {platform.python_version()}, float64, {platform.machine()}"

D, HEADS, FF, T, B, C, V, SIDE, PATCH = 8, 2, 12, 4, 3, 3, 7, 8, 4
RATE = 0.25
OPTIONS = {"width": D, "layers": 1, "heads": HEADS, "ff": FF}
MODELS = {
    "vit": {"options": {**OPTIONS, "patch": PATCH, "dropout": 0}, "fields": {"image": [SIDE, SIDE], "label": []}},
    "bert": {"options": {**OPTIONS, "dropout": RATE}, "fields": {"tokens": [T], "mask": [T], "label": []}},
    "gpt": {"options": {**OPTIONS, "dropout": 0}, "fields": {"tokens": [T], "targets": [T]}},
}
LISTED = {
    "field tokens": [[1, 4, 1, 0], [6, 2, 2, 5], [3, 3, 0, 6]],
    "field targets": [[4, 1, 0, 2], [2, 2, 5, 5], [3, 0, 6, 1]],
    "field mask": [[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]],
    "field label": [2, 0, 2],
    # The last sample stands for padding.
    "field #weight": [1, 0.5, 0],
}
NORM = {"normGain": [D], "normBias": [D]}
ATTENTION = {**NORM, "wq": [D, D], "wk": [D, D], "wv": [D, D], "wo": [D, D], "bo": [D]}
MLP = {**NORM, "w1": [D, FF], "b1": [FF], "w2": [FF, D], "b2": [D]}
EMBED = {
    "vit": {"w": [PATCH * PATCH, D], "b": [D], "positions": [T, D]},
    "bert": {"tokens": [V, D], "positions": [T, D]},
}
EMBED["gpt"] = EMBED["bert"]
HEAD = {"vit": {**NORM, "w": [D, C], "b": [C]}, "gpt": {**NORM, "w": [D, V], "b": [V]}}
HEAD["bert"] = HEAD["vit"]


def wave(salt, i):
    """A whole number from 0 to 100 that jumps about with i."""
    return (7 * i * i + (37 + 2 * salt) * i + 53 * salt + 11) % 101


FORMS = {
    "signed": lambda k: (k - 50) / 64,
    "gain": lambda k: 1 + (k - 50) / 128,
    "noise": lambda k: k / 128,
}


class Inputs:
    """The inputs of a case by role, made as they are asked for, with the list of them that the file keeps."""

    def __init__(self):
        self.listing = []
        self.tensors = {}

    def of(self, role, shape):
        if role not in self.tensors:
            entry = {"role": role, "shape": list(shape)}
            if role in LISTED:
                entry["data"] = torch.tensor(LISTED[role]).flatten().tolist()
                is_id = role in ("field tokens", "field targets", "field label")
                tensor = torch.tensor(LISTED[role], dtype=torch.int64 if is_id else torch.float64)
                assert list(tensor.shape) == list(shape), role
            else:
                salt = len(self.listing)
                form = "noise" if role.startswith("noise") else "gain" if role.endswith("normGain") else "signed"
                entry.update(form=form, salt=salt)
                numbers = [FORMS[form](wave(salt, i)) for i in range(math.prod(shape))]
                tensor = torch.tensor(numbers).reshape(shape)
            self.listing.append(entry)
            if role == "activation" or role.startswith("param"):
                tensor.requires_grad_()
            self.tensors[role] = tensor
        return self.tensors[role]

    def params(self, block, shapes):
        return {name: self.of(f"param {block}/{name}", shape) for name, shape in shapes.items()}


def dropout(x, inputs, rate, block, tag, training):
    if rate == 0 or not training:
        return x
    noise = inputs.of(f"noise {block}/{tag}", x.shape)
    return torch.where(noise >= rate, x / (1 - rate), torch.zeros_like(x))


def norm(x, p):
    return F.layer_norm(x, (D,), p["normGain"], p["normBias"])


def linear(x, w, b=None):
    return F.linear(x, w.t(), b)


def embed(model, inputs, training):
    p = inputs.params(0, EMBED[model])
    if model == "vit":
        patches = F.unfold(
            inputs.of("field image", [B, SIDE, SIDE])[:, None], kernel_size=PATCH, stride=PATCH
        ).transpose(1, 2)
        x = linear(patches, p["w"], p["b"])
    else:
        x = F.embedding(inputs.of("field tokens", [B, T]), p["tokens"])
    return dropout(x + p["positions"], inputs, MODELS[model]["options"]["dropout"], 0, "embed", training)


def attention(model, x, inputs, training):
    p = inputs.params(1, ATTENTION)
    h = norm(x, p)
    q, k, v = (linear(h, p[name]).reshape(B, T, HEADS, D // HEADS).transpose(1, 2) for name in ("wq", "wk", "wv"))
    mask = inputs.of("field mask", [B, T]).bool()[:, None, None, :] if model == "bert" else None
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=model == "gpt")
    y = linear(mixed.transpose(1, 2).reshape(B, T, D), p["wo"], p["bo"])
    return x + dropout(y, inputs, MODELS[model]["options"]["dropout"], 1, "out", training)


def mlp(model, x, inputs, training):
    p = inputs.params(2, MLP)
    y = linear(F.gelu(linear(norm(x, p), p["w1"], p["b1"])), p["w2"], p["b2"])
    return x + dropout(y, inputs, MODELS[model]["options"]["dropout"], 2, "out", training)


def head(model, x, inputs, training):
    p = inputs.params(3, HEAD[model])
    h = norm(x, p)
    if model == "vit":
        h = h.mean(1)
    elif model == "bert":
        mask = inputs.of("field mask", [B, T])[:, :, None]
        h = (h * mask).sum(1) / mask.sum(1)
        h = dropout(h, inputs, RATE, 3, "pooled", training)
    return linear(h, p["w"], p["b"])


def objectives(model, logits, inputs):
    """The weighted sums of the losses and of the scores of the samples; no score for language models."""
    weight = inputs.of("field #weight", [B])
    if model == "gpt":
        targets = inputs.of("field targets", [B, T])
        losses = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none").mean(1)
        return (weight * losses).sum(), None
    label = inputs.of("field label", [B])
    losses = F.cross_entropy(logits, label, reduction="none")
    return (weight * losses).sum(), (weight * (logits.argmax(-1) == label)).sum()


BLOCKS = [None, attention, mlp, head]


def run(model, start, end, inputs, training):
    """Blocks start to end - 1: the activation that goes out, or the loss and the score behind the last block."""
    x = None if start == 0 else inputs.of("activation", [B, T, D])
    for index in range(start, end):
        x = embed(model, inputs, training) if index == 0 else BLOCKS[index](model, x, inputs, training)
    return x if end < 4 else objectives(model, x, inputs)


def backward(end, result, inputs):
    if end == 4:
        result[0].backward()
    else:
        result.backward(inputs.of("gradient", result.shape))


def numbers(tensor):
    """Ten digits: a hundred times finer than float32."""
    return [float(f"{x:.10g}") for x in tensor.detach().flatten().tolist()]


def save(name, model, start, end, inputs, rest):
    content = {
        "madeWith": MADE_WITH,
        "model": model,
        **MODELS[model],
        "classes": C,
        "vocabulary": V,
        "sequence": T,
        "microBatch": B,
        "from": start,
        "to": end,
        "inputs": inputs.listing,
        **rest,
    }
    text = json.dumps(content, separators=(",", ":")) + "\n"
    assert len(text) < 60_000, name
    (OUT / f"{name}.json").write_text(text)


def make_stage(name, model, start, end):
    inputs = Inputs()
    result = run(model, start, end, inputs, True)
    backward(end, result, inputs)
    outputs = {"loss": numbers(result[0])} if end == 4 else {"activation": numbers(result)}
    for role, tensor in inputs.tensors.items():
        if tensor.requires_grad:
            outputs["gradient" if role == "activation" else role.replace("param", "paramGrad")] = numbers(tensor.grad)
    with torch.no_grad():
        evaluated = run(model, start, end, inputs, False)
    kinds = ("loss", "score") if end == 4 else ("activation",)
    values = evaluated if end == 4 else (evaluated,)
    evaluation = {kind: numbers(value) for kind, value in zip(kinds, values) if value is not None}
    save(name, model, start, end, inputs, {"outputs": outputs, "evaluation": evaluation})


def make_training(name, start, end, spec, clip, rates):
    inputs = Inputs()
    run("gpt", start, end, inputs, True)
    params = {role: tensor for role, tensor in inputs.tensors.items() if role.startswith("param")}
    decaying = [p for p in params.values() if p.dim() == 2]
    plain = [p for p in params.values() if p.dim() == 1]
    groups = [{"params": decaying, "weight_decay": spec["weightDecay"]}, {"params": plain, "weight_decay": 0.0}]
    if spec["kind"] == "adamw":
        optimizer = torch.optim.AdamW(groups, betas=(spec["beta1"], spec["beta2"]), eps=spec["epsilon"])
    else:
        optimizer = torch.optim.SGD(groups, lr=1.0, momentum=spec["momentum"], nesterov=spec["nesterov"])
    steps = []
    for rate in rates:
        optimizer.zero_grad()
        backward(end, run("gpt", start, end, inputs, True), inputs)
        # Without a limit the call only measures.
        norm_before = torch.nn.utils.clip_grad_norm_(params.values(), clip if clip > 0 else math.inf)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        steps.append(
            {
                "learningRate": rate,
                "gradNorm": numbers(norm_before)[0],
                "params": {role: numbers(p) for role, p in params.items()},
            }
        )
    save(name, "gpt", start, end, inputs, {"optimizer": spec, "clip": clip, "steps": steps})


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for model in MODELS:
        make_stage(f"{model}-attention", model, 1, 2)
        make_stage(f"{model}-head", model, 3, 4)
        make_stage(f"{model}-whole", model, 0, 4)
    make_stage("gpt-mlp", "gpt", 2, 3)
    make_stage("bert-mlp", "bert", 2, 3)
    rates = [0.02, 0.05, 0.03, 0.01, 0.04]
    # The gradient has a norm of about 24, and nothing bounds this objective from below.
    small = [rate / 20 for rate in rates]
    sgd = {"kind": "sgd", "momentum": 0.9, "nesterov": False, "weightDecay": 0.1}
    # Epsilon is large enough to show in the second digit.
    adamw = {"kind": "adamw", "beta1": 0.9, "beta2": 0.99, "epsilon": 0.01, "weightDecay": 0.5}
    make_training("training-adamw", 2, 3, adamw, 0, rates)
    make_training("training-momentum", 2, 3, sgd, 0, small)
    make_training("training-nesterov", 2, 3, {**sgd, "nesterov": True}, 0, small)
    make_training("training-clipped", 1, 3, sgd, 2, rates)


main()
