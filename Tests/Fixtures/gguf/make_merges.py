# Writes the merges beside it, with gguf-py 0.19.0 and numpy 2.4.6:
#
#   merges/base.gguf                   every kind of tensor: plain ones, and blocks of many types
#   merges/adapter                     an adapter of PEFT's form, whose modules are the base's
#   merges/touched.gguf                the merge with blocks that become F16
#   merges/bf16.gguf                   the same with --dtype bf16
#   merges/all.gguf                    the same with --dequantize all
#   merges/q8_0.gguf, merges/q4_1.gguf the same with --requantize q8_0 and q4_1
#   merges/split, merges/split-touched the same in sets of files, as gguf-py splits
#   merges/same.gguf                   a base of Q8_0 and Q5_0 alone, merged with --requantize same
#
# Factors are small whole numbers and the scale is 1/4, so that a product is the same in whatever
# order it is summed.
#
#   python3 -m venv venv && venv/bin/pip install gguf==0.19.0 numpy==2.4.6
#   venv/bin/python make_merges.py
import json
import pathlib
import struct

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import GGUFWriter
from gguf.quants import dequantize, quantize

here = pathlib.Path(__file__).parent / "merges"
random = np.random.default_rng(21)
RANK, SCALE = 4, 0.25


def weight(rows, columns):
    return random.normal(size=(rows, columns)).astype(np.float32)


def blocks(type, rows, columns, block_elements, block_bytes, scales):
    """Random codes below scales that are finite and small."""
    count = rows * columns // block_elements
    data = random.integers(0, 256, (count, block_bytes), dtype=np.uint8)
    for place in scales:
        halves = random.uniform(0.001, 0.02, count).astype(np.float16)
        data[:, place : place + 2] = halves.view(np.uint8).reshape(count, 2)
    return data.reshape(rows, -1), type


def plain(array):
    return array, None


def bf16(array):
    bits = array.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16).view(np.uint8), T.BF16


TENSORS = {
    "token_embd.weight": blocks(T.Q4_K, 16, 256, 256, 144, [0, 2]),
    "blk.0.attn_norm.weight": plain(np.linspace(0.5, 1.5, 256, dtype=np.float32)),
    "blk.0.attn_q.weight": blocks(T.Q4_K, 8, 256, 256, 144, [0, 2]),
    "blk.0.attn_k.weight": blocks(T.Q6_K, 8, 256, 256, 210, [208]),
    "blk.0.attn_v.weight": blocks(T.Q5_K, 8, 256, 256, 176, [0, 2]),
    "blk.0.attn_output.weight": blocks(T.Q4_0, 8, 64, 32, 18, [0]),
    "blk.0.ffn_gate.weight": (quantize(weight(6, 96), T.Q5_1), T.Q5_1),
    "blk.0.ffn_up.weight": plain(weight(6, 50).astype(np.float16)),
    "blk.0.ffn_down.weight": bf16(weight(5, 32)),
    "blk.0.ffn_gate_inp.weight": plain(weight(3, 20)),
    # Copied alone: its values stand in a table.
    "blk.0.rare.weight": (random.integers(0, 256, (2, 66), dtype=np.uint8), T.IQ2_XXS),
    "output_norm.weight": plain(np.ones(7, np.float32)),
    "output.weight": blocks(T.Q8_0, 9, 32, 32, 34, [0]),
}
TOUCHED = ["blk.0.attn_q", "blk.0.attn_k", "blk.0.attn_output", "blk.0.ffn_gate", "blk.0.ffn_up",
           "blk.0.ffn_down", "output"]
SAME = {
    "blk.0.attn_q.weight": (quantize(weight(8, 64), T.Q8_0), T.Q8_0),
    "blk.0.attn_k.weight": (quantize(weight(4, 96), T.Q5_0), T.Q5_0),
    "blk.0.attn_v.weight": (quantize(weight(4, 96), T.Q5_0), T.Q5_0),
}


def values(array, type):
    if type is None:
        return array.astype(np.float32)
    return dequantize(array, type)


def safetensors(path, tensors):
    header, data = {}, b""
    for name, array in tensors.items():
        header[name] = {
            "dtype": "F32", "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + array.nbytes],
        }
        data += array.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def adapter(path, modules, tensors):
    path.mkdir(parents=True, exist_ok=True)
    config = {
        "peft_type": "LORA", "r": RANK, "lora_alpha": RANK * SCALE, "target_modules": modules,
        "base_model_name_or_path": None, "bias": "none", "fan_in_fan_out": False,
    }
    (path / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n")
    factors, deltas = {}, {}
    for module in modules:
        rows, columns = values(*tensors[module + ".weight"]).shape
        a = random.integers(-2, 3, (RANK, columns)).astype(np.float32)
        b = random.integers(-2, 3, (rows, RANK)).astype(np.float32)
        factors[f"base_model.model.{module}.lora_A.weight"] = a
        factors[f"base_model.model.{module}.lora_B.weight"] = b
        deltas[module + ".weight"] = (b @ a) * np.float32(SCALE)
    safetensors(path / "adapter_model.safetensors", factors)
    return deltas


def write(name, tensors, file_type, split=0):
    (here / name).parent.mkdir(exist_ok=True)
    writer = GGUFWriter(here / name, "llama", split_max_tensors=split)
    writer.add_name("A model to merge into")
    writer.add_file_type(file_type)
    writer.add_array("tokenizer.ggml.tokens", [f"<{n}>" for n in range(16)])
    writer.add_uint32("llama.block_count", 1)
    for tensor, (array, type) in tensors.items():
        writer.add_tensor(tensor, array, raw_dtype=type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def merged(tensors, deltas, make, every=False):
    result = {}
    for name, (array, type) in tensors.items():
        isPlain = type in (None, T.BF16)
        if name in deltas:
            own = values(array, type) + deltas[name]
            if type == T.BF16:
                result[name] = make(own) if make is to_bf16 else bf16(own)
            elif isPlain:
                result[name] = make(own) if make is to_bf16 else plain(own.astype(array.dtype))
            else:
                result[name] = make(own)
        elif every and not isPlain:
            result[name] = make(values(array, type))
        else:
            result[name] = (array, type)
    return result


def to_f16(array):
    return plain(array.astype(np.float16))


def to_bf16(array):
    return bf16(array)


def to(type):
    return lambda array: (quantize(array, type), type)


here.mkdir(exist_ok=True)
deltas = adapter(here / "adapter", TOUCHED, TENSORS)
write("base.gguf", TENSORS, 15)
write("touched.gguf", merged(TENSORS, deltas, to_f16), 1)
write("split/base.gguf", TENSORS, 15, split=5)
write("split-touched/base.gguf", merged(TENSORS, deltas, to_f16), 1, split=5)
write("bf16.gguf", merged(TENSORS, deltas, to_bf16), 32)
write("q8_0.gguf", merged(TENSORS, deltas, to(T.Q8_0)), 7)
write("q4_1.gguf", merged(TENSORS, deltas, to(T.Q4_1)), 3)
read = {name: tensor for name, tensor in TENSORS.items() if tensor[1] != T.IQ2_XXS}
write("readable.gguf", read, 15)
write("all.gguf", merged(read, deltas, to_f16, every=True), 1)
write("same-base.gguf", SAME, 7)
same = adapter(here / "same-adapter", ["blk.0.attn_q", "blk.0.attn_k"], SAME)
result = dict(SAME)
for name, delta in same.items():
    array, type = SAME[name]
    result[name] = to(type)(values(array, type) + delta)
write("same.gguf", result, 7)
