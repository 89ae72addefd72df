# PyTorch's side of parts.mjs: the same work as single calls, with the same conversation on standard input and output.
# Usage: python parts-theirs.py JSON
import json, math, sys, time
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
REPEATS = 4
say = lambda value: print(json.dumps(value), flush=True)
fill = lambda *shape: (torch.sin(torch.arange(math.prod(shape), dtype=torch.float32)) * 0.1 + 0.01).view(shape)


def backward_of(y, *inputs):
    dy = torch.ones_like(y)
    return lambda: torch.autograd.grad(y, inputs, dy, retain_graph=True)


def prepared(spec):
    kind = spec["kind"]
    if kind == "gemm":
        m, n, k = spec["rows"], spec["columns"], spec["inner"]
        a = fill(k, m).t() if spec["transA"] else fill(m, k)
        b = fill(n, k).t() if spec["transB"] else fill(k, n)
        out = torch.empty(m, n)
        return lambda: torch.mm(a, b, out=out)
    if kind.startswith("gelu"):
        x = fill(spec["size"]).requires_grad_("gradient" in kind)
        return backward_of(F.gelu(x), x) if "gradient" in kind else lambda: F.gelu(x)
    if kind.startswith("layer norm"):
        width = spec["width"]
        grad = "gradient" in kind
        x, g, b = (t.requires_grad_(grad) for t in (fill(spec["rows"], width), fill(width), fill(width)))
        return (
            backward_of(F.layer_norm(x, (width,), g, b), x, g, b) if grad else lambda: F.layer_norm(x, (width,), g, b)
        )
    grad = "gradient" in kind
    rows = [fill(spec["batch"], spec["queries"], spec["heads"], spec["width"]).requires_grad_(grad) for _ in range(3)]
    heads = [t.transpose(1, 2) for t in rows]
    attend = lambda: F.scaled_dot_product_attention(*heads, is_causal=spec["causal"])
    return backward_of(attend(), *rows) if grad else attend


def fastest(run):
    best = math.inf
    for _ in range(REPEATS):
        begin = time.process_time()
        run()
        best = min(best, (time.process_time() - begin) * 1000)
    return best


parts = {name: [prepared(spec) for spec in specs] for name, specs in json.loads(sys.argv[1]).items()}
say({"version": torch.__version__})
for _ in sys.stdin:
    say({"ms": {name: [fastest(run) for run in runs] for name, runs in parts.items()}})
