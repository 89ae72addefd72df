"""Writes test/golden/torch/bf16-gpt.json: the logits, the loss and the gradients of a small GPT as PyTorch computes
them in three ways, all of them on the processor:

* `fp32`: in float32;
* `autocast`: under torch.autocast("cpu", torch.bfloat16), the cross entropy from logits that are widened before;
* `byRule`: in float32, with the roundings of docs/precision.md put in by hand, and no others; one sample at a time.

Run `python scripts/golden/make_torch_bf16_golden.py` in an environment with PyTorch (CPU). Only whoever changes the
case needs it: the file is part of the repository, and neither the product nor its tests run Python. With `--sites` it
writes nothing, but prints what each kind of rounding does to logits and gradients.

Inputs are not stored but follow from `wave`, a closed formula whose values are exact in float32 and not in bfloat16.
Roles name tensors as the compiled programs do, e.g. `param 1/wq`. Letters: B samples, T tokens, D width, F width inside
the MLP, V vocabulary.
"""

import base64
import json
import math
import platform
import sys
from contextlib import nullcontext
from pathlib import Path

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
OUT = Path(__file__).resolve().parents[2] / "test" / "golden" / "torch"
MADE_WITH = f"PyTorch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}"

D, HEADS, FF, LAYERS, T, B, V = 12, 2, 24, 2, 8, 4, 13
EMBED = {"tokens": [V, D], "positions": [T, D]}
NORM = {"normGain": [D], "normBias": [D]}
ATTENTION = {**NORM, "wq": [D, D], "wk": [D, D], "wv": [D, D], "wo": [D, D], "bo": [D]}
MLP = {**NORM, "w1": [D, FF], "b1": [FF], "w2": [FF, D], "b2": [D]}
HEAD = {**NORM, "w": [D, V], "b": [V]}
BLOCKS = [EMBED, *[ATTENTION, MLP] * LAYERS, HEAD]


def wave(salt, i):
    """A whole number from 0 to 10006 that jumps about with i."""
    return (7 * i * i + (37 + 2 * salt) * i + 53 * salt + 11) % 10007


FORMS = {"fineSigned": lambda k: (k - 5003) / 8192, "fineGain": lambda k: 1 + (k - 5003) / 16384}


def make_inputs():
    """The parameters and fields by role, and the list of them that the file keeps."""
    listing, tensors = [], {}
    for block, shapes in enumerate(BLOCKS):
        for name, shape in shapes.items():
            salt, form = len(listing), "fineGain" if name == "normGain" else "fineSigned"
            listing.append({"role": f"param {block}/{name}", "shape": shape, "form": form, "salt": salt})
            numbers = [FORMS[form](wave(salt, i)) for i in range(math.prod(shape))]
            tensors[f"param {block}/{name}"] = torch.tensor(numbers, dtype=torch.float32).reshape(shape)
    ids = [wave(3, i) % V for i in range(B * (T + 1))]
    rows = torch.tensor(ids).reshape(B, T + 1)
    for role, data in (("field tokens", rows[:, :-1]), ("field targets", rows[:, 1:])):
        tensors[role] = data
        listing.append({"role": role, "shape": [B, T], "data": data.flatten().tolist()})
    # The last sample stands for padding.
    tensors["field #weight"] = torch.tensor([1.0, 0.5, 1.0, 0.0])
    listing.append({"role": "field #weight", "shape": [B], "data": tensors["field #weight"].tolist()})
    return listing, tensors


def bf16(x):
    return x.to(torch.bfloat16).to(torch.float32)


class Rounding(torch.autograd.Function):
    """Rounds the value, its gradient, or both."""

    @staticmethod
    def forward(ctx, x, value, gradient):
        ctx.gradient = gradient
        return bf16(x) if value else x.clone()

    @staticmethod
    def backward(ctx, dy):
        return (bf16(dy) if ctx.gradient else dy), None, None


class RoundedAttention(torch.autograd.Function):
    """Causal attention of heads that are split already. `soft` rounds what it multiplies of its own: the
    probabilities, and the gradient of the scores."""

    @staticmethod
    def forward(ctx, q, k, v, soft):
        scale = 1 / math.sqrt(q.shape[-1])
        scores = (q @ k.transpose(-1, -2)) * scale
        scores = scores + torch.full((T, T), -1e9).triu(1)
        p = torch.softmax(scores, -1)
        p = bf16(p) if soft else p
        y = p @ v
        ctx.scale, ctx.soft = scale, soft
        ctx.save_for_backward(q, k, v, p, y)
        return y

    @staticmethod
    def backward(ctx, dy):
        q, k, v, p, y = ctx.saved_tensors
        # The output is an activation, and read as such.
        y = bf16(y) if ctx.soft else y
        ds = p * (dy @ v.transpose(-1, -2) - (dy * y).sum(-1, keepdim=True))
        ds = bf16(ds) if ctx.soft else ds
        return (ds @ k) * ctx.scale, (ds.transpose(-1, -2) @ q) * ctx.scale, p.transpose(-1, -2) @ dy, None


