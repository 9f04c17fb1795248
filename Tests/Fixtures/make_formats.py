#!/usr/bin/env python3
"""Make golden cases of files that PEFT did not write: a tiny checkpoint, an adapter, and what the adapter's own library makes of them.

usage: make_formats.py OUT [NAME…]        all cases, or those named

Writes OUT/NAME/ with base/, adapter/, expected/ and case.json, as make_families.py does. Written with mlx-lm 0.32.2 (mlx 0.32.4 on a
CPU), lycoris-lora 4.1.3, diffusers 0.42.1, torchtune 0.6.1 (torchao 0.17.0) and tinker-cookbook 0.6.1, beside torch 2.13.0, transformers
5.23.0 and peft 0.21.2.
sd-scripts is in no package registry: its files are written by LyCORIS, whose network has the same names, shapes and mathematics.

Every library merges in float32, after loading from disk, and the result is rounded once to the base's dtype.
"""
import contextlib
import json
import logging
import os
import re
import shutil
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import diffusers
import lycoris.kohya
import mlx.core as mx
import mlx_lm.utils
import peft
import torch
import torchtune.models.gemma
import torchtune.models.llama3_1
import torchtune.models.qwen2
import transformers
from diffusers.loaders import FluxLoraLoaderMixin, StableDiffusionLoraLoaderMixin
from diffusers.loaders.lora_conversion_utils import _convert_non_diffusers_lora_to_diffusers, _maybe_map_sgm_blocks_to_diffusers
from diffusers.loaders.single_file_utils import convert_flux_transformer_checkpoint_to_diffusers, convert_sd3_transformer_checkpoint_to_diffusers
from importlib.metadata import version
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.tuner.utils import linear_to_lora_layers, load_adapters
from safetensors.torch import load_file, save_file
from torch import bfloat16, float32
from torchtune.models.convert_weights import hf_to_tune, tune_to_hf
from tinker_cookbook.weights._merge import apply_merge_op, detect_merge_profile, plan_merge_ops
from torchtune.modules.peft import get_adapter_state_dict, get_merged_lora_ckpt

# ------------------------------------------------------------------------------------------------------------------- common pieces


@torch.no_grad()
def move(parameters, step=0.1):
    """Add normal noise to each of the named parameters, so that none stays zero or one."""
    for _, parameter in parameters:
        parameter += torch.randn(parameter.shape) * step


def make_base(model, dtype, folder):
    """Saves a model with random weights, in two shards where they are in 16 bits."""
    move(model.named_parameters())
    model.to(dtype)
    size = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    model.save_pretrained(folder, max_shard_size=size * 6 // 10 if dtype == bfloat16 else "1GB")


def read(folder):
    return {name: tensor for path in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(path).items()}


def write_like(base, tensors, dtype, expected):
    """The merged tensors under the base's names, as one file; every other tensor stays."""
    expected.mkdir(parents=True)
    merged = {name: tensors.get(name, tensor).to(dtype).contiguous() for name, tensor in read(base).items()}
    assert not set(tensors) - set(merged), sorted(set(tensors) - set(merged))
    save_file(merged, expected / "merged.safetensors", metadata={"format": "pt"})


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable                # of the folder and the dtype
    oracle: str
    dtype: torch.dtype = float32


# --------------------------------------------------------------------------------------------------------------------------- mlx-lm


def llama(tied=False):
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=16, hidden_size=32, intermediate_size=40, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=64, tie_word_embeddings=tied))


def tied_llama():
    return llama(tied=True)


def qwen3_moe():
    return transformers.Qwen3MoeForCausalLM(transformers.Qwen3MoeConfig(
        vocab_size=16, hidden_size=16, intermediate_size=24, moe_intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
        head_dim=8, num_experts=3, num_experts_per_tok=2, max_position_embeddings=64))


def to_torch(array):
    return torch.from_numpy(__import__("numpy").array(array.astype(mx.float32)))


def mlx_load(folder):
    # transformers 5 writes these under other names.
    own = json.loads((folder / "config.json").read_text())
    model, _ = mlx_lm.utils.load_model(folder, model_config={"rope_theta": 10000.0, "num_experts": own.get("num_local_experts")})
    model.set_dtype(mx.float32)
    return model


def unstack(tensors):
    """mlx-lm's stacks of experts as the matrices that transformers keeps."""
    result = {}
    for name, tensor in tensors.items():
        if ".switch_mlp." in name:
            for expert, matrix in enumerate(tensor):
                result[name.replace(".switch_mlp.", f".experts.{expert}.")] = matrix
        else:
            result[name] = tensor
    return result


