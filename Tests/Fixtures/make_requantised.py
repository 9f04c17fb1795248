"""Makes Tests/Fixtures/requantised: small quantised bases, an adapter for each, and what comes of
merging it and quantising again with the base's parameters: the format's own library dequantises,
PEFT merges in float32, the sum is rounded to the library's 16-bit type, and the library quantises.

Made with torch 2.13.0 (CPU), PEFT 0.21.2, transformers 5.23.0 (Fp8Quantize, Fp8Dequantize),
compressed-tensors 0.20.0 (calculate_qparams and its compressors), bitsandbytes 0.50.2
(quantize_4bit on the CPU), safetensors 0.8.0. MXFP4 of gpt-oss alone has no quantiser that runs
without a GPU: its blocks are made here by the rule of OCP Microscaling Formats 1.0, 6.3.

bitsandbytes runs in its plain form (`backends/default`), which gives what its kernels for GPUs give:
the table with which its library for CPUs codes scales takes some for their neighbours. Its second
quantising is given the offset of the first, as a base's offset is kept.

    python make_requantised.py OUT [NAME…]
"""

import ctypes
import json
import os
import sys
from types import SimpleNamespace
from unittest import mock

import torch
from safetensors.torch import save_file

with mock.patch.object(ctypes.cdll, "LoadLibrary", side_effect=OSError):
    import bitsandbytes

FORMATS = {}


def fixture(function):
    FORMATS[function.__name__.replace("_", "-")] = function
    return function


class Model(torch.nn.Module):
    """Modules by their dotted names."""

    def __init__(self, weights):
        super().__init__()
        for name, weight in weights.items():
            place = self
            *path, leaf = name.split(".")
            for part in path:
                if not hasattr(place, part):
                    place.add_module(part, torch.nn.Module())
                place = getattr(place, part)
            if weight.ndim == 3:
                setattr(place, leaf, torch.nn.Parameter(weight))
                continue
            linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
            linear.weight = torch.nn.Parameter(weight)
            place.add_module(leaf, linear)


def merged(values, zeros, folder, size):
    """PEFT's merge of a random adapter into plain values, in float32; the adapter is saved.

    `zeros` is the rows of each module that stay as they are.
    """
    from peft import LoraConfig, get_peft_model

    names = list(values)
    wide = {name: value.float() for name, value in values.items()}
    is_stacked = next(iter(wide.values())).ndim == 3
    targets = (
        dict(target_modules=[], target_parameters=[n[len("model.layers.0."):] for n in names])
        if is_stacked else dict(target_modules=names))
    model = get_peft_model(Model(wide), LoraConfig(r=3, lora_alpha=6, **targets))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" not in name:
                continue
            parameter.copy_(torch.randn(parameter.shape) * size)
            if "lora_B" in name and not is_stacked:
                parameter[zeros] = 0
    model.save_pretrained(folder + "/adapter")
    os.remove(folder + "/adapter/README.md")
    path = folder + "/adapter/adapter_config.json"
    with open(path) as file:
        config = json.load(file)
    keep = ["peft_type", "r", "lora_alpha", "target_modules", "target_parameters", "bias"]
    with open(path, "w") as file:
        kept = {k: config[k] for k in keep if config.get(k)}
        kept = {k: sorted(v) if isinstance(v, list) else v for k, v in kept.items()}
        json.dump(kept, file, indent=1)
    state = model.merge_and_unload().state_dict()
    return {n: state[n if n in state else n + ".weight"].detach() for n in names}


def write(folder, config, quantise, dequantise, values, zeros=slice(3, 9), size=0.12):
    """`quantise` gives the stored tensors of a module, `dequantise` the plain values of them."""
    base = {}
    plain = {}
    for name, value in values.items():
        if value.ndim == 2:
            value[zeros] = 0
        stored = quantise(name, value)
        base.update(stored)
        plain[name] = dequantise(name, stored)
    os.makedirs(folder + "/base", exist_ok=True)
    dtype = next(iter(plain.values())).dtype
    sums = merged(plain, zeros, folder, size)
    output = {}
    for name, value in sums.items():
        output.update(quantise(name, value.to(dtype)))
    norm = {"model.norm.weight": torch.arange(6, dtype=torch.float32).to(torch.bfloat16)}
    # Beside what is touched, a module that is not: its bytes stay.
    random_value = torch.randn(next(iter(values.values())).shape).to(dtype)
    other = quantise("model.layers.1.mlp.other", random_value)
    for tensors, path in [(base, "base/model"), (output, "expected")]:
        contents = {k: v.contiguous().clone() for k, v in {**tensors, **norm, **other}.items()}
        save_file(contents, f"{folder}/{path}.safetensors", metadata={"format": "pt"})
    with open(folder + "/base/config.json", "w") as file:
        json.dump(config, file, indent=1)