class Rule:
    """The roundings of docs/precision.md, those of `sites` only. `weights`: the copies of the parameters that products
    read. `products`: results of products, norms, GELU and attention, and the gradients that go into them and come out.
    `soft`: inside attention. `stream`: what one block hands to the next, in both directions."""

    SITES = ("weights", "products", "soft", "stream")

    def __init__(self, sites=SITES):
        self.sites = sites

    def weight(self, w):
        return Rounding.apply(w, "weights" in self.sites, False)

    def result(self, y):
        """An activation: its gradient is an operand of the products behind it."""
        on = "products" in self.sites
        return Rounding.apply(y, on, on)

    def operand(self, x):
        """What an op reads: rounded by whoever made it, and the gradient that the op leaves of it is rounded here."""
        return Rounding.apply(x, False, "products" in self.sites)

    def stream(self, x):
        on = "stream" in self.sites
        return Rounding.apply(x, on, on)

    def linear(self, x, w, b=None):
        y = self.operand(x) @ self.weight(w)
        return self.result(y if b is None else y + b)

    def norm(self, x, p):
        return self.result(F.layer_norm(self.operand(x), (D,), p["normGain"], p["normBias"]))

    def gelu(self, x):
        return self.result(F.gelu(self.operand(x)))

    def attention(self, q, k, v):
        q, k, v = (self.operand(x) for x in (q, k, v))
        y = RoundedAttention.apply(split(q), split(k), split(v), "soft" in self.sites)
        return self.result(merge(y))

    def logits(self, x, w, b):
        """What the loss is computed from stays as it is; its gradient is an operand of products."""
        y = self.operand(x) @ self.weight(w) + b
        return Rounding.apply(y, False, "products" in self.sites)


class Plain:
    """PyTorch's own ops, which autocast may take over."""

    def linear(self, x, w, b=None):
        return F.linear(x, w.t(), b)

    def norm(self, x, p):
        return F.layer_norm(x, (D,), p["normGain"], p["normBias"])

    def gelu(self, x):
        return F.gelu(x)

    def attention(self, q, k, v):
        return merge(F.scaled_dot_product_attention(split(q), split(k), split(v), is_causal=True))

    def stream(self, x):
        return x

    def logits(self, x, w, b):
        return self.linear(x, w, b).float()


def split(x):
    return x.reshape(B, T, HEADS, D // HEADS).transpose(1, 2)


def merge(x):
    return x.transpose(1, 2).reshape(B, T, D)


def gpt(ops, inputs):
    """Logits and loss."""
    p = [{name: inputs[f"param {block}/{name}"] for name in shapes} for block, shapes in enumerate(BLOCKS)]
    x = ops.stream(F.embedding(inputs["field tokens"], p[0]["tokens"]) + p[0]["positions"])
    for layer in range(LAYERS):
        a, m = p[1 + 2 * layer], p[2 + 2 * layer]
        h = ops.norm(x, a)
        mixed = ops.attention(*(ops.linear(h, a[name]) for name in ("wq", "wk", "wv")))
        x = ops.stream(x + ops.linear(mixed, a["wo"], a["bo"]))
        h = ops.gelu(ops.linear(ops.norm(x, m), m["w1"], m["b1"]))
        x = ops.stream(x + ops.linear(h, m["w2"], m["b2"]))
    logits = ops.logits(ops.norm(x, p[-1]), p[-1]["w"], p[-1]["b"])
    losses = F.cross_entropy(logits.transpose(1, 2), inputs["field targets"], reduction="none").mean(1)
    return logits, (inputs["field #weight"] * losses).sum()


def computed(ops, context=nullcontext, sample=None):
    """Logits, loss and gradients by role: of the whole micro-batch, or of one of its samples alone."""
    inputs = dict(make_inputs()[1])
    if sample is not None:
        inputs["field #weight"] = F.one_hot(torch.tensor(sample), B).to(torch.float32)
    params = [role for role in inputs if role.startswith("param")]
    for role in params:
        inputs[role] = inputs[role].clone().requires_grad_()
    with context():
        logits, loss = gpt(ops, inputs)
    loss.backward()
    gradients = {role.replace("param", "paramGrad"): inputs[role].grad for role in params}
    logits = logits if sample is None else logits[sample]
    return {"activation": logits.detach(), "loss": loss.detach(), **gradients}


def autocast():
    return torch.autocast("cpu", torch.bfloat16)


def listed(values):
    """Little-endian float32, in base64."""
    return {
        role: base64.b64encode(x.to(torch.float32).contiguous().numpy().astype("<f4").tobytes()).decode()
        for role, x in values.items()
    }


def print_sites():
    exact = computed(Plain())
    roles = list(exact)

    def error(values, role):
        return ((values[role] - exact[role]).norm() / exact[role].norm()).item()

    def show(name, values):
        rest = [error(values, role) for role in roles if role.startswith("paramGrad")]
        mean = math.sqrt(sum(x * x for x in rest) / len(rest))
        print(f"{name:32} logits {error(values, 'activation'):.2e}  gradients {mean:.2e}  largest {max(rest):.2e}")

    show("autocast", computed(Plain(), autocast))
    show("by rule", computed(Rule()))
    for site in Rule.SITES:
        show(f"by rule, {site} alone", computed(Rule((site,))))
        show(f"by rule, all but {site}", computed(Rule(tuple(x for x in Rule.SITES if x != site))))
    show("by rule, nothing rounded", computed(Rule(())))


def main():
    listing, _ = make_inputs()
    content = {
        "madeWith": MADE_WITH,
        "model": "gpt",
        "options": {"width": D, "layers": LAYERS, "heads": HEADS, "ff": FF, "dropout": 0},
        "fields": {"tokens": [T], "targets": [T]},
        "classes": 0,
        "vocabulary": V,
        "sequence": T,
        "microBatch": B,
        "from": 0,
        "to": len(BLOCKS),
        "inputs": listing,
        "fp32": listed(computed(Plain())),
        "autocast": listed(computed(Plain(), autocast)),
        "byRule": [listed(computed(Rule(), sample=sample)) for sample in range(B)],
    }
    (OUT / "bf16-gpt.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


if "--sites" in sys.argv:
    print_sites()
else:
    main()