def mlx(base, *, dora=False, keys=None, rank=4, scale=3.0, alpha=None):
    """`alpha` is that of mlx-lm before June 2024, whose scale was scale · alpha / rank: today's mlx-lm is given the product."""
    def make(folder, dtype):
        make_base(base(), dtype, folder / "base")
        parameters = {"rank": rank, "scale": scale, "dropout": 0.0} | ({"keys": keys} if keys else {})
        model = mlx_load(folder / "base")
        model.freeze()
        linear_to_lora_layers(model, 1, parameters, use_dora=dora)
        trained = {name: array + 0.1 * mx.random.normal(array.shape) for name, array in tree_flatten(model.trainable_parameters())}
        adapter = folder / "adapter"
        adapter.mkdir()
        mx.save_safetensors(str(adapter / "adapters.safetensors"), trained)
        config = {"fine_tune_type": "dora" if dora else "lora", "num_layers": 1, "lora_parameters": parameters}
        written = json.dumps(config, indent=4)
        if alpha is not None:
            parameters["scale"] = scale * alpha / rank
            old = dict(num_layers=1, lora_layers=1, lora_parameters=parameters | {"scale": scale, "alpha": alpha})
            written = json.dumps(old, indent=4)
        (adapter / "adapter_config.json").write_text(json.dumps(config, indent=4))

        model = load_adapters(mlx_load(folder / "base"), str(adapter))
        model.update_modules(tree_unflatten([(name, module.fuse()) for name, module in model.named_modules() if hasattr(module, "fuse")]))
        write_like(folder / "base", unstack({n: to_torch(a) for n, a in tree_flatten(model.parameters())}), dtype, folder / "expected")
        (adapter / "adapter_config.json").write_text(written)
    return make


def mlx_full(base):
    """mlx-lm's full tuning saves whole parameters of the last layers."""
    def make(folder, dtype):
        make_base(base(), dtype, folder / "base")
        model = mlx_load(folder / "base")
        model.freeze()
        model.layers[-1].unfreeze()
        trained = {name: array + 0.1 * mx.random.normal(array.shape) for name, array in tree_flatten(model.trainable_parameters())}
        adapter = folder / "adapter"
        adapter.mkdir()
        mx.save_safetensors(str(adapter / "adapters.safetensors"), trained)
        (adapter / "adapter_config.json").write_text(json.dumps(
            {"fine_tune_type": "full", "num_layers": 1, "lora_parameters": {"rank": 8, "scale": 20.0, "dropout": 0.0}}, indent=4))
        model = load_adapters(mlx_load(folder / "base"), str(adapter))
        write_like(folder / "base", unstack({n: to_torch(a) for n, a in tree_flatten(model.parameters())}), dtype, folder / "expected")
    return make


# ------------------------------------------------------------------------------------------------------------------ kohya and LyCORIS


def unet(width=4):
    """Linear layers and convolutions of one tap and of nine, with biases and without."""
    return diffusers.UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(width,), down_block_types=("CrossAttnDownBlock2D",),
        up_block_types=("UpBlock2D",), mid_block_type=None, layers_per_block=1, norm_num_groups=2, cross_attention_dim=3,
        attention_head_dim=2)


def unet_wide():
    return unet(width=8)


def unet_levels():
    """Two levels, of which the second and the middle have attention, as SDXL's last have."""
    return diffusers.UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(4, 4), down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), layers_per_block=1, norm_num_groups=2, cross_attention_dim=3, attention_head_dim=4)


def authors_name(name):
    """A module's name in the UNet of Stable Diffusion's authors, for one layer a block, as sd-scripts has it for SDXL."""
    for ours, theirs in (("conv_in", "input_blocks.0.0"), ("conv_out", "out.2"), ("time_embedding.linear_1", "time_embed.0"), ("time_embedding.linear_2", "time_embed.2")):
        if name == ours:
            return theirs
    for ours, theirs in (("conv1", "in_layers.2"), ("time_emb_proj", "emb_layers.1"), ("conv2", "out_layers.3"), ("conv_shortcut", "skip_connection")):
        name = re.sub(rf"(resnets\.\d+)\.{ours}$", rf"\1.{theirs}", name)
    name = re.sub(r"^down_blocks\.(\d+)\.downsamplers\.0\.conv$", lambda m: f"input_blocks.{2 * int(m[1]) + 2}.0.op", name)
    name = re.sub(r"^up_blocks\.(\d+)\.upsamplers\.0\.conv$", lambda m: f"output_blocks.{2 * int(m[1]) + 1}.2.conv", name)
    for ours, theirs, first in (("down_blocks", "input_blocks", 1), ("up_blocks", "output_blocks", 0)):
        for place, part in enumerate(("resnets", "attentions")):
            name = re.sub(rf"^{ours}\.(\d+)\.{part}\.(\d+)\.", lambda m: f"{theirs}.{2 * int(m[1]) + int(m[2]) + first}.{place}.", name)
    for ours, theirs in (("resnets.0", "0"), ("attentions.0", "1"), ("resnets.1", "2")):
        name = name.replace(f"mid_block.{ours}.", f"middle_block.{theirs}.")
    return name


def clip():
    return transformers.CLIPTextModel(transformers.CLIPTextConfig(
        vocab_size=16, hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=8,
        projection_dim=8, bos_token_id=0, eos_token_id=1))


