"""Makes Tests/Fixtures/quantised: small quantised bases and the values that the formats' own
libraries dequantise them to, in those libraries' own types.

Made with torch 2.13.0 (CPU), bitsandbytes 0.50.2, compressed-tensors 0.20.0, hqq 0.2.8.post1,
torchao 0.18.0, mlx 0.32.4 (CPU), transformers 5.23.0, autoawq 0.2.9 (its packing alone, which needs
no GPU), safetensors 0.8.0. GPTQ has no library that runs without a GPU: it is packed and unpacked
here, number by number, by the format's published definition, as are FP8 by block, FBGEMM, ModelOpt
and AWQ's gemv and gemv_fast.

    python make_quantised.py OUT [NAME…]
"""

import json
import os
import sys

import numpy as np
import torch
from safetensors.torch import save_file

FORMATS = {}


def fixture(function):
    FORMATS[function.__name__.replace("_", "-")] = function
    return function


class Base:
    """A base in the making: stored tensors, shard by shard, and the values expected of them."""

    def __init__(self, config):
        self.config = config
        self.shards = [{}]
        self.expected = {}
        self.metadata = {}

    def add(self, tensors, shard=0):
        while len(self.shards) <= shard:
            self.shards.append({})
        self.shards[shard].update({k: v.contiguous().clone() for k, v in tensors.items()})

    def expect(self, name, value):
        self.expected[name] = value.detach().contiguous().clone()

    def write(self, folder):
        os.makedirs(folder + "/base", exist_ok=True)
        os.makedirs(folder + "/expected", exist_ok=True)
        plain = torch.arange(6, dtype=torch.float32).reshape(2, 3).to(torch.bfloat16)
        self.add({"model.norm.weight": plain})
        self.expect("model.norm.weight", plain)
        count = len(self.shards)
        names = [f"model-{i + 1:05}-of-{count:05}.safetensors" for i in range(count)]
        if count == 1:
            names = ["model.safetensors"]
        metadata = {"format": "pt", **self.metadata}
        for name, tensors in zip(names, self.shards):
            save_file(tensors, f"{folder}/base/{name}", metadata=metadata)
        if count > 1:
            places = {k: n for n, t in zip(names, self.shards) for k in t}
            with open(folder + "/base/model.safetensors.index.json", "w") as file:
                json.dump({"metadata": {}, "weight_map": places}, file)
        with open(folder + "/base/config.json", "w") as file:
            json.dump(self.config, file, indent=1)
        save_file(self.expected, folder + "/expected/model.safetensors")


def config(method, dtype="bfloat16", model="llama", **parameters):
    return {
        "model_type": model,
        "dtype": dtype,
        "quantization_config": {"quant_method": method, **parameters},
    }


def random(*shape, dtype=torch.float32):
    return (torch.randn(*shape) * 0.05).to(dtype)


# bitsandbytes


def four_bits(base, name, weight, kind, block, nested, storage=torch.uint8, transposed=False):
    from bitsandbytes import functional

    codes, state = functional.quantize_4bit(
        weight, blocksize=block, compress_statistics=nested, quant_type=kind, quant_storage=storage)
    parts = {name + "." + k: v for k, v in state.as_dict(packed=True).items()}
    base.add({name: codes, **parts})
    # The library's own dequantiser, in its plain form: the one for CPUs with AVX-512 takes the
    # wrong block where a row is not a multiple of one (24 × 80 by 64 has 1528 of 1920 values wrong,
    # the largest by 0.12). It multiplies in single precision and rounds once; the state is read
    # back as a loader reads it.
    from bitsandbytes.backends.default.ops import _dequantize_4bit_compute

    read = functional.QuantState.from_dict(state.as_dict(packed=True), device="cpu")
    absmax = read.absmax
    if read.nested:
        absmax = functional.dequantize_blockwise(absmax, read.state2) + read.offset
    value = _dequantize_4bit_compute(
        codes.view(torch.uint8).reshape(-1), absmax, read.code, read.blocksize, read.shape,
        torch.float32).to(weight.dtype)
    base.expect(name, value.T if transposed else value)


