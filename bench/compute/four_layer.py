# The same step in PyTorch: prints its times as JSON. Usage: python four_layer.py THREADS STEPS
import json, math, resource, sys, time
import torch
import torch.nn as nn
import torch.nn.functional as F

threads, steps = map(int, sys.argv[1:])
torch.set_num_threads(threads)
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
times = {"forward": [], "backward": [], "optimizer": [], "step": []}
for _ in range(steps):
    t0 = time.perf_counter()
    loss = (model(x) ** 2).mean()
    t1 = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    t2 = time.perf_counter()
    optimizer.step()
    t3 = time.perf_counter()
    for key, value in zip(times, (t1 - t0, t2 - t1, t3 - t2, t3 - t0)):
        times[key].append(value * 1000)
median = lambda values: sorted(values[4:])[len(values[4:]) // 2]
print(json.dumps({"executor": "torch " + torch.__version__, **{k: median(v) for k, v in times.items()}, "loss": loss.item(), "peakMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