def make_text_base(encoder, dtype, folder):
    """Under the names that transformers 4 wrote and that most checkpoints have."""
    make_base(encoder, dtype, folder)
    for path in folder.glob("*.safetensors"):
        save_file({"text_model." + name: tensor for name, tensor in load_file(path).items()}, path, metadata={"format": "pt"})
    assert not (folder / "model.safetensors.index.json").exists()


def effective(module):
    """What a module of LyCORIS makes of its weight and bias when the model runs, which its merge should give.

    LoHa's and LoKr's merge of LyCORIS 4.1.3 multiplies by alpha/rank twice, unlike their forward; the rebuilt weight of the latter counts.
    """
    shape = module.org_module[0].weight.shape
    if isinstance(module, (lycoris.kohya.LohaModule, lycoris.kohya.LokrModule)):
        weight = module.org_weight + module.get_weight(shape)
        return (module.apply_weight_decompose(weight) if module.wd else weight), None
    return module.get_merged_weight(1, shape)


def check(module, weight, bias):
    """The weight is what the module computes with."""
    layer = module.org_module[0]
    if module.module_type in ("layernorm", "groupnorm"):
        return
    shape = (2, layer.weight.shape[1]) if weight.dim() == 2 else (2, layer.weight.shape[1], 8, 8)
    x = torch.randn(shape)
    own = module.op(x, weight, layer.bias if bias is None else bias, **module.kw_dict)
    assert torch.allclose(module(x), own, atol=1e-4), module.lora_name


# Named a second time by their class; LyCORIS refuses its own names then.
for name in ("time_embedding.linear_1", "time_embedding.linear_2"):
    for preset in lycoris.kohya.PRESET.values():
        if name in preset.get("unet_target_name", []):
            preset["unet_target_name"].remove(name)


def kohya(algo, base=unet, *, dim=2, alpha=3.0, text=False, drop_alpha=(), authors=False, **switches):
    """A network of LyCORIS for sd-scripts; `drop_alpha` are parts of names of modules that lose their alpha, as old files lack it."""
    def make(folder, dtype):
        model = base()
        make_base(model, dtype, folder / "base" / "unet")
        encoder = None
        if text:
            encoder = clip()
            make_text_base(encoder, dtype, folder / "base" / "text_encoder")
        model.float()
        network = lycoris.kohya.create_network(1.0, dim, alpha, None, encoder and encoder.float(), model, algo=algo, conv_dim=dim, conv_alpha=alpha, **switches)
        move([item for item in network.named_parameters() if item[1].requires_grad], 0.2)
        for module in network.loras:
            move([item for item in module.named_parameters() if item[1].requires_grad], 0.2)
        adapter = folder / "adapter"
        adapter.mkdir()
        state = {f"{module.lora_name}.{leaf}": tensor.detach().clone() for module in network.loras for leaf, tensor in state_of(module).items()}
        for module in network.loras:
            if any(part in module.lora_name for part in drop_alpha):
                del state[module.lora_name + ".alpha"]
                module.scale = 1.0
        names = {name: name.replace("lora_te_encoder", "lora_te_text_model_encoder") for name in state}   # as with transformers 4
        if authors:
            modules = {"lora_unet_" + name.replace(".", "_"): name for name, _ in model.named_modules()}
            names = {name: "lora_unet_" + authors_name(modules[name.split(".")[0]]).replace(".", "_") + name[name.index("."):] for name in state}
            # diffusers reads these names as the ones that they were made of.
            known, _ = _convert_non_diffusers_lora_to_diffusers(_maybe_map_sgm_blocks_to_diffusers({names[n]: t for n, t in state.items()}, model.config))
            paths = {name.removeprefix("unet.").split(".lora.")[0].split(".lora_linear_layer.")[0].replace(".processor", "") for name in known}
            paths = {re.sub(r"to_(q|k|v)_lora.*", r"to_\1", path).replace("to_out_lora", "to_out.0") for path in paths}
            paths = {re.sub(r"\.(down|up)\.weight$", "", path) for path in paths}
            assert paths == {modules[name.split(".")[0]] for name in state}, paths ^ {modules[name.split(".")[0]] for name in state}
        save_file({names[name]: tensor.contiguous() for name, tensor in state.items()}, adapter / "style.safetensors")

        merged = {}
        with torch.no_grad():
            for module in network.loras:
                weight, bias = effective(module)
                check(module, weight, bias)
                name = next(n for m in (model, encoder) if m is not None for n, other in m.named_modules() if other is module.org_module[0])
                part = "text_encoder" if module.lora_name.startswith("lora_te") else "unet"
                name = "text_model." + name if part == "text_encoder" else name
                merged.setdefault(part, {})[name + ".weight"] = weight
                if bias is not None:
                    merged[part][name + ".bias"] = bias
        for part, tensors in merged.items():
            write_like(folder / "base" / part, tensors, dtype, folder / "expected" / part)
    return make


def state_of(module):
    """As the network saves it. A whole difference is one only after it was applied to its layer."""
    if isinstance(module, lycoris.kohya.FullModule):
        return {"diff": module.weight} | ({} if module.bias is None else {"diff_b": module.bias})
    return module.state_dict()


