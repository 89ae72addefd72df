# The same steps in PyTorch (eager mode), with the same conversation on standard input and output. Usage: python
# theirs.py MODEL THREADS FOLDER, where FOLDER holds the initial parameters and the batch that our side wrote. MODEL
# `gemm` needs none.
import json, math, os, resource, sys, time
import torch
import torch.nn.functional as F

name, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
LR, DECAY = 1e-4, 0.01
say = lambda value: print(json.dumps(value), flush=True)
peak_mb = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def gemm():
    pairs = {
        n: [torch.sin(torch.arange(n * n, dtype=torch.float32)).view(n, n) for _ in range(2)]
        for n in (1024, 1536, 2048)
    }
    out = {n: torch.empty(n, n) for n in pairs}

    def rate(n):
        begin = time.process_time()
        torch.mm(*pairs[n], out=out[n])
        return 2 * n**3 / (time.process_time() - begin) / 1e9

    return lambda count: {"rates": {n: rate(n) for n in pairs}}


def read(folder):
    described = json.load(open(os.path.join(folder, "tensors.json")))
    with open(os.path.join(folder, "tensors.bin"), "rb") as file:
        tensors = {}
        for entry in described["entries"]:
            raw = bytearray(file.read(4 * math.prod(entry["shape"])))
            dtype = torch.float32 if entry["dtype"] == "float32" else torch.int32
            tensors[entry["name"]] = torch.frombuffer(raw, dtype=dtype).view(entry["shape"]).clone()
    return (
        described["kind"],
        described["sizes"],
        tensors,
        {entry["name"]: entry["decays"] for entry in described["entries"]},
    )


def fastest_adamw(groups):
    """The quicker of the two implementations on parameters of these sizes."""
    best = None
    for kind in ("fused", "foreach"):
        copies = [
            {**group, "params": [p.detach().clone().requires_grad_() for p in group["params"]]} for group in groups
        ]
        for group in copies:
            for p in group["params"]:
                p.grad = torch.full_like(p, 1e-3)
        optimizer = torch.optim.AdamW(copies, lr=LR, **{kind: True})
        times = []
        for _ in range(4):
            begin = time.perf_counter()
            optimizer.step()
            times.append(time.perf_counter() - begin)
        if best is None or min(times[1:]) < best[0]:
            best = (min(times[1:]), kind)
    return best[1]


def training():
    kind_of_model, sizes, t, decays = read(sys.argv[3])
    B, T, D, H, L = (sizes[k] for k in "BTDHL")
    field = {key[6:]: value for key, value in t.items() if key.startswith("field/")}
    for key in ("tokens", "label", "targets"):
        if key in field:
            field[key] = field[key].long()
    params, groups = {}, {True: [], False: []}

    def param(key, value=None, decay=None):
        value = t[key] if value is None else value
        p = torch.nn.Parameter(value.contiguous())
        params[key] = p
        groups[decays[key] if decay is None else decay].append(p)

    # Matrices as [outputs, inputs], and one for q, k and v: the form that is fastest here.
    for key in t:
        leaf = key.split("/")[1]
        if key.startswith("field/"):
            continue
        if leaf in ("wq", "bq"):
            param(key, torch.cat([t[key[:-1] + x].t() if leaf == "wq" else t[key[:-1] + x] for x in "qkv"]))
        elif leaf in ("wk", "wv", "bk", "bv"):
            continue
        elif leaf in ("wo", "w", "w1", "w2"):
            param(key, t[key].t())
        else:
            param(key)
    t.clear()
    mask = field["mask"].bool().view(B, 1, 1, T) if "mask" in field else None
    causal = kind_of_model == "gpt"
    norm = lambda x, block: F.layer_norm(x, (D,), params[block + "/normGain"], params[block + "/normBias"], 1e-5)
    linear = lambda x, block, w, b: F.linear(x, params[f"{block}/{w}"], params.get(f"{block}/{b}"))

    def layer(x, i):
        block = f"layer{i}.attention"
        q, k, v = linear(norm(x, block), block, "wq", "bq").view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
        x = x + linear(a.transpose(1, 2).reshape(B, T, D), block, "wo", "bo")
        block = f"layer{i}.mlp"
        return x + linear(F.gelu(linear(norm(x, block), block, "w1", "b1")), block, "w2", "b2")

    def embed():
        if kind_of_model == "four-layer":
            return field["x"]
        if kind_of_model == "vit":
            h = math.isqrt(T)
            patches = field["image"].view(B, h, 16, h, 16).transpose(2, 3).reshape(B, T, 256)
            return linear(patches, "embed", "w", "b") + params["embed/positions"]
        return F.embedding(field["tokens"], params["embed/tokens"]) + params["embed/positions"]

    def forward():
        x = embed()
        for i in range(L):
            x = layer(x, i)
        if kind_of_model == "four-layer":
            return (x**2).mean()
        x = norm(x, "head")
        if kind_of_model == "gpt":
            return F.cross_entropy(linear(x, "head", "w", "b").view(B * T, -1), field["targets"].view(-1))
        if kind_of_model == "bert":
            m = field["mask"].unsqueeze(-1)
            x = (x * m).sum(1) / m.sum(1)
        else:
            x = x.mean(1)
        return F.cross_entropy(linear(x, "head", "w", "b"), field["label"])

    described = [{"params": ps, "weight_decay": DECAY if d else 0.0} for d, ps in groups.items() if ps]
    kind = sys.argv[4] if len(sys.argv) > 4 else fastest_adamw(described)
    optimizer = torch.optim.AdamW(described, lr=LR, betas=(0.9, 0.999), eps=1e-8, **{kind: True})
    last = {}

    def step():
        marks = []
        mark = lambda: marks.append((time.perf_counter() * 1000, time.process_time() * 1000))
        mark()
        loss = forward()
        mark()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        mark()
        optimizer.step()
        mark()
        last["loss"] = loss
        between = lambda a, b: {"wall": b[0] - a[0], "cpu": b[1] - a[1]}
        parts = {part: between(a, b) for part, a, b in zip(("forward", "backward", "optimizer"), marks, marks[1:])}
        return {**parts, "step": between(marks[0], marks[-1])}

    def take(count):
        steps = [step() for _ in range(count)]
        return {"steps": steps, "loss": last["loss"].item(), "peakMb": peak_mb(), "adamw": kind}

    return take


base = peak_mb()
take = gemm() if name == "gemm" else training()
say({"version": torch.__version__, "baseMb": base})
for line in sys.stdin:
    say(take(int(line)))
