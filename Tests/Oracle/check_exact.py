"""Merges 10^8 random weights and holds every element against the real number, rounded once.

    check_exact.py SHARDWELD FOLDER [--layers N]

Makes bases and adapters in FOLDER, merges them with `--accumulate f32` and `f64`, and counts the
elements that are not W0 + s * sum(B*A), taken exactly and rounded once to BF16, ties to even. Needs
numpy alone, some 3 GB of disk and as many minutes.

The number is computed in Float64 with a bound of its error: any order of summing along rank r is
off by at most (r + 3) * 2^-53 * (|W0| + |s| * sum(|B|*|A|)), here doubled. Where both ends of that
range round to one BF16, that is the answer; everywhere else the number is worked out in fractions.

Exits 1 where an element of `--accumulate f64` differs.
"""
import argparse
import fractions
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import compare

SIZE = 4096
ROWS = 256  # worked on together
CASES = [  # rank, type of the adapter, strength
    (16, "F32", 1.0), (64, "F32", 1.0), (16, "BF16", 0.7), (64, "BF16", 0.7),
]


def bf16_bits(numbers):
    """BF16 of Float64, to nearest even; nothing here is below its normal numbers."""
    bits = numbers.view(np.uint64)
    cut = np.uint64(45)
    return (bits + np.uint64(0xFFFFFFFFFFF) + (bits >> cut & np.uint64(1))) >> cut


def exact_bf16(number):
    """BF16 nearest to a fraction, as Float64."""
    if number == 0:
        return 0.0
    size = abs(number)
    power = size.numerator.bit_length() - size.denominator.bit_length()
    power -= size < fractions.Fraction(2) ** power
    step = fractions.Fraction(2) ** (max(power, -126) - 7)
    return float(round(number / step) * step)  # round() takes even on a tie


def stored(numbers, dtype):
    """Numbers as a type holds them, and its bytes."""
    words = numbers.astype(np.float32).view(np.uint32)
    if dtype == "BF16":
        words = (words + 0x7FFF + (words >> 16 & 1)) & np.uint32(0xFFFF0000)
        return words.view(np.float32), (words >> 16).astype(np.uint16).tobytes()
    return words.view(np.float32), words.tobytes()


def write(path, tensors):
    """A safetensors file of name -> (dtype, shape, bytes)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header, end = {}, 0
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + len(raw)]}
        end += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, _, raw in tensors.values():
            file.write(raw)


def name(layer):
    return f"model.layers.{layer}.self_attn.q_proj.weight"


def write_base(folder, dtype, weights):
    write(folder / "model.safetensors", {
        name(layer): (dtype, list(w.shape), raw) for layer, (w, raw) in enumerate(weights)})
    (folder / "config.json").write_text('{"model_type": "llama"}')


def write_adapter(folder, dtype, rank, pairs):
    tensors = {}
    for layer, ((a, raw_a), (b, raw_b)) in enumerate(pairs):
        module = "base_model.model." + name(layer).removesuffix(".weight")
        tensors[module + ".lora_A.weight"] = (dtype, list(a.shape), raw_a)
        tensors[module + ".lora_B.weight"] = (dtype, list(b.shape), raw_b)
    write(folder / "adapter_model.safetensors", tensors)
    (folder / "adapter_config.json").write_text(json.dumps(
        {"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "target_modules": ["q_proj"]}))


def merged(shardweld, folder, base, adapter, strength, accumulate):
    """Layer -> BF16 words of the merged weights."""
    output = folder / f"out-{accumulate}"
    shutil.rmtree(output, ignore_errors=True)
    subprocess.run(
        [shardweld, "merge", "--base", base, "--adapter", f"{adapter}={strength}",
         "--output", output, "--dtype", "bf16", "--accumulate", accumulate, "--progress", "none"],
        check=True, stdout=subprocess.DEVNULL)
    tensors = compare.tensors(output)
    return [np.frombuffer(tensors[name(layer)][2], np.uint16) for layer in range(len(tensors))]


def count(weights, pairs, scale, outputs):
    """Elements compared, worked out in fractions, and differing for each output."""
    total, doubtful, differing = 0, 0, {key: 0 for key in outputs}
    for layer, ((w, _), ((a, _), (b, _))) in enumerate(zip(weights, pairs)):
        a = a.astype(np.float64)
        for first in range(0, len(w), ROWS):
            left = b[first:first + ROWS].astype(np.float64)
            base = w[first:first + ROWS].astype(np.float64)
            number = base + scale * (left @ a)
            bound = (np.abs(base) + scale * (np.abs(left) @ np.abs(a))) * ((len(a) + 3) * 2.0**-52)
            low, high = bf16_bits(number - bound), bf16_bits(number + bound)
            expected = low
            for row, column in np.argwhere(low != high):
                doubtful += 1
                exact = fractions.Fraction(float(base[row, column]))
                terms = (fractions.Fraction(float(x)) * fractions.Fraction(float(y))
                         for x, y in zip(left[row], a[:, column]))
                exact += fractions.Fraction(scale) * sum(terms)
                expected[row, column] = bf16_bits(np.array([exact_bf16(exact)]))[0]
            total += expected.size
            for key, tensors in outputs.items():
                words = tensors[layer].reshape(w.shape)[first:first + ROWS]
                found = (words.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
                differing[key] += int(np.count_nonzero(bf16_bits(found) != expected))
    return total, doubtful, differing


def run(shardweld, folder, title, dtype, weights, adapter, rank, strength, pairs):
    write_adapter(folder / "adapter", adapter, rank, pairs)
    outputs = {
        accumulate: merged(
            shardweld, folder, folder / ("base-" + dtype), folder / "adapter", strength, accumulate)
        for accumulate in ["f32", "f64"]}
    total, doubtful, differing = count(weights, pairs, 2 * strength, outputs)
    shares = ", ".join(f"{n} ({n / total:.2g}) differ in {key}" for key, n in differing.items())
    print(f"{title}: {total} elements, {doubtful} in fractions: {shares}", flush=True)
    return differing["f64"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("shardweld")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--layers", type=int, default=6)
    words = parser.parse_args()
    random = np.random.default_rng(1)

    def normal(dtype, *shape, size=1.0):
        return stored(random.standard_normal(shape, np.float32) * np.float32(size), dtype)

    weights = [normal("BF16", SIZE, SIZE, size=0.02) for _ in range(words.layers)]
    write_base(words.folder / "base-BF16", "BF16", weights)
    wrong = 0
    for rank, adapter, strength in CASES:
        pairs = [
            (normal(adapter, rank, SIZE, size=0.02), normal(adapter, SIZE, rank, size=0.02))
            for _ in weights]
        title = f"bf16 base, {adapter.lower()} adapter, rank {rank}, strength {strength}"
        wrong += run(
            words.shardweld, words.folder, title, "BF16", weights, adapter, rank, strength, pairs)

    # Middles between two numbers of BF16, moved by less than Float64 can add.
    middles = random.integers(0x3F80, 0x4080, (256, 256), np.uint32) << 16 | 0x8000
    weights = [(middles.view(np.float32), middles.tobytes())]
    write_base(words.folder / "base-F32", "F32", weights)
    pairs = [(normal("F32", 8, 256), normal("F32", 256, 8, size=2.0**-60))]
    wrong += run(
        words.shardweld, words.folder, "f32 base of middles, tiny updates", "F32", weights, "F32",
        8, 0.7, pairs)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