# -------------------------------------------------------------------------------------------------------------------------- diffusers

UNET_TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "conv1", "conv_shortcut", "ff.net.0.proj"]
TEXT_TARGETS = ["q_proj", "k_proj", "v_proj", "out_proj"]


def adapted(model, config):
    model.add_adapter(config)
    move([item for item in model.named_parameters() if "lora_" in item[0]])
    return peft.get_peft_model_state_dict(model)


def spell(state, age):
    """The names that diffusers gave before PEFT's."""
    spellings = {"lora": (".lora.down.weight", ".lora.up.weight"), "layer": (".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight")}
    if age == "processor":
        projections = {".to_q": "to_q_lora", ".to_k": "to_k_lora", ".to_v": "to_v_lora", ".to_out.0": "to_out_lora"}
        result = {}
        for name, tensor in state.items():
            for end, own in (("lora_A.weight", "down.weight"), ("lora_B.weight", "up.weight")):
                for projection, processor in projections.items():
                    if name.endswith(f"{projection}.{end}"):
                        result[name.removesuffix(f"{projection}.{end}") + f".processor.{processor}.{own}"] = tensor
        return result
    down, up = spellings[age]
    return {name.replace(".lora_A.weight", down).replace(".lora_B.weight", up): tensor for name, tensor in state.items()}


def pipeline(config=None, text_config=None, *, metadata=True, age=None, text_age=None):
    def make(folder, dtype):
        model = unet()
        make_base(model, dtype, folder / "base" / "unet")
        adapter = folder / "adapter"
        own = config or peft.LoraConfig(r=2, lora_alpha=4, target_modules=UNET_TARGETS)
        arguments = {"unet_lora_layers": adapted(model.float(), own)}
        if age:
            arguments["unet_lora_layers"] = spell(arguments["unet_lora_layers"], age)
        if metadata:
            arguments["unet_lora_adapter_metadata"] = metadata_of(model)
        if text_config:
            encoder = clip()
            make_text_base(encoder, dtype, folder / "base" / "text_encoder")
            arguments["text_encoder_lora_layers"] = adapted(encoder.float(), text_config)
            if text_age:
                arguments["text_encoder_lora_layers"] = {
                    "text_model." + name: tensor for name, tensor in spell(arguments["text_encoder_lora_layers"], text_age).items()}
            if metadata:
                arguments["text_encoder_lora_adapter_metadata"] = metadata_of(encoder)
        StableDiffusionLoraLoaderMixin.save_lora_weights(adapter, **arguments)

        state, _, found = StableDiffusionLoraLoaderMixin.lora_state_dict(adapter, return_lora_metadata=True)
        model = diffusers.UNet2DConditionModel.from_pretrained(folder / "base" / "unet", torch_dtype=float32)
        StableDiffusionLoraLoaderMixin.load_lora_into_unet(state, None, model, metadata=found)
        fuse(model, folder / "base" / "unet", dtype, folder / "expected" / "unet")
        if text_config:
            encoder = transformers.CLIPTextModel.from_pretrained(folder / "base" / "text_encoder", dtype=float32)
            state = {name.replace("text_encoder.text_model.", "text_encoder."): tensor for name, tensor in state.items()}   # transformers 5
            StableDiffusionLoraLoaderMixin.load_lora_into_text_encoder(state, None, encoder, prefix="text_encoder", metadata=found)
            for module in encoder.modules():
                if isinstance(module, peft.tuners.tuners_utils.BaseTunerLayer):
                    module.merge()
            merged = {"text_model." + name: tensor for name, tensor in plain(encoder.state_dict()).items()}
            write_like(folder / "base" / "text_encoder", merged, dtype, folder / "expected" / "text_encoder")
    return make


def metadata_of(model):
    return diffusers.training_utils._collate_lora_metadata({"unet": model})["unet_lora_adapter_metadata"]


def plain(state):
    """Names without PEFT's wrappers, and without what it brought."""
    return {name.replace(".base_layer", ""): tensor.float() for name, tensor in state.items() if ".lora_" not in name}


def fuse(model, base, dtype, expected):
    model.fuse_lora()
    write_like(base, plain(model.state_dict()), dtype, expected)


def flux():
    return diffusers.FluxTransformer2DModel(
        patch_size=1, in_channels=4, num_layers=1, num_single_layers=1, attention_head_dim=4, num_attention_heads=2, joint_attention_dim=6,
        pooled_projection_dim=5, guidance_embeds=True, axes_dims_rope=(0, 2, 2))


def transformer(config):
    def make(folder, dtype):
        model = flux()
        make_base(model, dtype, folder / "base" / "transformer")
        state = adapted(model.float(), config)
        FluxLoraLoaderMixin.save_lora_weights(
            folder / "adapter", transformer_lora_layers=state, transformer_lora_adapter_metadata=metadata_of(model))
        state, alphas, found = FluxLoraLoaderMixin.lora_state_dict(folder / "adapter", return_alphas=True, return_lora_metadata=True)
        model = diffusers.FluxTransformer2DModel.from_pretrained(folder / "base" / "transformer", torch_dtype=float32)
        FluxLoraLoaderMixin.load_lora_into_transformer(state, alphas, model, metadata=found)
        fuse(model, folder / "base" / "transformer", dtype, folder / "expected" / "transformer")
    return make