def config(method, model="llama", **parameters):
    return {
        "model_type": model, "dtype": "bfloat16",
        "quantization_config": {"quant_method": method, **parameters}}


LEAVES = [f"model.layers.0.{leaf}" for leaf in ["self_attn.q_proj", "mlp.up_proj", "mlp.down_proj"]]


def random(*shapes, dtype=torch.bfloat16, leaves=LEAVES):
    return {
        leaf: (torch.randn(*shape) * 0.3).to(dtype)
        for leaf, shape in zip(leaves, shapes)}


# transformers


def fine_grained(folder, block, shapes, zeros, **parameters):
    from transformers.integrations.finegrained_fp8 import Fp8Dequantize, Fp8Quantize

    own = SimpleNamespace(
        quantization_config=SimpleNamespace(
            weight_block_size=block, scale_fmt=parameters.get("scale_fmt", "float")))

    def quantise(name, value):
        return Fp8Quantize(own)._quantize_one(name + ".weight", value)

    def dequantise(name, stored):
        return Fp8Dequantize(own)._dequantize_one(
            stored[name + ".weight"], stored[name + ".weight_scale_inv"], torch.bfloat16)

    settings = config("fp8", weight_block_size=block, activation_scheme="dynamic", **parameters)
    write(folder, settings, quantise, dequantise, random(*shapes), zeros)


@fixture
def float8_block(folder):
    fine_grained(folder, [32, 16], [(64, 48), (96, 64), (32, 160)], slice(32, 64))


@fixture
def float8_block_exponents(folder):
    fine_grained(
        folder, [16, 32], [(48, 64), (32, 96), (32, 32)], slice(16, 32), scale_fmt="ue8m0")


# compressed-tensors


def compressed(folder, form, shapes, **arguments):
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    from compressed_tensors.quantization.utils import calculate_qparams

    weights = QuantizationArgs(**arguments)
    scheme = QuantizationScheme(targets=["Linear"], weights=weights)
    compressor = BaseCompressor.get_value_from_registry(form)

    def quantise(name, value):
        rows, columns = value.shape
        if arguments["strategy"] == "block":
            height, width = arguments["block_structure"]
            groups = value.reshape(rows // height, height, columns // width, width)
            least, most = groups.amin((1, 3)), groups.amax((1, 3))
        else:
            groups = value.reshape(rows, -1, arguments.get("group_size", columns))
            least, most = groups.amin(-1), groups.amax(-1)
        scale, _ = calculate_qparams(least, most, weights)
        parts = compressor.compress({"weight": value, "weight_scale": scale}, scheme)
        return {f"{name}.{k}": v.data for k, v in parts.items()}

    def dequantise(name, stored):
        parts = {k.removeprefix(name + "."): v for k, v in stored.items()}
        return compressor.decompress(parts, scheme)["weight"]

    settings = config(
        "compressed-tensors", format=form, ignore=["lm_head"],
        config_groups={"group_0": {"targets": ["Linear"], "weights": arguments}})
    write(folder, settings, quantise, dequantise, random(*shapes))


@fixture
def float8_channel(folder):
    compressed(
        folder, "float-quantized", [(24, 40), (13, 7), (5, 300)], num_bits=8, type="float",
        symmetric=True, strategy="channel")


@fixture
def float8_block_compressed(folder):
    compressed(
        folder, "float-quantized", [(32, 48), (16, 64)], num_bits=8, type="float", symmetric=True,
        strategy="block", block_structure=[16, 16])


@fixture
def int8_channel(folder):
    compressed(
        folder, "int-quantized", [(24, 40), (13, 7)], num_bits=8, type="int", symmetric=True,
        strategy="channel")


@fixture
def packed_int4(folder):
    compressed(
        folder, "pack-quantized", [(24, 64), (13, 96), (33, 160)], num_bits=4, type="int",
        symmetric=True, strategy="group", group_size=32)


@fixture
def packed_int4_channel(folder):
    compressed(
        folder, "pack-quantized", [(24, 40), (13, 7)], num_bits=4, type="int", symmetric=True,
        strategy="channel")


@fixture
def packed_int8(folder):
    compressed(
        folder, "pack-quantized", [(24, 64), (13, 96)], num_bits=8, type="int", symmetric=True,
        strategy="group", group_size=32)


# bitsandbytes


def four_bits(folder, shapes, block, dtype, model="llama", leaves=LEAVES, nested=False):
    from bitsandbytes import functional
    from bitsandbytes.backends.default.ops import _dequantize_4bit_compute

    offsets = {}

    def quantise(name, value):
        mean = torch.Tensor.mean
        with mock.patch.object(
                torch.Tensor, "mean", lambda absmax: offsets.setdefault(name, mean(absmax))):
            codes, state = functional.quantize_4bit(
                value, blocksize=block, compress_statistics=nested, quant_type="nf4")
        parts = {f"{name}.weight.{k}": v for k, v in state.as_dict(packed=True).items()}
        return {name + ".weight": codes, **parts}

    def dequantise(name, stored):
        prefix = name + ".weight."
        parts = {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}
        state = functional.QuantState.from_dict(parts, device="cpu")
        absmax = state.absmax
        if state.nested:
            absmax = functional.dequantize_blockwise(absmax, state.state2) + state.offset
        # The plain form of the library's dequantiser; see make_quantised.py.
        return _dequantize_4bit_compute(
            stored[name + ".weight"].reshape(-1), absmax, state.code, state.blocksize,
            state.shape, torch.float32).to(state.dtype)

    settings = config("bitsandbytes", model, load_in_4bit=True, bnb_4bit_quant_type="nf4")
    write(folder, settings, quantise, dequantise, random(*shapes, dtype=dtype, leaves=leaves))


@fixture
def nf4(folder):
    four_bits(folder, [(24, 40), (13, 7), (33, 192)], 64, torch.bfloat16)


@fixture
def nf4_float16(folder):
    four_bits(folder, [(24, 160), (16, 130)], 128, torch.float16)


@fixture
def nf4_gpt2(folder):
    # What transformers quantises of a Conv1D is its transpose, which has a Linear's shape.
    leaves = ["transformer.h.0.attn.c_attn", "transformer.h.0.mlp.c_proj"]
    four_bits(folder, [(48, 16), (16, 40)], 64, torch.bfloat16, "gpt2", leaves)


# gpt-oss


E2M1 = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6])


