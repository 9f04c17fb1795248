# Writes the files beside it, with gguf-py 0.19.0 and numpy 2.4.6:
#
#   plain.gguf                         every type of metadata, plain and quantised tensors
#   big-endian.gguf                    a little of the same with its numbers turned
#   split-0000*-of-00003.gguf          a set; its first part holds no tensor
#   lora.gguf                          a LoRA as convert_lora_to_gguf.py lays one down
#   lora.gguf                          a LoRA as convert_lora_to_gguf.py lays one down
#
#   python3 -m venv venv && venv/bin/pip install gguf==0.19.0 numpy==2.4.6
#   venv/bin/python make.py
import pathlib

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import GGUFEndian, GGUFValueType, GGUFWriter, quantize

here = pathlib.Path(__file__).parent
random = np.random.default_rng(20)


def plain():
    writer = GGUFWriter(here / "plain.gguf", "llama")
    writer.add_name("A small model")
    for name, number in [
        ("uint8", 200), ("int8", -100), ("uint16", 60_000), ("int16", -30_000),
        ("uint32", 4_000_000_000), ("int32", -2_000_000_000), ("uint64", 2**64 - 1),
        ("int64", -(2**63)), ("float32", 1e-5), ("float64", 1e-300), ("bool", True),
    ]:
        getattr(writer, "add_" + name)("sample." + name, number)
    writer.add_array("sample.texts", ["a", "", "ä\n"])
    writer.add_array("sample.numbers", [3, -4, 5])
    writer.add_key_value("sample.halves", [0.5, 1.5], GGUFValueType.ARRAY, GGUFValueType.FLOAT32)
    writer.add_array("sample.flags", [True, False])
    writer.add_tensor("token_embd.weight", random.normal(size=(6, 32)).astype(np.float16))
    writer.add_tensor("blk.0.attn_norm.weight", np.ones(5, np.float32))
    for layer in range(2):
        blocks = random.integers(0, 256, (4, 36), dtype=np.uint8)
        writer.add_tensor(f"blk.{layer}.ffn_up.weight", blocks, raw_dtype=T.Q4_0)
    writer.add_tensor("experts", random.normal(size=(2, 3, 4)).astype(np.float32))
    finish(writer)


def big_endian():
    writer = GGUFWriter(here / "big-endian.gguf", "llama", endianess=GGUFEndian.BIG)
    writer.add_tensor("a", np.ones(4, np.float32))
    finish(writer)


def split():
    writer = GGUFWriter(
        here / "split.gguf", "llama", split_max_tensors=1, small_first_shard=True)
    writer.add_tensor("a", np.arange(4, dtype=np.float32))
    writer.add_tensor("b", np.arange(8, dtype=np.float32).reshape(2, 4))
    finish(writer)


def lora():
    writer = GGUFWriter(here / "lora.gguf", "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 12)
    for name, shape in [
        ("blk.0.ffn_up_exps.weight.lora_a", (2, 2, 4)),
        ("blk.0.ffn_up_exps.weight.lora_b", (2, 5, 2)),
        ("token_embd.weight.lora_a", (8, 2)), ("token_embd.weight.lora_b", (4, 2)),
        ("blk.0.attn_norm.weight", (4,)),
    ]:
        writer.add_tensor(name, random.normal(size=shape).astype(np.float32))
    writer.add_tensor("blk.0.attn_q.weight.lora_a", random.normal(size=(2, 4)).astype(np.float16))
    halves = quantize(random.normal(size=(6, 2)).astype(np.float32), T.BF16)
    writer.add_tensor("blk.0.attn_q.weight.lora_b", halves, raw_dtype=T.BF16)
    finish(writer)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


plain()
big_endian()
split()
lora()
