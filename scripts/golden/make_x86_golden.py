"""Writes test/golden/x86/instructions.txt, avx2.txt and routine.txt: what GNU as makes of instructions, as `hexadecimal
bytes | instruction`.

Run `python scripts/golden/make_x86_golden.py` where `as` and `objdump` (binutils 2.38 or newer) are. Only whoever
changes the cases needs it: the files are part of the repository, and neither the product nor its tests run an
assembler.

The instructions cover every method of the assembler, and for each form: low and high registers, every kind of
displacement, the bases that need bytes of their own (rsp, r12, rbp, r13), scales, masks, repeated elements. The routine
has labels and constants.
"""

import itertools
import re
import subprocess
import tempfile
from pathlib import Path

OUT = Path(__file__).resolve().parents[2] / "test" / "golden" / "x86"

ADDRESSES = [
    "rax",
    "rsp",
    "rbp",
    "r12",
    "r13",
    "rdi+4",
    "rdi+64",
    "r9-128",
    "rdi+127",
    "rdi+128",
    "rbp-4",
    "r13+256",
    "rsp+4096",
    "r12+8064",
    "rdi+8128",
    "rdi-8192",
    "rdi-8256",
    "rdi+508",
    "rdi+512",
    "rax+rcx",
    "rax+rcx*4",
    "rbp+r9*8",
    "r13+r15*2+64",
    "rsp+rbp*4-64",
    "r12+r13*8+100000",
    "rsi+r12*4+16",
]
MIXED = itertools.cycle(ADDRESSES)
NUMBERS = itertools.cycle([1, 9, 17, 30, 2, 12, 23, 31, 0, 7, 15, 16])


def general():
    for a, b in [("rax", "rbx"), ("r8", "rcx"), ("rdx", "r15"), ("eax", "r9d"), ("r10d", "esi")]:
        for name in ["mov", "add", "or", "and", "sub", "xor", "cmp", "imul", "test"]:
            yield f"{name} {a}, {b}"
    for at in ADDRESSES:
        yield f"mov r11, [{at}]"
        yield f"lea rbx, [{at}]"
        yield f"mov [{at}], rdx"
    for name in ["add", "or", "and", "sub", "xor", "cmp", "imul"]:
        yield f"{name} r9, [{next(MIXED)}]"
        yield f"{name} ecx, [{next(MIXED)}]"
    for name in ["add", "or", "and", "sub", "xor", "cmp"]:
        yield f"{name} [{next(MIXED)}], r9"
        yield f"{name} qword ptr [{next(MIXED)}], 5"
        yield f"{name} qword ptr [{next(MIXED)}], 500"
        for register in ["rax", "rcx", "r8", "eax", "r12d"]:
            for number in [1, -128, 127, 128, 100000, -2147483648]:
                yield f"{name} {register}, {number}"
    for register in ["rax", "r9", "rdi", "ecx", "r13d"]:
        for name in ["shl", "shr"]:
            yield f"{name} {register}, 1"
            yield f"{name} {register}, 6"
        for name in ["inc", "dec"]:
            yield f"{name} {register}"
        yield f"test {register}, 4096"
        yield f"imul {register}, {'rdx' if register[0] == 'r' and register[-1] != 'd' else 'edx'}, 12"
        yield f"imul {register}, {register}, 3072"
    for register in ["rax", "rsp", "rbp", "r8", "r12", "r15"]:
        yield f"push {register}"
        yield f"pop {register}"
        yield f"call {register}"
        yield f"jmp {register}"
        yield f"mov {register}, 5"
        yield f"mov {register}, -5"
        yield f"movabs {register}, 4294967295"
        yield f"movabs {register}, 1311768467463790320"
    for register in ["eax", "r8d"]:
        yield f"mov {register}, 7"
        yield f"mov {register}, 2147483647"
    for condition in ["b", "ae", "e", "ne", "be", "a", "s", "ns", "l", "ge", "le", "g"]:
        yield f"cmov{condition} rax, r9"
    for name in ["prefetcht0", "prefetchw"]:
        for at in ["rax", "r13", "rsp+64", "r12+r9*4+4096"]:
            yield f"{name} [{at}]"
    yield "ret"
    yield "rep_stosb"
    yield "vzeroupper"
    yield "bzhi rax, rdx, rcx"
    yield "bzhi r9d, r12d, r15d"
    for k in ["k1", "k7"]:
        for register in ["eax", "r9d"]:
            yield f"kmovw {k}, {register}"
            yield f"kmovw {register}, {k}"
        yield f"kmovw {k}, k2"
        for register in ["eax", "r9d"]:
            yield f"kmovd {k}, {register}"