@fixture
def mxfp4_experts(folder):
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    def quantise(name, value):
        blocks = value.float().transpose(1, 2)
        blocks = blocks.reshape(*blocks.shape[:2], -1, 32)
        most = blocks.abs().amax(-1)
        # The exponent of 6, the largest number, is 2.
        exponent = torch.where(most > 0, torch.frexp(most)[1] - 1 - 2, -127).clamp(-127, 127)
        scaled = blocks / torch.exp2(exponent.double()).float().unsqueeze(-1)
        distance = (scaled.abs().unsqueeze(-1) - E2M1).abs()
        # Of two that are as near, the even code.
        codes = (distance.double() + (torch.arange(8) & 1) * 1e-12).argmin(-1)
        codes = codes + torch.signbit(scaled) * 8
        packed = (codes[..., ::2] | codes[..., 1::2] << 4).to(torch.uint8)
        return {name + "_blocks": packed, name + "_scales": (exponent + 127).to(torch.uint8)}

    def dequantise(name, stored):
        return convert_moe_packed_tensors(stored[name + "_blocks"], stored[name + "_scales"])

    values = {"model.layers.0.mlp.experts.gate_up_proj": (torch.randn(2, 64, 20) * 0.3).bfloat16()}
    settings = config("mxfp4", "gpt_oss", modules_to_not_convert=["lm_head"])
    write(folder, settings, quantise, dequantise, values)


# bitsandbytes with scales that are codes


@fixture
def nf4_nested(folder):
    # Blocks of 256 scales: two and a part, a part, one and a part across rows' ends.
    four_bits(folder, [(130, 256), (13, 7), (72, 320)], 64, torch.bfloat16, nested=True)


@fixture
def nf4_nested_gpt2(folder):
    leaves = ["transformer.h.0.attn.c_attn", "transformer.h.0.mlp.c_proj"]
    four_bits(folder, [(96, 128), (64, 160)], 32, torch.float16, "gpt2", leaves, nested=True)


if __name__ == "__main__":
    for name in sys.argv[2:] or FORMATS:
        torch.manual_seed(list(FORMATS).index(name))
        FORMATS[name](os.path.join(sys.argv[1], name))
        print(name)
