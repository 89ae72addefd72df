# PyTorch's side: training steps of one model, eager or compiled. Usage: python theirs.py JSON, where JSON says kind,
# sizes, device. For every line on standard input, JSON of precision, compiled and steps, it takes that many steps and
# prints one line of JSON: the milliseconds of each, the last loss, and the peak of the memory in MB.
import json, resource, sys, time
import torch
import torch.nn as nn
import torch.nn.functional as F

spec = json.loads(sys.argv[1])
device, sizes = spec["device"], spec["sizes"]
B, T, D, H, L = (sizes[k] for k in "BTDHL")
PATCH = 16
is_cuda = device == "cuda"
say = lambda value: print(json.dumps(value), flush=True)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.qkv, self.out = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.up, self.down = nn.Linear(D, 4 * D), nn.Linear(4 * D, D)

    def forward(self, x):
        b, t, _ = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, H, D // H).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=spec["kind"] == "gpt")
        x = x + self.out(a.transpose(1, 2).reshape(b, t, D))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.is_text = spec["kind"] == "gpt"
        self.embed = nn.Embedding(spec["V"], D) if self.is_text else nn.Linear(PATCH * PATCH, D)
        self.positions = nn.Parameter(torch.randn(T, D) * 0.02)
        self.layers = nn.ModuleList([Layer() for _ in range(L)])
        self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, spec["V"] if self.is_text else 10)

    def forward(self, x, y):
        if not self.is_text:
            side = spec["S"] // PATCH
            x = x.reshape(B, side, PATCH, side, PATCH).transpose(2, 3).reshape(B, T, PATCH * PATCH)
        x = self.embed(x) + self.positions
        for layer in self.layers:
            x = layer(x)
        x = self.norm(x)
        logits = self.head(x).view(-1, self.head.out_features) if self.is_text else self.head(x.mean(1))
        return F.cross_entropy(logits, y.view(-1))


def training(precision, compiled):
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = precision != "fp32"
    model = Model().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    if spec["kind"] == "gpt":
        x, y = (torch.randint(spec["V"], (B, T), device=device) for _ in range(2))
    else:
        x, y = torch.randn(B, spec["S"], spec["S"], device=device), torch.randint(10, (B,), device=device)
    run = torch.compile(model) if compiled else model

    def step():
        begin = time.perf_counter()
        with torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bf16"):
            loss = run(x, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        # As our side does: the norm of all gradients, and the loss read at each step.
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        value = loss.item()
        if is_cuda:
            torch.cuda.synchronize()
        return (time.perf_counter() - begin) * 1000, value

    return step


torch.set_num_threads(1)
kept = {}
say({"version": torch.__version__})
for line in sys.stdin:
    turn = json.loads(line)
    key = (turn["precision"], turn["compiled"])
    try:
        if key not in kept:
            kept.clear()
            if is_cuda:
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            kept[key] = training(*key)
        steps = [kept[key]() for _ in range(turn["steps"])]
        host_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        mb = torch.cuda.max_memory_reserved() / 1e6 if is_cuda else host_mb
        say({"ms": [ms for ms, _ in steps], "loss": steps[-1][1], "peakMb": mb})
    except Exception as error:
        say({"error": str(error).split("\n")[0][:200]})
