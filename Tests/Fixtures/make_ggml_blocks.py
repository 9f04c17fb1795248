"""Makes Tests/Fixtures/ggml-blocks: blocks of ggml's types with the values that gguf-py takes out
of them (`blocks.safetensors`), and rows of numbers with the blocks that gguf-py makes of them and
the values of those (`rows.safetensors`).

Made with gguf-py 0.19.0, numpy 2.4.6, safetensors 0.8.0 on an x86 (a scale beyond Float32 gives
codes that depend on the processor).

    python make_ggml_blocks.py OUT
"""

import os
import sys

import numpy as np
from gguf import GGML_QUANT_SIZES
from gguf import GGMLQuantizationType as T
from gguf.quants import dequantize, quantize
from safetensors.numpy import save_file

# Where a block has floats of 16 bits.
HALVES = {
    T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q2_K: [80, 82],
    T.Q3_K: [108], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208], T.IQ4_NL: [0], T.IQ4_XS: [0],
    T.MXFP4: [], T.NVFP4: [], T.TQ1_0: [52], T.TQ2_0: [64],
}
QUANTISED = [T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0]

random = np.random.default_rng(39)


def blocks(kind):
    """Two rows of edges, two of random blocks: finite scales all."""
    elements, size = GGML_QUANT_SIZES[kind]
    across = 2 if elements > 32 else 3
    bytes = random.integers(0, 256, (4 * across, size), dtype=np.uint8)
    bytes[0] = 0
    bytes[1] = 255
    halves = random.normal(size=(4 * across, 2)).astype(np.float16)
    # Zero, the largest, −0, subnormal ones.
    halves[:4] = [[0, 0], [65504, -65504], [-0.0, -0.0], [6e-8, -3e-5]]
    for place, offset in enumerate(HALVES[kind]):
        bytes[:, offset:offset + 2] = halves[:, place:place + 1].copy().view(np.uint8)
    if kind == T.MXFP4:
        bytes[:6, 0] = [0, 252, 1, 2, 127, 3]
        bytes[6:, 0] = random.integers(110, 130, len(bytes) - 6)
    return bytes.reshape(4, -1)


def rows():
    """Rows of 64 numbers, of which a block is one half."""
    all = [random.normal(size=64) * size for size in [0.05, 1, 3e-6, 1e4]]
    all.append(np.full(64, 0.37))
    all.append(np.full(64, -1.5))
    all.append(np.zeros(64))
    all.append(np.full(64, -0.0))
    all.append(np.eye(64)[5] * 0.25)
    all.append(np.eye(64)[40] * -0.25)
    # Halves of a step, and the largest magnitude of either sign.
    all.append(np.concatenate([np.arange(-16, 16) / 2, np.arange(16, -16, -1) / 2]))
    all.append(np.concatenate([np.arange(32) * 4 - 63.5, np.arange(32) - 15.5]))
    all.append(np.tile([1.0, -1.0], 32))
    # Scales beyond what is stored, and reciprocals beyond Float32.
    all.append(np.linspace(-1, 1, 64) * 6e7)
    all.append(np.linspace(-1, 1, 64) * 1e38)
    all.append(np.linspace(-1, 1, 64) * 1e-38)
    all.append(np.linspace(1, 2, 64) * 1e-42)
    # What a weight of 16 bits holds.
    half = (random.normal(size=64) * 0.02).astype(np.float32).view(np.uint32)
    all.append((half & 0xFFFF0000).astype(np.uint32).view(np.float32))
    return np.stack([np.asarray(row, np.float32) for row in all])


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    stored = {}
    for kind in HALVES:
        bytes = blocks(kind)
        stored[kind.name + ".codes"] = bytes
        stored[kind.name + ".values"] = dequantize(bytes, kind)
        assert np.isfinite(stored[kind.name + ".values"]).all(), kind
    save_file(stored, sys.argv[1] + "/blocks.safetensors")
    values = rows()
    stored = {"values": values}
    with np.errstate(all="ignore"):
        for kind in QUANTISED:
            bytes = quantize(values, kind)
            stored[kind.name + ".codes"] = bytes
            stored[kind.name + ".values"] = dequantize(bytes, kind)
    save_file(stored, sys.argv[1] + "/rows.safetensors")