def vector(bits):
    return f"{ {128: 'x', 256: 'y', 512: 'z'}[bits] }mm{next(NUMBERS)}"


def lines(name, bits, sources, tail="", repeats=None, is_masked=True, size="", last=None):
    """`sources` vectors before the last operand, which may be in memory."""
    head = lambda mask="": ", ".join([vector(bits) + mask] + [vector(bits) for _ in range(sources)])
    last = last or bits
    for mask in ["", "", "{k1}", "{k7}{z}"] if is_masked else ["", "", ""]:
        yield f"{name} {head(mask)}, {vector(last)}{tail}"
    for at in [next(MIXED), next(MIXED), next(MIXED)]:
        yield f"{name} {head()}, {size}[{at}]{tail}"
    if is_masked:
        yield f"{name} {head('{k3}')}, {size}[{next(MIXED)}]{tail}"
    if repeats:
        for at in ["rdi+4", "rdi+512", "rsp+r9*4-516", next(MIXED)]:
            yield f"{name} {head()}, {'qword' if repeats == 64 else 'dword'} ptr [{at}]{{1to{bits // repeats}}}{tail}"


ARITHMETIC = [
    "vaddps",
    "vsubps",
    "vmulps",
    "vdivps",
    "vminps",
    "vmaxps",
    "vandps",
    "vxorps",
    "vpxord",
    "vpaddd",
    "vpandd",
    "vpord",
    "vdpbf16ps",
    "vscalefps",
    "vunpcklps",
    "vunpckhps",
    "vpermps",
    "vfmadd213ps",
    "vfmadd231ps",
    "vfmsub213ps",
    "vfmsub231ps",
    "vfnmadd231ps",
]
DOUBLES = ["vunpcklpd", "vunpckhpd", "vfmadd231pd"]