# ------------------------------------------------------------------------------------------- Flux and SD3 by their authors' own names


def flux_layers(d=8):
    """Linear layers (out, in) of a checkpoint of Black Forest Labs, and its norms."""
    layers = {"img_in": (d, 4), "txt_in": (d, 6), "final_layer.linear": (4, d), "final_layer.adaLN_modulation.1": (2 * d, d)}
    for name, width in (("time_in", 256), ("guidance_in", 256), ("vector_in", 5)):
        layers |= {f"{name}.in_layer": (d, width), f"{name}.out_layer": (d, d)}
    for side in ("img", "txt"):
        block = f"double_blocks.0.{side}_"
        layers |= {block + "mod.lin": (6 * d, d), block + "attn.qkv": (3 * d, d), block + "attn.proj": (d, d), block + "mlp.0": (4 * d, d), block + "mlp.2": (d, 4 * d)}
    layers |= {"single_blocks.0.linear1": (7 * d, d), "single_blocks.0.linear2": (d, 5 * d), "single_blocks.0.modulation.lin": (3 * d, d)}
    norms = [f"double_blocks.0.{side}_attn.norm.{which}_norm.scale" for side in ("img", "txt") for which in ("query", "key")]
    norms += [f"single_blocks.0.norm.{which}_norm.scale" for which in ("query", "key")]
    return layers, {name: torch.randn(d // 2) for name in norms}


def sd3_layers(d=8):
    """The same of Stability AI. The first block has two attentions, the last gives no context out."""
    layers = {"context_embedder": (d, 6), "final_layer.linear": (16, d), "final_layer.adaLN_modulation.1": (2 * d, d)}
    for name, width in (("t_embedder", 256), ("y_embedder", 5)):
        layers |= {f"{name}.mlp.0": (d, width), f"{name}.mlp.2": (d, d)}
    norms = {"pos_embed": torch.randn(1, 16, d), "x_embedder.proj.weight": torch.randn(d, 4, 2, 2), "x_embedder.proj.bias": torch.randn(d)}
    for number in (0, 1):
        for side in ("x_block", "context_block"):
            block = f"joint_blocks.{number}.{side}."
            is_end = number == 1 and side == "context_block"
            layers |= {block + "attn.qkv": (3 * d, d), block + "adaLN_modulation.1": ((2 if is_end else 9 if (number, side) == (0, "x_block") else 6) * d, d)}
            norms |= {f"{block}attn.ln_{which}.weight": torch.randn(d // 2) for which in "qk"}
            if not is_end:
                layers |= {block + "attn.proj": (d, d), block + "mlp.fc1": (4 * d, d), block + "mlp.fc2": (d, 4 * d)}
    block = "joint_blocks.0.x_block.attn2."
    layers |= {block + "qkv": (3 * d, d), block + "proj": (d, d)}
    return layers, norms | {f"{block}ln_{which}.weight": torch.randn(d // 2) for which in "qk"}


def sd3():
    return diffusers.SD3Transformer2DModel(
        sample_size=4, patch_size=2, in_channels=4, num_layers=2, attention_head_dim=4, num_attention_heads=2, joint_attention_dim=6,
        caption_projection_dim=8, pooled_projection_dim=5, out_channels=4, pos_embed_max_size=4, dual_attention_layers=(0,), qk_norm="rms_norm")


def narrowed(function):
    """diffusers' conversion of a Flux checkpoint has the width of the real one, 3072, written in it: the same code with a width of 8."""
    code = function.__code__
    return type(function)(code.replace(co_consts=tuple(8 if value == 3072 else value for value in code.co_consts)), function.__globals__)


CONVERSIONS = {flux: narrowed(convert_flux_transformer_checkpoint_to_diffusers), sd3: convert_sd3_transformer_checkpoint_to_diffusers}


def original(model_of, layers_of, module_of=lycoris.kohya.LoConModule, *, keeps_names=False, leaves_out=(), **switches):
    """An adapter under the authors' names; the base has diffusers', or theirs. Merged under theirs, then converted by diffusers."""
    def make(folder, dtype):
        layers, others = layers_of()
        checkpoint = {name: tensor.to(dtype).float() for name, tensor in others.items()}
        for name, shape in layers.items():
            checkpoint |= {name + ".weight": (torch.randn(shape) * 0.1).to(dtype).float(), name + ".bias": (torch.randn(shape[0]) * 0.1).to(dtype).float()}
        merged, state = dict(checkpoint), {}
        for name, shape in layers.items():
            if any(part in name for part in leaves_out):
                continue
            layer = torch.nn.Linear(shape[1], shape[0])
            layer.weight.data, layer.bias.data = checkpoint[name + ".weight"].clone(), checkpoint[name + ".bias"].clone()
            module = module_of("lora_unet_" + name.replace(".", "_"), layer, 1.0, 2, 3.0, **switches)
            move([item for item in module.named_parameters() if item[1].requires_grad], 0.2)
            state |= {f"{module.lora_name}.{leaf}": tensor.detach().clone() for leaf, tensor in module.state_dict().items()}
            with torch.no_grad():
                merged[name + ".weight"] = effective(module)[0]
        (folder / "adapter").mkdir()
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / "adapter" / "style.safetensors")

        base = folder / "base" / "transformer"
        if keeps_names:
            base.mkdir(parents=True)
            save_file({name: tensor.to(dtype).contiguous() for name, tensor in checkpoint.items()}, base / "flux.safetensors")
        else:
            model = model_of()
            model.load_state_dict(CONVERSIONS[model_of](checkpoint))
            model.to(dtype).save_pretrained(base)
            merged = CONVERSIONS[model_of](merged)
        write_like(base, merged, dtype, folder / "expected" / "transformer")
    return make


# -------------------------------------------------------------------------------------------------------------------------- torchtune

TUNE = ["q_proj", "k_proj", "v_proj", "output_proj"]


def llama_two():
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=16, hidden_size=32, intermediate_size=40, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=64))


def torchtune_case(*, dora=False, modules=TUNE, mlp=True, rank=4, alpha=6):
    """The files as torchtune's recipes save them: the adapter's own state, and the config beside it."""
    def make(folder, dtype):
        make_base(llama_two(), dtype, folder / "base")
        heads = dict(num_heads=4, num_kv_heads=2, dim=32)
        model = torchtune.models.llama3_1.lora_llama3_1(
            list(modules), apply_lora_to_mlp=mlp, apply_lora_to_output=True, vocab_size=16, num_layers=1, num_heads=4, num_kv_heads=2, embed_dim=32,
            max_seq_len=64, intermediate_dim=40, lora_rank=rank, lora_alpha=alpha, use_dora=dora)
        missing = model.load_state_dict({n: t.float() for n, t in hf_to_tune(read(folder / "base"), **heads).items()}, strict=False)
        assert not missing.unexpected_keys
        if dora:
            for module in model.modules():
                if hasattr(module, "initialize_dora_magnitude"):
                    module.initialize_dora_magnitude()
        state = model.state_dict()
        for name in get_adapter_state_dict(state):
            state[name] += torch.randn(state[name].shape) * 0.1
        adapter = folder / "adapter"
        adapter.mkdir()
        save_file(get_adapter_state_dict(state), adapter / "adapter_model.safetensors", metadata={"format": "pt"})
        names = torchtune.modules.peft.get_lora_module_names(list(modules), mlp, True)
        config = torchtune.models.convert_weights.tune_to_peft_adapter_config(
            {"r": rank, "lora_alpha": alpha, "target_modules": names, "peft_type": "LORA"} | ({"use_dora": True} if dora else {}))
        (adapter / "adapter_config.json").write_text(json.dumps(config))
        merged = tune_to_hf(get_merged_lora_ckpt(state, rank, alpha), **heads)
        write_like(folder / "base", merged, dtype, folder / "expected")
    return make


# ----------------------------------------------------------------------------------------------------------------------------- Tinker


def qwen35_moe(folder, dtype):
    """Names and shapes of a multimodal Qwen 3.5 with stacked experts; the config says no more than its kind."""
    layer = "model.language_model.layers.0."
    shapes = {
        "model.language_model.embed_tokens.weight": (16, 12), layer + "linear_attn.in_proj_qkv.weight": (20, 12), layer + "mlp.experts.gate_up_proj": (3, 16, 12),
        layer + "mlp.experts.down_proj": (3, 12, 8), layer + "mlp.gate.weight": (3, 12), "lm_head.weight": (16, 12)}
    folder.mkdir(parents=True)
    save_file({name: (torch.randn(shape) * 0.1).to(dtype) for name, shape in shapes.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen3_5_moe", "architectures": ["Qwen3_5MoeForConditionalGeneration"]}))


def qwen3_moe_base(folder, dtype):
    make_base(qwen3_moe(), dtype, folder)


def tinker(base, pairs, rank=2, alpha=5):
    """`pairs` are the shapes of A and B by module."""
    def make(folder, dtype):
        base(folder / "base", dtype)
        weights = {}
        for module, shapes in pairs.items():
            for side, shape in zip("AB", shapes):
                weights[f"base_model.model.{module}.lora_{side}.weight"] = torch.randn(shape) * 0.3
        adapter = folder / "adapter"
        adapter.mkdir()
        config = {"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "target_modules": "all-linear"}
        save_file(weights, adapter / "adapter_model.safetensors", metadata={"format": "pt"})
        (adapter / "adapter_config.json").write_text(json.dumps(config))
        merged = {name: tensor.float() for name, tensor in read(folder / "base").items()}
        profile = detect_merge_profile(json.loads((folder / "base" / "config.json").read_text()), set(merged))
        for operations in plan_merge_ops(weights, config, set(merged), profile).values():
            for operation in operations:
                apply_merge_op(merged, operation)
        write_like(folder / "base", merged, dtype, folder / "expected")
    return make


# ---------------------------------------------------------------------------------------------------------------------------- Unsloth

EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]


def unsloth(folder, dtype):
    """PEFT's adapter of stacked experts, with the columns of B expert by expert instead of rank by rank: Unsloth's order, as its config says."""
    make_base(qwen3_moe(), dtype, folder / "base")
    config = peft.LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj"], target_parameters=EXPERTS)
    adapted_model = peft.get_peft_model(transformers.Qwen3MoeForCausalLM.from_pretrained(folder / "base", dtype=float32), config)
    move([item for item in adapted_model.named_parameters() if item[1].requires_grad])
    adapter = folder / "adapter"
    adapted_model.save_pretrained(adapter)
    (adapter / "README.md").unlink()
    merged = peft.PeftModel.from_pretrained(
        transformers.Qwen3MoeForCausalLM.from_pretrained(folder / "base", dtype=float32), adapter).merge_and_unload()
    merged.save_pretrained(folder / "merged")
    write_like(folder / "base", read(folder / "merged"), dtype, folder / "expected")
    shutil.rmtree(folder / "merged")
    tensors = load_file(adapter / "adapter_model.safetensors")
    for name, tensor in tensors.items():
        if ".experts." in name and "lora_B" in name:     # rank by rank (k, e) to expert by expert (e, k)
            tensors[name] = tensor.reshape(-1, 2, 3).transpose(1, 2).reshape(-1, 6).contiguous()
    save_file(tensors, adapter / "adapter_model.safetensors", metadata={"format": "pt"})
    written = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(written | {"lora_B_layout": "grouped_by_expert", "base_model_name_or_path": None}, indent=2))


# -------------------------------------------------------------------------------------------------------------------------- the table

MLX = f"mlx-lm {version('mlx-lm')} fuse, mlx {version('mlx')} (CPU)"
LYCORIS = f"lycoris-lora {version('lycoris-lora')}, torch {torch.__version__}"
CONVERTED = f"{LYCORIS}; converted by diffusers {diffusers.__version__}"
DIFFUSERS = f"diffusers {diffusers.__version__} fuse_lora, peft {peft.__version__}, torch {torch.__version__}"
TORCHTUNE = f"torchtune {version('torchtune')} get_merged_lora_ckpt and tune_to_hf, torch {torch.__version__}"

TINKER = f"tinker-cookbook {version('tinker-cookbook')} plan_merge_ops and apply_merge_op, torch {torch.__version__}"

CASES = [
    Case("mlx-linear", mlx(llama), MLX, bfloat16),
    Case("mlx-linear-f32", mlx(llama, keys=["self_attn.q_proj", "mlp.down_proj"]), MLX),
    Case("mlx-embedding", mlx(tied_llama, keys=["model.embed_tokens", "self_attn.v_proj"]), MLX, bfloat16),
    Case("mlx-dora", mlx(tied_llama, dora=True, keys=["model.embed_tokens", "self_attn.k_proj", "mlp.up_proj"]), MLX),
    Case("mlx-experts", mlx(qwen3_moe), MLX, bfloat16),
    Case("mlx-alpha", mlx(llama, rank=4, scale=0.5, alpha=10.0), MLX + ", given scale · alpha / rank", bfloat16),
    Case("mlx-full", mlx_full(qwen3_moe), MLX, bfloat16),

    Case("kohya-locon", kohya("locon", drop_alpha=["proj_in", "attn1_to_k"]), LYCORIS, bfloat16),
    Case("kohya-sdxl", kohya("lora", base=unet_levels, authors=True), LYCORIS, bfloat16),
    Case("kohya-text", kohya("lora", text=True), LYCORIS),
    Case("lycoris-tucker", kohya("locon", use_tucker=True), LYCORIS),
    Case("lycoris-dora", kohya("locon", dora_wd=True), LYCORIS),
    Case("lycoris-dora-input", kohya("locon", dora_wd=True, wd_on_output=False), LYCORIS),
    Case("lycoris-loha", kohya("loha"), LYCORIS),
    Case("lycoris-loha-tucker", kohya("loha", use_tucker=True, dora_wd=True), LYCORIS),
    Case("lycoris-lokr", kohya("lokr", dim=1, factor=2), LYCORIS),
    Case("lycoris-lokr-both", kohya("lokr", base=unet_wide, dim=1, factor=4, decompose_both=True), LYCORIS),
    Case("lycoris-lokr-tucker", kohya("lokr", dim=1, factor=2, use_tucker=True, dora_wd=True, wd_on_output=False), LYCORIS),
    Case("lycoris-lokr-full", kohya("lokr", dim=100, alpha=7.0, full_matrix=True, factor=2), LYCORIS),
    Case("lycoris-full", kohya("full", train_norm=True), LYCORIS, bfloat16),
    Case("lycoris-oft", kohya("diag-oft", dim=2), LYCORIS),
    Case("lycoris-oft-constraint", kohya("diag-oft", dim=2, constraint=0.05, rescaled=True), LYCORIS),
    Case("lycoris-boft", kohya("boft", base=unet_wide, dim=2, rescaled=True), LYCORIS),
    Case("lycoris-boft-constraint", kohya("boft", dim=4, constraint=0.05), LYCORIS),
    Case("lycoris-ia3", kohya("ia3"), LYCORIS),
    Case("lycoris-glora", kohya("glora"), LYCORIS),

    Case("kohya-flux", original(flux, flux_layers), CONVERTED, bfloat16),
    Case("kohya-flux-original", original(flux, flux_layers, keeps_names=True), LYCORIS, bfloat16),
    Case("kohya-sd3", original(sd3, sd3_layers), CONVERTED, bfloat16),
    Case("lycoris-flux-lokr", original(
        flux, flux_layers, lycoris.kohya.LokrModule, factor=2, weight_decompose=True, leaves_out=["final_layer.adaLN"]), CONVERTED, bfloat16),

    Case("diffusers-unet", pipeline(peft.LoraConfig(
        r=2, lora_alpha=4, target_modules=UNET_TARGETS, rank_pattern={"conv1": 3}, alpha_pattern={"to_q": 5})), DIFFUSERS, bfloat16),
    Case("diffusers-pipeline", pipeline(text_config=peft.LoraConfig(r=3, lora_alpha=2, target_modules=TEXT_TARGETS)), DIFFUSERS),
    Case("diffusers-dora", pipeline(peft.LoraConfig(r=2, lora_alpha=4, target_modules=["to_q", "to_k", "conv1"], use_dora=True)), DIFFUSERS),
    Case("diffusers-bare", pipeline(metadata=False), DIFFUSERS),
    Case("diffusers-lora-names", pipeline(metadata=False, age="lora"), DIFFUSERS),
    Case("diffusers-layer-names", pipeline(
        text_config=peft.LoraConfig(r=3, target_modules=TEXT_TARGETS), metadata=False, age="lora", text_age="layer"), DIFFUSERS),
    Case("diffusers-processor-names", pipeline(
        peft.LoraConfig(r=2, target_modules=["to_q", "to_k", "to_v", "to_out.0"]), metadata=False, age="processor"), DIFFUSERS),
    Case("diffusers-transformer", transformer(peft.LoraConfig(
        r=2, lora_alpha=4, target_modules=["to_q", "add_k_proj", "to_out.0", "proj_mlp", "x_embedder"])), DIFFUSERS, bfloat16),

    Case("torchtune-lora", torchtune_case(), TORCHTUNE),
    Case("torchtune-dora", torchtune_case(dora=True), TORCHTUNE),

    Case("unsloth-experts", unsloth, f"peft {peft.__version__} merge_and_unload of the same adapter in PEFT's order", bfloat16),

    Case("tinker-experts", tinker(qwen3_moe_base, {
        "model.layers.0.self_attn.q_proj": ((2, 16), (16, 2)), "model.unembed_tokens": ((2, 16), (16, 2)),
        "model.layers.0.mlp.experts.w1": ((1, 2, 16), (3, 8, 2)), "model.layers.0.mlp.experts.w2": ((3, 2, 8), (1, 16, 2)),
        "model.layers.0.mlp.experts.w3": ((3, 2, 16), (3, 8, 2))}), TINKER, bfloat16),
    Case("tinker-stacked", tinker(qwen35_moe, {
        **{f"model.layers.0.linear_attn.in_proj_{part}": ((2, 12), (rows, 2)) for part, rows in (("q", 6), ("k", 4), ("v", 10))},
        "model.unembed_tokens": ((2, 12), (16, 2)), "model.layers.0.mlp.experts.w1": ((1, 2, 12), (3, 8, 2)),
        "model.layers.0.mlp.experts.w2": ((3, 2, 8), (1, 12, 2)), "model.layers.0.mlp.experts.w3": ((3, 2, 12), (3, 8, 2))}), TINKER),
]

# ------------------------------------------------------------------------------------------------------------------------- the making


def make(case, folder):
    seed = zlib.crc32(case.name.encode())
    torch.manual_seed(seed)
    mx.random.seed(seed)
    folder.mkdir(parents=True)
    case.make(folder, case.dtype)
    (folder / "case.json").write_text(json.dumps({
        "name": case.name, "dtype": str(case.dtype).removeprefix("torch."), "adapters": ["adapter"],
        "merged_in": "the base's dtype" if case.dtype == float32 else "float32, rounded once", "oracle": case.oracle}, indent=1))


def main():
    out, wanted = Path(sys.argv[1]), sys.argv[2:]
    unknown = set(wanted) - {case.name for case in CASES}
    if unknown:
        sys.exit(f"no such case: {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    for case in CASES:
        if wanted and case.name not in wanted:
            continue
        folder = out / case.name
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.redirect_stdout(sys.stderr):
            make(case, folder)
        print(case.name)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if os.environ.get("PYTHONHASHSEED") != "0":   # PEFT writes sets into the config; a fixed seed fixes their order
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    main()