@fixture
def bitsandbytes_4bit():
    base = Base(config("bitsandbytes", load_in_4bit=True, bnb_4bit_quant_type="nf4"))
    cases = [
        ("nf4", 64, False, torch.uint8, torch.bfloat16, (24, 40)),
        ("nf4", 64, True, torch.uint8, torch.float16, (7, 13)),
        ("nf4", 128, True, torch.bfloat16, torch.bfloat16, (160, 208)),
        ("fp4", 64, False, torch.uint8, torch.float16, (13, 7)),
        ("fp4", 256, True, torch.float32, torch.bfloat16, (24, 80)),
        ("nf4", 4096, False, torch.uint8, torch.float32, (33, 130)),
        ("fp4", 32, False, torch.uint8, torch.bfloat16, (5, 64)),
    ]
    for at, (kind, block, nested, storage, dtype, shape) in enumerate(cases):
        name = f"model.layers.{at}.mlp.up_proj.weight"
        four_bits(base, name, random(*shape, dtype=dtype), kind, block, nested, storage)
    return base


@fixture
def bitsandbytes_gpt2():
    base = Base(config("bitsandbytes", model="gpt2", load_in_4bit=True))
    weight = random(48, 20, dtype=torch.bfloat16)
    four_bits(base, "h.0.attn.c_attn.weight", weight, "nf4", 64, False, transposed=True)
    weight = random(9, 15, dtype=torch.float16)
    four_bits(base, "h.0.mlp.c_proj.weight", weight, "fp4", 64, True, transposed=True)
    return base


@fixture
def bitsandbytes_8bit():
    from bitsandbytes import functional

    base = Base(config("bitsandbytes", dtype="float16", load_in_8bit=True))
    for at, shape in enumerate([(24, 40), (7, 13), (1, 5)]):
        codes, scale, _ = functional.int8_vectorwise_quant(random(*shape, dtype=torch.float16))
        name = f"model.layers.{at}.mlp.up_proj."
        form = torch.tensor(0, dtype=torch.uint8)
        base.add({name + "weight": codes, name + "SCB": scale, name + "weight_format": form})
        value = functional.int8_vectorwise_dequant(codes, scale)
        base.expect(name + "weight", value.to(torch.float16))
    return base


# compressed-tensors