def vectors():
    for name in ["vmovups", "vmovaps", "vmovupd"]:
        yield from lines(name, 512, 0)
        yield from lines(name, 256, 0)
        for at in ADDRESSES:
            yield f"{name} [{at}], {vector(512)}"
        yield f"{name} [r9+64]{{k1}}, zmm20"
        yield f"{name} [r9+64]{{k1}}, ymm20"
        yield f"{name} [r9+64], xmm3"
    for at in ADDRESSES:
        yield f"vaddps zmm5, zmm26, [{at}]"
        yield f"vaddps zmm5, zmm26, dword ptr [{at}]{{1to16}}"
        yield f"vbroadcastss zmm9, dword ptr [{at}]"
    for name in ARITHMETIC:
        yield from lines(name, 512, 1, repeats=32)
    for name in ["vaddps", "vfmadd231ps"]:
        yield from lines(name, 256, 1, repeats=32)
        yield from lines(name, 128, 1, repeats=32)
    for name in DOUBLES:
        yield from lines(name, 512, 1, repeats=64)
    yield from lines("vsqrtps", 512, 0, repeats=32)
    for name, tail in [("vrndscaleps", ", 8"), ("vpermilps", ", 177"), ("vpslld", ", 16"), ("vpsrld", ", 16")]:
        yield from lines(name, 512, 0, tail, repeats=32)
    yield from lines("vshuff32x4", 512, 1, ", 136", repeats=32)
    for mask in ["k2", "k5{k3}"]:
        yield f"vpcmpd {mask}, {vector(512)}, {vector(512)}, 1"
        yield f"vpcmpd {mask}, {vector(512)}, [{next(MIXED)}], 1"
        yield f"vpcmpd {mask}, {vector(512)}, dword ptr [{next(MIXED)}]{{1to16}}, 1"
        yield f"vcmpps {mask}, {vector(512)}, {vector(512)}, 3"
        yield f"vcmpps {mask}, {vector(512)}, [{next(MIXED)}], 3"
    for bits in [512, 256]:
        yield from lines("vbroadcastss", bits, 0, size="dword ptr ", last=128)
        yield from lines("vpbroadcastd", bits, 0, size="dword ptr ", last=128)
    for register in ["eax", "r9d"]:
        yield f"vpbroadcastd {vector(512)}, {register}"
        yield f"vpbroadcastd {vector(512)}{{k2}}{{z}}, {register}"
    for at in ["rsi", "rsi+48", "r13+4096", "rsi+rax*4+32"]:
        yield f"vmovss {vector(128)}, dword ptr [{at}]"
        yield f"vmovss dword ptr [{at}], {vector(128)}"
        yield f"vmovss {vector(128)}{{k1}}{{z}}, dword ptr [{at}]"
        yield f"vmovss dword ptr [{at}]{{k1}}, {vector(128)}"
        yield f"vcvtps2pd {vector(512)}, [{at}]"
    yield "vcvtps2pd zmm3, dword ptr [rdi+4]{1to8}"
    yield from halves()
    for _ in range(3):
        yield f"vcvtps2pd {vector(512)}, {vector(256)}"


def halves():
    """Elements of 16 bits, and vectors of which one is half as long as the other."""
    yield from lines("vmovdqu16", 512, 0)
    for at in [next(MIXED), next(MIXED)]:
        yield f"vmovdqu16 [{at}], {vector(512)}"
        yield f"vmovdqu16 [{at}]{{k1}}, {vector(512)}"
        yield f"vmovdqu16 [{at}]{{k1}}, {vector(256)}"
    yield from lines("vpmovzxwd", 512, 0, last=256)
    for mask in ["", "{k1}", "{k7}{z}"]:
        yield f"vpmovdw {vector(256)}{mask}, {vector(512)}"
        yield f"vcvtneps2bf16 {vector(256)}{mask}, {vector(512)}"
    for at in ["rdi+32", "r13+64", "rsp+r9*4-4096", next(MIXED)]:
        yield f"vpmovdw [{at}], {vector(512)}"
        yield f"vpmovdw [{at}]{{k1}}, {vector(512)}"
        yield f"vcvtneps2bf16 {vector(256)}, zmmword ptr [{at}]"
        yield f"vcvtneps2bf16 {vector(256)}, dword ptr [{at}]{{1to16}}"


def tiles():
    yield "tilerelease"
    for at in ADDRESSES:
        yield f"ldtilecfg [{at}]"
    for tile in [0, 3, 7]:
        yield f"tilezero tmm{tile}"
        for other in [1, 6]:
            yield f"tdpbf16ps tmm{tile}, tmm{other}, tmm{7 - other}"
        for at in [at for at in ADDRESSES if re.search("[+]r", at)]:
            yield f"tileloadd tmm{tile}, [{at}]"
            yield f"tilestored [{at}], tmm{tile}"


def short(bits):
    return f"{'x' if bits == 128 else 'y'}mm{next(NUMBERS) % 16}"


