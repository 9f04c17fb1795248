"""Compares a merged checkpoint with the one that is expected, tensor by tensor. Needs numpy alone.

    compare.py GOT EXPECTED [--base BASE]

Tensors must be the same in name, dtype and shape. Where BASE says that a tensor was not touched
(its bytes in EXPECTED are the base's), its bytes must be the same in GOT. Elsewhere values may
differ a little, because PEFT sums small products in blocks and Shardweld along the rank:

* 16 bits: by one step between neighbouring values, in at most 1 of 1000 elements (or in one), and
  by more only where a sum cancelled: then by less than 2^-20 of the tensor's largest magnitude;
* 32 bits: by at most 2^-21 of the tensor's largest magnitude, four times the rounding of one number.

Prints one line; exits 0 where all is well, 1 with every difference named where it is not.
"""
import argparse
import json
import pathlib
import sys

import numpy as np

WORDS = {"BF16": np.uint16, "F16": np.uint16, "F32": np.uint32}
STEP_SHARE = 1 / 1000
CANCELLED = 2.0**-20
SINGLE = 2.0**-21


def tensors(folder):
    """Name -> (dtype, shape, bytes) of every tensor in the folder's weight files."""
    found = {}
    folder = pathlib.Path(folder)
    index = folder / "model.safetensors.index.json"
    if index.exists():
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    else:
        names = ["model.safetensors"]
    for name in names:
        raw = (folder / name).read_bytes()
        start = 8 + int.from_bytes(raw[:8], "little")
        for tensor, entry in json.loads(raw[8:start]).items():
            if tensor == "__metadata__":
                continue
            if tensor in found:
                sys.exit(f"compare: {folder} holds {tensor} twice")
            begin, end = entry["data_offsets"]
            found[tensor] = (entry["dtype"], entry["shape"], raw[start + begin : start + end])
    return found


def values(dtype, raw):
    words = np.frombuffer(raw, WORDS[dtype])
    if dtype == "BF16":
        return (words.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return words.view(np.float16 if dtype == "F16" else np.float32).astype(np.float64)


def ordinals(dtype, raw):
    """Whole numbers that grow by one from each representable value to the next."""
    words = np.frombuffer(raw, WORDS[dtype]).astype(np.int64)
    top = 1 << (8 * WORDS[dtype]().itemsize - 1)
    return np.where(words < top, words, top - words)


def difference(dtype, got, expected, totals):
    """What is wrong between two tensors of one shape, or None."""
    if dtype not in WORDS:
        return None if got == expected else f"{dtype} bytes differ"
    a, b = values(dtype, got), values(dtype, expected)
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return "is not finite in other places than expected"
    steps = np.abs(ordinals(dtype, got) - ordinals(dtype, expected))
    gap = np.abs(a - b)
    peak = float(np.abs(b).max(initial=0))
    off = int((steps > 0).sum())
    totals["elements"] += a.size
    totals["off"] += off
    totals["relative"] = max(totals["relative"], float(gap.max(initial=0)) / (peak or 1))
    if dtype == "F32":
        worst = float(gap.max(initial=0))
        return None if worst <= SINGLE * peak else f"differs by {worst:.3g}, largest value {peak:.3g}"
    far = (steps > 1) & (gap > CANCELLED * peak)
    if far.any():
        return f"{int(far.sum())} of {a.size} elements differ by up to {int(steps[far].max())} steps"
    if off > max(1, a.size * STEP_SHARE):
        return f"{off} of {a.size} elements differ by one step"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("got")
    parser.add_argument("expected")
    parser.add_argument("--base", help="tells which tensors must not have changed at all")
    words = parser.parse_args()
    got, expected = tensors(words.got), tensors(words.expected)
    base = tensors(words.base) if words.base else {}

    wrong = [f"{name} is missing" for name in expected if name not in got]
    wrong += [f"{name} was not expected" for name in got if name not in expected]
    totals = {"elements": 0, "off": 0, "relative": 0.0}
    untouched = 0
    for name in sorted(got.keys() & expected.keys()):
        if got[name][:2] != expected[name][:2]:
            wrong.append(f"{name} is {got[name][:2]}, expected {expected[name][:2]}")
        elif base.get(name) == expected[name]:
            untouched += 1
            if got[name] != expected[name]:
                wrong.append(f"{name} changed, though no adapter touches it")
        elif fault := difference(got[name][0], got[name][2], expected[name][2], totals):
            wrong.append(f"{name} {fault}")
    for line in wrong:
        print(f"compare: {line}")
    if wrong:
        sys.exit(1)
    print(
        f"{len(expected)} tensors, {untouched} untouched; {totals['off']} of {totals['elements']} "
        f"merged elements differ, by at most {totals['relative']:.2g} of the largest"
    )


if __name__ == "__main__":
    main()