def group_scale(weight, group, most, dtype):
    rows, columns = weight.shape
    return (weight.float().reshape(rows, columns // group, group).abs().amax(-1) / most).to(dtype)


def scheme(form, dtype="bfloat16", **weights):
    groups = {"group_0": {"targets": ["Linear"], "weights": weights}}
    return config(
        "compressed-tensors", dtype, format=form, config_groups=groups, ignore=["lm_head"])


def registry(name):
    from compressed_tensors.compressors import BaseCompressor

    return BaseCompressor.get_value_from_registry(name)


def press(base, name, weight, form, arguments, scale, zero=None, extra=None, shard=0):
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    own = QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(**arguments))
    state = {"weight": weight, "weight_scale": scale, **(extra or {})}
    if zero is not None:
        state["weight_zero_point"] = zero
    parts = registry(form).compress(state, own)
    base.add({f"{name}.{k}": v.data for k, v in parts.items() if k != "weight_scale"})
    base.add({f"{name}.weight_scale": parts["weight_scale"].data}, shard)
    base.expect(name + ".weight", registry(form).decompress(dict(parts), own)["weight"])


def packed(bits, group, symmetric, shapes, dtype=torch.bfloat16):
    strategy = "group" if group else "channel"
    arguments = dict(num_bits=bits, type="int", symmetric=symmetric, strategy=strategy)
    if group:
        arguments["group_size"] = group
    named = "float16" if dtype == torch.float16 else "bfloat16"
    base = Base(scheme("pack-quantized", named, **arguments))
    for at, (rows, columns) in enumerate(shapes):
        weight = random(rows, columns, dtype=dtype)
        size = group or columns
        scale = group_scale(weight, size, 2 ** (bits - 1), dtype)
        zero = None
        if not symmetric:
            half = 2 ** (bits - 1)
            zero = torch.randint(-half, half, scale.shape, dtype=torch.int8)
        press(
            base, f"model.layers.{at}.mlp.up_proj", weight, "pack-quantized", arguments, scale, zero,
            shard=at % 2)
    return base


@fixture
def packed_int4():
    return packed(4, 32, True, [(24, 64), (7, 96), (33, 160)])


@fixture
def packed_int4_asymmetric():
    return packed(4, 32, False, [(24, 64), (13, 96)])


@fixture
def packed_int8_channel():
    return packed(8, None, True, [(24, 40), (7, 13)])


@fixture
def packed_int3():
    return packed(3, 32, False, [(11, 64), (32, 96)], torch.float16)


@fixture
def int8_channel():
    arguments = dict(num_bits=8, type="int", symmetric=False, strategy="channel")
    base = Base(scheme("int-quantized", **arguments))
    for at, (rows, columns) in enumerate([(24, 40), (7, 13)]):
        weight = random(rows, columns, dtype=torch.bfloat16)
        scale = group_scale(weight, columns, 128, torch.bfloat16)
        zero = torch.randint(-100, 100, scale.shape, dtype=torch.int8)
        press(
            base, f"model.layers.{at}.mlp.up_proj", weight, "int-quantized", arguments, scale, zero)
    return base


@fixture
def float8_channel():
    arguments = dict(num_bits=8, type="float", symmetric=True, strategy="channel")
    base = Base(scheme("float-quantized", **arguments))
    for at, (rows, columns) in enumerate([(24, 40), (7, 13)]):
        weight = random(rows, columns, dtype=torch.bfloat16)
        scale = group_scale(weight, columns, 448, torch.bfloat16)
        press(
            base, f"model.layers.{at}.mlp.up_proj", weight, "float-quantized", arguments, scale,
            shard=1)
        base.add({f"model.layers.{at}.mlp.up_proj.input_scale": torch.tensor([0.5])})
    base.add({"model.layers.0.self_attn.k_scale": torch.tensor(1.5)})
    return base


@fixture
def float8_tensor():
    arguments = dict(num_bits=8, type="float", symmetric=True, strategy="tensor")
    base = Base(scheme("float-quantized", **arguments))
    weight = random(24, 40, dtype=torch.bfloat16)
    scale = (weight.abs().max() / 448).reshape(1)
    press(base, "model.layers.0.mlp.up_proj", weight, "float-quantized", arguments, scale)
    return base


@fixture
def float8_block_compressed():
    arguments = dict(
        num_bits=8, type="float", symmetric=True, strategy="block", block_structure=[16, 32])
    base = Base(scheme("float-quantized", **arguments))
    weight = random(48, 96, dtype=torch.bfloat16)
    blocks = weight.float().reshape(3, 16, 3, 32).abs().amax((1, 3))
    scale = (blocks / 448).to(torch.bfloat16)
    press(base, "model.layers.0.mlp.up_proj", weight, "float-quantized", arguments, scale)
    return base


@fixture
def nvfp4_compressed():
    arguments = dict(
        num_bits=4, type="float", symmetric=True, strategy="tensor_group", group_size=16)
    base = Base(scheme("nvfp4-pack-quantized", **arguments))
    for at, (rows, columns) in enumerate([(24, 64), (7, 48)]):
        weight = random(rows, columns, dtype=torch.bfloat16)
        whole = (448 * 6 / weight.float().abs().max()).reshape(1)
        scale = (group_scale(weight, 16, 6, torch.float32) * whole).clamp(max=448)
        scale = scale.to(torch.float8_e4m3fn).float()
        press(
            base, f"model.layers.{at}.mlp.up_proj", weight, "nvfp4-pack-quantized", arguments, scale,
            extra={"weight_global_scale": whole})
        base.add({f"model.layers.{at}.mlp.up_proj.input_global_scale": torch.tensor([3.0])})
    return base


@fixture
def mxfp4_compressed():
    arguments = dict(num_bits=4, type="float", symmetric=True, strategy="group", group_size=32)
    base = Base(scheme("mxfp4-pack-quantized", **arguments))
    weight = random(13, 96, dtype=torch.bfloat16)
    scale = group_scale(weight, 32, 6, torch.float32)
    scale = 2.0 ** torch.ceil(torch.log2(scale))
    press(base, "model.layers.0.mlp.up_proj", weight, "mxfp4-pack-quantized", arguments, scale)
    return base


@fixture
def mxfp8_compressed():
    arguments = dict(num_bits=8, type="float", symmetric=True, strategy="group", group_size=32)
    base = Base(scheme("mxfp8-quantized", **arguments))
    weight = random(13, 96, dtype=torch.bfloat16)
    scale = 2.0 ** torch.ceil(torch.log2(group_scale(weight, 32, 448, torch.float32)))
    press(base, "model.layers.0.mlp.up_proj", weight, "mxfp8-quantized", arguments, scale)
    return base


@fixture
def packed_int4_ordered():
    """Groups in an order of their own, as older versions of the library stored them."""
    base = packed(4, 32, True, [(24, 96)])
    name = "model.layers.0.mlp.up_proj"
    index = torch.arange(96) // 32
    index = index[torch.randperm(96)]
    parts = base.shards[0]
    codes = torch.from_numpy(np.array(
        [[(w >> (4 * n)) & 15 for w in row for n in range(8)]
         for row in parts[name + ".weight_packed"].numpy().view(np.uint32).tolist()])) - 8
    base.add({name + ".weight_g_idx": index.to(torch.int32)})
    scale = parts[name + ".weight_scale"]
    base.expect(name + ".weight", codes.to(torch.bfloat16) * scale[:, index])
    return base


@fixture
def float4_deepseek():
    table = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
    base = Base(config("fp8", weight_block_size=[16, 16], expert_dtype="fp4", scale_fmt="ue8m0"))
    codes = torch.randint(0, 256, (12, 32), dtype=torch.uint8)
    exponents = torch.randint(115, 127, (12, 2), dtype=torch.uint8)
    name = "layers.0.ffn.experts.0.w1."
    base.add({
        name + "weight": codes.view(torch.int8), name + "scale": exponents.view(torch.float8_e8m0fnu)})
    values = torch.stack([table[(codes & 15).long()], table[(codes >> 4).long()]], -1)
    factors = (2.0 ** (exponents.float() - 127)).repeat_interleave(32, 1)
    base.expect(name + "weight", (values.reshape(12, 64) * factors).to(torch.bfloat16))
    weight = random(24, 40)
    scale = 2.0 ** torch.ceil(torch.log2(torch.full((2, 3), 0.2) / 448))
    wide = scale.repeat_interleave(16, 0).repeat_interleave(16, 1)[:24, :40]
    own = codes8(weight, wide)
    name = "layers.0.attn.wq_a."
    base.add({name + "weight": own, name + "scale": scale.to(torch.float8_e8m0fnu)})
    base.expect(name + "weight", (own.float() * wide).to(torch.bfloat16))
    return base


# FP8 by the published definitions: value = float32(code) × scale


def codes8(weight, scale):
    return (weight.float() / scale).clamp(-448, 448).to(torch.float8_e4m3fn)


@fixture
def float8_block():
    base = Base(config("fp8", weight_block_size=[16, 16], activation_scheme="dynamic"))
    kinds = [torch.float32, torch.bfloat16, torch.float8_e8m0fnu, torch.float16]
    for at, (rows, columns) in enumerate([(24, 40), (7, 13), (32, 48), (40, 33)]):
        weight = random(rows, columns)
        down, across = (rows + 15) // 16, (columns + 15) // 16
        scale = torch.empty(down, across)
        for i in range(down):
            for j in range(across):
                part = weight[i * 16:i * 16 + 16, j * 16:j * 16 + 16]
                scale[i, j] = part.abs().max() / 448
        if kinds[at] == torch.float8_e8m0fnu:
            scale = 2.0 ** torch.ceil(torch.log2(scale))
        stored = scale.to(kinds[at])
        wide = stored.float().repeat_interleave(16, 0).repeat_interleave(16, 1)[:rows, :columns]
        codes = codes8(weight, wide)
        name = f"model.layers.{at}.mlp.up_proj.weight"
        base.add({name: codes})
        base.add({name + "_scale_inv": stored}, shard=1)
        base.expect(name, (codes.float() * wide).to(torch.bfloat16))
    return base


@fixture
def float8_special():
    """Every code, those that are no numbers too, in four types; a scale for each tensor."""
    base = Base(config("fp8", activation_scheme="static"))
    kinds = [
        torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz]
    for at, kind in enumerate(kinds):
        codes = torch.arange(256, dtype=torch.uint8).reshape(16, 16).view(kind)
        scale = torch.tensor(0.00321 * (at + 1))
        name = f"model.layers.{at}.mlp.up_proj."
        base.add({
            name + "weight": codes, name + "weight_scale": scale,
            name + "input_scale": torch.tensor(0.25)})
        value = (codes.float() * scale).to(torch.bfloat16)
        # The one NaN that is written, whatever its sign was.
        value[value.isnan()] = torch.tensor(float("nan")).to(torch.bfloat16)
        base.expect(name + "weight", value)
    return base


@fixture
def fbgemm():
    base = Base(config("fbgemm_fp8", activation_scale_ub=1200.0))
    weight = random(24, 40)
    scale = weight.abs().amax(1, keepdim=True) / 448
    codes = codes8(weight, scale)
    name = "model.layers.0.mlp.up_proj.weight"
    base.add({name: codes, name + "_scale": scale})
    base.expect(name, (codes.float() * scale).to(torch.bfloat16))
    for name, shape, axis in [("gate_up_proj", (3, 12, 32), 1), ("down_proj", (3, 16, 12), 1)]:
        weight = random(*shape)
        scale = weight.abs().amax(axis, keepdim=True) / 448
        codes = codes8(weight, scale)
        name = "model.layers.0.feed_forward.experts." + name
        # The scale of down_proj belongs to what goes out, and is stored as a column.
        stored = scale.transpose(1, 2) if name.endswith("down_proj") else scale
        base.add({name: codes, name + "_scale": stored})
        base.expect(name, (codes.float() * scale).to(torch.bfloat16))
    return base


@fixture
def nvfp4_modelopt():
    table = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
    base = Base({"model_type": "llama", "dtype": "bfloat16", "quantization_config": {
        "quant_method": "modelopt", "quant_algo": "NVFP4"}})
    for at, (rows, columns) in enumerate([(24, 64), (7, 48)]):
        codes = torch.randint(0, 256, (rows, columns // 2), dtype=torch.uint8)
        scale = (torch.rand(rows, columns // 16) * 400).to(torch.float8_e4m3fn)
        whole = torch.tensor(0.00123 * (at + 1))
        name = f"model.layers.{at}.mlp.up_proj."
        base.add({
            name + "weight": codes, name + "weight_scale": scale, name + "weight_scale_2": whole,
            name + "input_scale": torch.tensor(0.1)})
        values = torch.stack([table[(codes & 15).long()], table[(codes >> 4).long()]], -1)
        factors = (scale.float() * whole).repeat_interleave(16, 1)
        base.expect(name + "weight", (values.reshape(rows, columns) * factors).to(torch.bfloat16))
    return base


@fixture
def mxfp4_experts():
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    base = Base(config("mxfp4", model="gpt_oss"))
    for name, shape in [("gate_up_proj", (3, 20, 2, 16)), ("down_proj", (3, 64, 1, 16))]:
        blocks = torch.randint(0, 256, shape, dtype=torch.uint8)
        scales = torch.randint(110, 130, shape[:3], dtype=torch.uint8)
        path = "model.layers.0.mlp.experts." + name
        base.add({path + "_blocks": blocks, path + "_scales": scales})
        base.expect(path, convert_moe_packed_tensors(blocks, scales))
    return base


# Whole numbers by the published definitions


def stream(numbers, bits):
    """Rows of numbers as rows of 32-bit words, the lowest bits first, without gaps."""
    rows = []
    for row in numbers.tolist():
        whole = sum(n << (i * bits) for i, n in enumerate(row))
        count = (len(row) * bits + 31) // 32
        rows.append([(whole >> (32 * i)) & 0xFFFFFFFF for i in range(count)])
    return torch.from_numpy(np.array(rows, dtype=np.uint32).view(np.int32))


def gptq(bits, second, order, shapes, group, dtype=torch.float16):
    base = Base(config(
        "gptq", dtype="float16" if dtype == torch.float16 else "bfloat16", bits=bits,
        group_size=group, desc_act=order, sym=False,
        checkpoint_format="gptq_v2" if second else "gptq"))
    for at, (rows, columns) in enumerate(shapes):
        size = columns if group == -1 else group
        groups = (columns + size - 1) // size
        codes = torch.randint(0, 2**bits, (columns, rows))
        zeros = torch.randint(0 if second else 1, 2**bits, (groups, rows))
        scales = (torch.rand(groups, rows) * 0.01).to(dtype)
        index = torch.arange(columns) // size
        if order:
            index = index[torch.randperm(columns)]
        name = f"model.layers.{at}.mlp.up_proj."
        base.add({
            name + "qweight": stream(codes.T, bits).T,
            name + "qzeros": stream(zeros if second else zeros - 1, bits),
            name + "scales": scales, name + "g_idx": index.to(torch.int32)})
        value = scales[index] * (codes - zeros[index]).to(dtype)
        base.expect(name + "weight", value.T)
    return base


@fixture
def gptq_2bit():
    return gptq(2, False, False, [(32, 64), (16, 48)], 16)


@fixture
def gptq_3bit():
    return gptq(3, False, True, [(32, 64), (96, 96)], 32)


@fixture
def gptq_4bit_v2():
    return gptq(4, True, True, [(24, 64), (8, 40)], 16, torch.bfloat16)


@fixture
def gptq_4bit_column():
    return gptq(4, False, False, [(24, 64), (40, 24)], -1)


@fixture
def gptq_8bit():
    return gptq(8, False, False, [(24, 64), (4, 40)], 32)


def autoawq(path):
    """One module of AutoAWQ, without the packages above it, which want a GPU's libraries."""
    import importlib
    import importlib.util
    import types

    root = importlib.util.find_spec("awq").submodule_search_locations[0]
    parts = path.split(".")
    for count in range(1, len(parts)):
        name = ".".join(parts[:count])
        package = types.ModuleType(name)
        package.__path__ = ["/".join([root, *parts[1:count]])]
        sys.modules[name] = package
    return importlib.import_module(path)


@fixture
def awq_gemm():
    dequantize_gemm = autoawq("awq.utils.packing_utils").dequantize_gemm

    base = Base(config("awq", dtype="float16", bits=4, group_size=16, version="gemm"))
    places = [0, 2, 4, 6, 1, 3, 5, 7]
    for at, (rows, columns) in enumerate([(24, 64), (40, 48)]):
        codes = torch.randint(0, 16, (columns, rows))
        zeros = torch.randint(0, 16, (columns // 16, rows))
        scales = (torch.rand(columns // 16, rows) * 0.01).to(torch.float16)
        order = torch.arange(rows).reshape(-1, 8)[:, places].flatten()
        words, offsets = stream(codes[:, order], 4), stream(zeros[:, order], 4)
        name = f"model.layers.{at}.mlp.up_proj."
        base.add({name + "qweight": words, name + "qzeros": offsets, name + "scales": scales})
        base.expect(name + "weight", dequantize_gemm(words, offsets, scales, 4, 16).T)
    return base


def padded(groups, group):
    multiple = 1 if group >= 128 else 2 if group == 64 else 4
    words = (groups + 7) // 8
    return (words + multiple - 1) // multiple * multiple


@fixture
def awq_gemv():
    base = Base(config("awq", dtype="float16", bits=4, group_size=32, version="gemv"))
    for at, (rows, columns) in enumerate([(24, 64), (7, 96)]):
        groups = columns // 32
        width = padded(groups, 32)
        codes = torch.randint(0, 16, (rows, columns))
        zeros = torch.randint(0, 16, (rows, groups))
        scales = (torch.rand(rows, groups) * 0.01).to(torch.float16)
        name = f"model.layers.{at}.mlp.up_proj."
        pad = torch.nn.functional.pad
        base.add({
            name + "qweight": stream(codes, 4),
            name + "qzeros": stream(pad(zeros, (0, width * 8 - groups)), 4),
            name + "scales": pad(scales, (0, width * 8 - groups))})
        wide = scales.repeat_interleave(32, 1)
        value = wide * (codes - zeros.repeat_interleave(32, 1)).to(torch.float16)
        base.expect(name + "weight", value)
    return base


@fixture
def awq_gemv_fast():
    pack_intweight = autoawq("awq.modules.linear.gemv_fast").pack_intweight
    base = Base(config("awq", dtype="float16", bits=4, group_size=32, version="gemv_fast"))
    for at, (rows, columns) in enumerate([(24, 64), (8, 192)]):
        groups = columns // 32
        width = padded(groups, 32) * 8
        codes = torch.randint(0, 16, (rows, columns), dtype=torch.int32)
        zeros = torch.randint(0, 16, (groups, rows))
        scales = (torch.rand(groups, rows) * 0.01).to(torch.float16)
        offsets = -(scales * zeros.to(torch.float16))
        name = f"model.layers.{at}.mlp.up_proj."
        pad = torch.nn.functional.pad
        base.add({
            name + "qweight": pack_intweight(codes, interleave=4, kstride=64),
            name + "qzeros": pad(offsets, (0, 0, 0, width - groups)),
            name + "scales": pad(scales, (0, 0, 0, width - groups))})
        product = codes.to(torch.float16) * scales.T.repeat_interleave(32, 1)
        base.expect(name + "weight", product + offsets.T.repeat_interleave(32, 1))
    return base


# MLX


def from_mlx(array):
    import mlx.core as mx

    if array.dtype == mx.bfloat16:
        bits = np.array(array.view(mx.uint16))
        return torch.from_numpy(bits.astype(np.int32)).to(torch.int16).view(torch.bfloat16)
    return torch.from_numpy(np.array(array))


@fixture
def mlx_affine():
    import mlx.core as mx

    sizes = {2: 32, 3: 32, 4: 64, 5: 32, 6: 64, 8: 128}
    modules = {
        f"model.layers.{i}.mlp.up_proj": {"group_size": g, "bits": b}
        for i, (b, g) in enumerate(sizes.items())}
    settings = {"group_size": 64, "bits": 4, **modules}
    mx.random.seed(1)
    base = Base({"model_type": "llama", "torch_dtype": "bfloat16", "quantization": settings,
                 "quantization_config": settings})
    mx.set_default_device(mx.cpu)
    for at, (bits, group) in enumerate(sizes.items()):
        dtype = [mx.bfloat16, mx.float16, mx.float32][at % 3]
        weight = (mx.random.normal((12 + at, 256)) * 0.05).astype(dtype)
        words, scales, biases = mx.quantize(weight, group_size=group, bits=bits)
        name = f"model.layers.{at}.mlp.up_proj."
        base.add({
            name + "weight": torch.from_numpy(np.array(words)),
            name + "scales": from_mlx(scales), name + "biases": from_mlx(biases)})
        value = mx.dequantize(words, scales, biases, group_size=group, bits=bits)
        base.expect(name + "weight", from_mlx(value))
    return base


def mlx_floats(mode, bits, group):
    import mlx.core as mx

    settings = {"group_size": group, "bits": bits, "mode": mode}
    mx.random.seed(2)
    base = Base({"model_type": "llama", "torch_dtype": "bfloat16", "quantization": settings,
                 "quantization_config": settings})
    mx.set_default_device(mx.cpu)
    weight = (mx.random.normal((11, 128)) * 0.05).astype(mx.bfloat16)
    words, scales = mx.quantize(weight, mode=mode)
    name = "model.layers.0.mlp.up_proj."
    base.add({
        name + "weight": torch.from_numpy(np.array(words)),
        name + "scales": torch.from_numpy(np.array(scales))})
    base.expect(name + "weight", from_mlx(mx.dequantize(words, scales, mode=mode)))
    return base


@fixture
def mlx_mxfp4():
    return mlx_floats("mxfp4", 4, 32)


@fixture
def mlx_mxfp8():
    return mlx_floats("mxfp8", 8, 32)


@fixture
def mlx_nvfp4():
    return mlx_floats("nvfp4", 4, 16)


# HQQ, torchao


@fixture
def hqq():
    from hqq.core.quantize import BaseQuantizeConfig, HQQLinear

    base = Base(config("hqq", quant_config={"weight_quant_params": {"nbits": 4}}))
    cases = [
        (4, 16, 1, torch.bfloat16, (24, 64)), (4, 16, 0, torch.float16, (24, 64)),
        (2, 16, 1, torch.bfloat16, (8, 48)), (8, 32, 1, torch.float16, (7, 64)),
        (1, 8, 0, torch.bfloat16, (16, 32)), (3, 16, 1, torch.bfloat16, (24, 48)),
        (3, 16, 0, torch.float16, (24, 48)),
    ]
    for at, (bits, group, axis, dtype, shape) in enumerate(cases):
        linear = torch.nn.Linear(shape[1], shape[0], bias=False)
        own = BaseQuantizeConfig(nbits=bits, group_size=group, axis=axis)
        layer = HQQLinear(linear, own, compute_dtype=dtype, device="cpu")
        name = f"model.layers.{at}.mlp.up_proj."
        state = {k: v for k, v in layer.state_dict().items() if v is not None}
        base.add({name + k: v for k, v in state.items()})
        base.expect(name + "weight", layer.dequantize())
    return base


@fixture
def torchao():
    from torchao.prototype.safetensors.safetensors_support import flatten_tensor_state_dict
    from torchao.quantization import (
        Float8WeightOnlyConfig, Int8WeightOnlyConfig, IntxWeightOnlyConfig, PerGroup, quantize_)

    base = Base(config("torchao", quant_type={"default": {}}))
    cases = [
        Float8WeightOnlyConfig(), Int8WeightOnlyConfig(version=2),
        IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=PerGroup(16)),
    ]
    tensors = {}
    for at, own in enumerate(cases):
        linear = torch.nn.Linear(48, 24, bias=False, dtype=torch.bfloat16)
        quantize_(linear, own)
        name = f"model.layers.{at}.mlp.up_proj.weight"
        tensors[name] = linear.weight.data
        base.expect(name, linear.weight.dequantize())
    parts, metadata = flatten_tensor_state_dict(tensors)
    base.add(parts)
    base.metadata = metadata
    return base


if __name__ == "__main__":
    for name in sys.argv[2:] or FORMATS:
        torch.manual_seed(len(name) * 7 + sum(map(ord, name)))
        FORMATS[name]().write(f"{sys.argv[1]}/{name}")
        print(name)
