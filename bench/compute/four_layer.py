# The same step in PyTorch, with the same conversation on standard input and output. Usage: python four_layer.py THREADS
import json, resource, sys, time
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[1]))
B, T, D, H, FF, L = 8, 128, 256, 4, 1024, 4


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.q, self.k, self.v, self.o = (nn.Linear(D, D) for _ in range(4))
        self.w1, self.w2 = nn.Linear(D, FF), nn.Linear(FF, D)

    def forward(self, x):
        n = self.n1(x)
        q, k, v = (f(n).view(B, T, H, D // H).transpose(1, 2) for f in (self.q, self.k, self.v))
        a = F.scaled_dot_product_attention(q, k, v)
        x = x + self.o(a.transpose(1, 2).reshape(B, T, D))
        return x + self.w2(F.gelu(self.w1(self.n2(x))))


torch.manual_seed(1)
model = nn.Sequential(*[Layer() for _ in range(L)])
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)
x = torch.sin(torch.arange(B * T * D, dtype=torch.float64) * 12.9898).mul(1.5).float().view(B, T, D)


def step():
    global loss
    marks = []
    mark = lambda: marks.append((time.perf_counter() * 1000, time.process_time() * 1000))
    mark()
    loss = (model(x) ** 2).mean()
    mark()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    mark()
    optimizer.step()
    mark()
    between = lambda a, b: {"wall": b[0] - a[0], "cpu": b[1] - a[1]}
    parts = {name: between(a, b) for name, a, b in zip(("forward", "backward", "optimizer"), marks, marks[1:])}
    return {**parts, "step": between(marks[0], marks[-1])}


print(json.dumps({"version": torch.__version__}), flush=True)
for line in sys.stdin:
    steps = [step() for _ in range(int(line))]
    print(json.dumps({"steps": steps, "loss": loss.item(), "peakMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)