def older():
    """What runs without AVX-512: vectors of 128 and 256 bits in the lower registers, no masks."""
    for bits in [256, 128]:
        for at in ADDRESSES:
            yield f"vaddps {short(bits)}, {short(bits)}, [{at}]"
            yield f"vmovups [{at}], {short(bits)}"
        for name, sources in [
            ("vaddps", 1),
            ("vsubps", 1),
            ("vmulps", 1),
            ("vdivps", 1),
            ("vxorps", 1),
            ("vfmadd231ps", 1),
            ("vfmadd231pd", 1),
            ("vsqrtps", 0),
            ("vmovups", 0),
            ("vmovupd", 0),
        ]:
            for last in [short(bits), short(bits), short(bits), f"[{next(MIXED)}]", f"[{next(MIXED)}]"]:
                yield f"{name} {', '.join(short(bits) for _ in range(sources + 1))}, {last}"
        for at in ["rsi", "rsi+48", "r13+4096", "rsi+rax*4+32"]:
            yield f"vbroadcastss {short(bits)}, dword ptr [{at}]"
            yield f"vcvtps2pd {short(bits)}, [{at}]"
            yield f"vmovupd [{at}], {short(bits)}"
    for at in ["rsi", "r9+rax*4", "r13+r12*4-4"]:
        yield f"vmovss {short(128)}, dword ptr [{at}]"
        yield f"vmovss dword ptr [{at}], {short(128)}"


ROUTINE = """
  xor eax, eax
  test rdi, rdi
  {disp32} je 2f
  {evex} vmovss xmm0, [rip+half]
1:
  vmulps zmm1, zmm16, dword ptr [rip+half]{1to16}
  vaddps zmm2, zmm1, [rip+table]
  vpcmpd k1, zmm2, [rip+table], 1
  add rax, 4
  cmp rax, rdi
  {disp32} jb 1b
  lea rsi, [rip+2f]
  {disp32} call 3f
2:
  {disp32} jmp 3f
3:
  ret
"""
CONSTANTS = """
  .balign 64, 0xcc
table: .long 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
half: .float 0.5
"""


def assembled(source):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.s"
        path.write_text(".intel_syntax noprefix\n" + source)
        subprocess.run(["as", "--64", "-o", f"{folder}/a.o", str(path)], check=True)
        return (
            path.read_text(),
            subprocess.run(
                ["objdump", "-d", "-w", "--insn-width=16", f"{folder}/a.o"], check=True, capture_output=True, text=True
            ).stdout,
            subprocess.run(
                ["objdump", "-s", "-j", ".text", f"{folder}/a.o"], check=True, capture_output=True, text=True
            ).stdout,
        )


def write(name, texts, source):
    _, listing, _ = assembled("\n".join(source) + "\n")
    codes = [match[1].replace(" ", "") for match in re.finditer(r"^ *[0-9a-f]+:\t((?:[0-9a-f]{2} )+)", listing, re.M)]
    assert len(codes) == len(texts), (len(codes), len(texts))
    (OUT / name).write_text("".join(f"{code} | {text}\n" for code, text in zip(codes, texts)))
    print(len(texts), "instructions in", name)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    texts = list(dict.fromkeys([*general(), *vectors(), *tiles()]))
    # Short vectors in low registers have older encodings, which ours uses only where it is told to.
    # One word, so that every line is one of a name and operands.
    write(
        "instructions.txt",
        texts,
        [f"{{evex}} {text}" if text[0] == "v" and text != "vzeroupper" else text.replace("_", " ") for text in texts],
    )
    texts = list(dict.fromkeys(older()))
    # The assembler would swap operands where that makes a byte less, and store where a load was written.
    write(
        "avx2.txt",
        texts,
        [
            f"{{vex}} {{load}} {text}" if re.match(r"v\w+ [xy]mm\d+, [xy]mm\d+$", text) else f"{{vex}} {text}"
            for text in texts
        ],
    )
    _, _, dump = assembled(ROUTINE + CONSTANTS)
    code = "".join(
        "".join(line[6:].split("  ")[0].split()) for line in dump.splitlines() if re.match(r"^ [0-9a-f]{4} ", line)
    )
    (OUT / "routine.txt").write_text(code + "\n")
    print(len(code) // 2, "bytes of routine")


main()
