#!/usr/bin/env python3
"""Make golden cases: a tiny checkpoint, an adapter, and the checkpoint that PEFT's own merge gives.

usage: make_families.py OUT [NAME…]        all cases, or those named

Writes OUT/NAME/ with base/, adapter/, expected/ and case.json. One table below says what each case is: a base model, a PEFT
config and how far the trainable values move from where PEFT starts them. The merge is done in float32 after loading both from
disk, and rounded once to the base's dtype. The same versions give the same bytes on the same machine.
"""
import contextlib
import json
import os
import shutil
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import peft
import torch
import transformers
from torch import bfloat16, float32

# ---------------------------------------------------------------------------------------------------------------- base models


def llama(layers=2, intermediate=40, biased=False):
    """Linear layers of 32×32, 16×32, 32×intermediate and intermediate×32."""
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=16, hidden_size=32, intermediate_size=intermediate, num_hidden_layers=layers, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=64, attention_bias=biased, mlp_bias=biased))


def llama_short():
    """One layer, for families in which layers know nothing of each other."""
    return llama(layers=1)


def llama_wide():
    return llama(layers=1, intermediate=88)


def llama_biased():
    """Every linear layer has a bias."""
    return llama(layers=1, biased=True)


def gpt2():
    """Linear layers stored transposed (transformers' Conv1D), all with biases."""
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=16, n_positions=16, n_embd=32, n_inner=40, n_layer=1, n_head=4))


def resnet():
    """Square and 1×1 two-dimensional convolutions without biases."""
    return transformers.ResNetForImageClassification(transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], layer_type="basic", num_labels=3))


def convnext():
    """Two-dimensional convolutions with biases, some of them depthwise."""
    return transformers.ConvNextForImageClassification(transformers.ConvNextConfig(
        patch_size=2, num_stages=2, hidden_sizes=[8, 12], depths=[1, 1], num_labels=3, image_size=16))


def whisper():
    """One-dimensional convolutions."""
    return transformers.WhisperModel(transformers.WhisperConfig(
        vocab_size=60, num_mel_bins=8, d_model=12, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=16, decoder_ffn_dim=16, max_source_positions=8, max_target_positions=8, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=1, suppress_tokens=None, begin_suppress_tokens=None))


def siglip():
    """Its pooling head is a torch.nn.MultiheadAttention."""
    return transformers.SiglipVisionModel(transformers.SiglipVisionConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, image_size=8, patch_size=4))


def gpt_oss():
    """Experts as (expert, in, out); hidden size and intermediate size are equal, so down_proj is square."""
    return transformers.GptOssForCausalLM(transformers.GptOssConfig(
        vocab_size=16, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, head_dim=8,
        num_local_experts=3, num_experts_per_tok=2, max_position_embeddings=64, layer_types=["full_attention"]))


def qwen3_moe():
    """Experts as (expert, out, in) in memory and one by one on disk; gate_up_proj is square."""
    return transformers.Qwen3MoeForCausalLM(transformers.Qwen3MoeConfig(
        vocab_size=16, hidden_size=16, intermediate_size=24, moe_intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
        head_dim=8, num_experts=3, num_experts_per_tok=2, max_position_embeddings=64))


# -------------------------------------------------------------------------------------------------------------------- the table

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
MLP = ["gate_proj", "up_proj", "down_proj"]
LINEAR = ATTENTION + MLP
SOME = ["q_proj", "v_proj", "down_proj"]          # one square, two wide; gate_proj and up_proj are tall
GPT2 = ["c_attn", "c_proj", "c_fc"]
RESNET = r".*(layer\.[01]|shortcut)\.convolution"
EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]


def change_nothing(model):
    pass


def prune(model):
    """What AdaLoRA does when its budget is spent: masks over the ranks of each module, and the config remembers them."""
    masks = [[True, False, True, True], [False, True, False, False], [True, True, True, True]]
    names = [name.removeprefix("base_model.model.") for name, _ in model.named_parameters() if "lora_E" in name]
    config = model.peft_config["default"]
    config.rank_pattern = {name: masks[number % len(masks)] for number, name in enumerate(names)}


def unshare(model):
    """Replicated layers share their weights, and a merge would add every copy's update to one tensor: give each copy its own."""
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            setattr(module, name, torch.nn.Parameter(parameter.detach().clone(), requires_grad=parameter.requires_grad))


class Pooled(peft.tuners.lora.variants.QALoraLinearVariant):
    """PEFT has QA-LoRA for GPTQ's layers alone and does not merge it. What it adds to a layer's output is linear in the input, so
    its own forward pass on the unit vectors is the update of a plain layer."""

    @staticmethod
    def merge_unsafe(module, active_adapter, weight):
        ones = torch.eye(module.in_features)
        weight.data += Pooled.forward(module, active_adapter, ones, torch.zeros(module.in_features, module.out_features)).T


def resolve_variant(layer, *, config, **arguments):
    return Pooled() if config.use_qalora else RESOLVE_VARIANT(layer, config=config, **arguments)


RESOLVE_VARIANT = peft.tuners.lora.layer.Linear.resolve_lora_variant
peft.tuners.lora.layer.Linear.resolve_lora_variant = resolve_variant


@dataclass(frozen=True)
class Case:
    name: str
    base: Callable[[], transformers.PreTrainedModel]
    config: peft.PeftConfig
    step: float | dict[str, float] = 0.1          # how far trainable values move: a deviation, or one for each part of a name ("" for others)
    dtype: torch.dtype = float32
    before_saving: Callable = change_nothing      # of the model with the adapter
    before_merging: Callable = change_nothing     # of the model with the adapter, after loading


CASES = [
    Case("adalora-linear", llama_wide, peft.AdaLoraConfig(init_r=6, target_r=3, lora_alpha=16, total_step=100, target_modules=LINEAR), 0.18, bfloat16),
    Case("adalora-pruned", llama_short, peft.AdaLoraConfig(init_r=4, target_r=2, lora_alpha=8, total_step=100, target_modules=SOME), 0.22, before_saving=prune),
    Case("adalora-no-alpha", llama_short, peft.AdaLoraConfig(init_r=4, target_r=2, lora_alpha=0, total_step=100, target_modules=SOME), 0.25, before_saving=prune),
    Case("adalora-gpt2", gpt2, peft.AdaLoraConfig(init_r=4, target_r=2, lora_alpha=8, total_step=100, target_modules=GPT2, fan_in_fan_out=True), 0.22),
    Case("adalora-conv2d", resnet, peft.AdaLoraConfig(init_r=4, target_r=2, lora_alpha=8, total_step=100, target_modules=RESNET), 0.25),

    Case("loha-patterns", llama_short, peft.LoHaConfig(
        r=4, alpha=8, target_modules=SOME, rank_pattern={"q_proj": 2}, alpha_pattern={"v_proj": 3, "mlp.down_proj": 1.5}), 0.18),
    Case("loha-conv2d", resnet, peft.LoHaConfig(r=3, alpha=6, target_modules=RESNET), 0.2),
    Case("loha-conv2d-effective", resnet, peft.LoHaConfig(r=3, alpha=6, target_modules=RESNET, use_effective_conv2d=True), 0.3),
    Case("loha-conv1d", whisper, peft.LoHaConfig(r=3, alpha=6, target_modules=["conv1", "conv2"]), 0.2),
    Case("loha-conv1d-effective", whisper, peft.LoHaConfig(r=3, alpha=6, target_modules=["conv1", "conv2"], use_effective_conv2d=True), 0.3),

    Case("lokr-linear", llama_wide, peft.LoKrConfig(r=2, alpha=4, target_modules=LINEAR), 0.14, bfloat16),
    Case("lokr-both-decomposed", llama_short, peft.LoKrConfig(r=2, alpha=4, target_modules=SOME, decompose_both=True), 0.2, bfloat16),
    Case("lokr-full", llama_wide, peft.LoKrConfig(r=64, alpha=32, target_modules=SOME), 0.25),
    Case("lokr-factor", llama_short, peft.LoKrConfig(r=2, alpha=4, target_modules=SOME, decompose_factor=8), 0.13, bfloat16),
    Case("lokr-conv2d", resnet, peft.LoKrConfig(r=1, alpha=2, target_modules=RESNET), 0.17),
    Case("lokr-conv2d-full", resnet, peft.LoKrConfig(r=8, alpha=8, target_modules=RESNET), 0.2),
    Case("lokr-conv2d-effective", resnet, peft.LoKrConfig(r=1, alpha=2, target_modules=RESNET, use_effective_conv2d=True), 0.3),
    Case("lokr-conv1d", whisper, peft.LoKrConfig(r=1, alpha=2, target_modules=["conv1", "conv2"]), 0.15),
    Case("lokr-conv1d-effective", whisper, peft.LoKrConfig(
        r=2, alpha=4, decompose_factor=2, target_modules=["conv1", "conv2"], use_effective_conv2d=True), 0.3),
    Case("lokr-conv1d-full", whisper, peft.LoKrConfig(r=8, alpha=8, target_modules=["conv1", "conv2"]), 0.2),

    Case("ia3-bias", llama_biased, peft.IA3Config(target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"])),
    Case("ia3-gpt2", gpt2, peft.IA3Config(target_modules=["c_attn", "c_fc", "mlp.c_proj"], feedforward_modules=["mlp.c_proj"], fan_in_fan_out=True)),
    Case("ia3-conv2d", convnext, peft.IA3Config(
        target_modules=["patch_embeddings", "downsampling_layer.1", "0.layers.0.dwconv", "1.layers.0.dwconv", "pwconv1"],
        feedforward_modules=["downsampling_layer.1", "1.layers.0.dwconv"])),

    Case("oft-exact", llama_wide, peft.OFTConfig(oft_block_size=8, use_cayley_neumann=False, target_modules=LINEAR), 0.05, bfloat16),
    Case("oft-exact-bias", llama_biased, peft.OFTConfig(r=4, oft_block_size=0, use_cayley_neumann=False, target_modules=SOME), 0.05),
    *(Case(f"oft-neumann-{terms}", llama_short, peft.OFTConfig(oft_block_size=8, num_cayley_neumann_terms=terms, target_modules=["q_proj", "down_proj"]), 0.05)
      for terms in (2, 3, 4, 5, 7)),
    Case("oft-adjusted-block", llama_short, peft.OFTConfig(oft_block_size=5, target_modules=["q_proj", "down_proj"]), 0.05),
    Case("oft-shared", llama_short, peft.OFTConfig(oft_block_size=8, block_share=True, target_modules=SOME), 0.05, bfloat16),
    Case("oft-coft", llama_short, peft.OFTConfig(oft_block_size=8, coft=True, eps=0.6, use_cayley_neumann=False, target_modules=SOME), {"": 0.05, "v_proj": 0.02}),
    Case("oft-coft-shared", llama_short, peft.OFTConfig(oft_block_size=8, coft=True, eps=0.6, block_share=True, target_modules=SOME), 0.05),
    Case("oft-embedding", llama_short, peft.OFTConfig(oft_block_size=8, target_modules=["embed_tokens", "q_proj"]), 0.05, bfloat16),
    Case("oft-embedding-exact", llama_short, peft.OFTConfig(oft_block_size=8, use_cayley_neumann=False, target_modules=["embed_tokens"]), 0.05),
    Case("oft-conv2d", resnet, peft.OFTConfig(oft_block_size=4, target_modules=RESNET), 0.1),
    Case("oft-conv2d-exact", resnet, peft.OFTConfig(oft_block_size=4, use_cayley_neumann=False, target_modules=RESNET), 0.1),

    Case("boft-linear", llama_wide, peft.BOFTConfig(boft_block_size=4, target_modules=LINEAR), 0.1, bfloat16),
    Case("boft-bias", llama_biased, peft.BOFTConfig(boft_block_size=0, boft_block_num=4, target_modules=SOME), 0.1),
    Case("boft-conv2d", resnet, peft.BOFTConfig(boft_block_size=4, target_modules=RESNET), 0.1),

    Case("vera-saved", llama, peft.VeraConfig(r=8, target_modules=SOME, d_initial=0.5), 0.1, bfloat16),
    Case("vera-regenerated", llama, peft.VeraConfig(r=8, target_modules=SOME, d_initial=0.5, save_projection=False, projection_prng_key=4242), 0.1),
    Case("vera-gpt2", gpt2, peft.VeraConfig(r=8, target_modules=GPT2, d_initial=0.5, save_projection=False, fan_in_fan_out=True), 0.1),
    Case("pvera", llama, peft.PveraConfig(r=8, target_modules=SOME, d_initial=0.5), 0.1, bfloat16),
    Case("pvera-regenerated", llama, peft.PveraConfig(r=8, target_modules=SOME, d_initial=0.5, save_projection=False, projection_prng_key=5), 0.1),

    Case("fourierft-default", llama_short, peft.FourierFTConfig(init_weights=True, target_modules=["q_proj", "gate_proj", "down_proj"]), 0.008),
    Case("fourierft-pattern", llama_short, peft.FourierFTConfig(
        init_weights=True, n_frequency=64, n_frequency_pattern={"v_proj": 40}, random_loc_seed=12, scaling=100.0, target_modules=SOME), 0.04, bfloat16),
    Case("fourierft-gpt2", gpt2, peft.FourierFTConfig(init_weights=True, n_frequency=100, target_modules=GPT2, fan_in_fan_out=True), 0.05),

    Case("hra-plain", llama_wide, peft.HRAConfig(r=4, target_modules=LINEAR), 0.1, bfloat16),
    Case("hra-odd", llama_short, peft.HRAConfig(r=3, target_modules=SOME), 0.1, bfloat16),
    Case("hra-gram-schmidt", llama_short, peft.HRAConfig(r=4, apply_GS=True, target_modules=SOME), 0.1),
    Case("hra-conv2d", resnet, peft.HRAConfig(r=2, target_modules=RESNET), 0.1),
    Case("hra-conv2d-gram-schmidt", resnet, peft.HRAConfig(r=2, apply_GS=True, target_modules=RESNET), 0.1),

    Case("ln-tuning-gpt2", gpt2, peft.LNTuningConfig(target_modules=["ln_1", "ln_2", "ln_f"])),
    Case("trainable-tokens-alone", llama_short, peft.TrainableTokensConfig(target_modules=["embed_tokens"], token_indices=[12, 3, 9]), dtype=bfloat16),

    Case("miss", llama_wide, peft.MissConfig(r=8, target_modules=LINEAR), 0.03, bfloat16),
    Case("miss-ragged", llama_short, peft.MissConfig(r=6, target_modules=SOME), 0.03),
    Case("miss-mini", llama_short, peft.MissConfig(r=8, init_weights="mini", mini_r=4, target_modules=LINEAR), 0.03, bfloat16),
    Case("miss-bat", llama_short, peft.MissConfig(r=8, init_weights="bat", target_modules=LINEAR), 0.03),

    Case("shira", llama_short, peft.ShiraConfig(r=2, random_seed=7, target_modules=LINEAR), 0.1),
    Case("c3a", llama_short, peft.C3AConfig(block_size=8, block_size_pattern={"down_proj": 4}, target_modules=LINEAR), 0.5),
    Case("c3a-bf16", llama_short, peft.C3AConfig(block_size=8, target_modules=SOME), 0.5, bfloat16),

    Case("road-1", llama_biased, peft.RoadConfig(variant="road_1", group_size=8, target_modules=LINEAR), 0.1),
    Case("road-2", llama_biased, peft.RoadConfig(variant="road_2", group_size=8, target_modules=SOME), 0.1, bfloat16),
    Case("road-4", llama_biased, peft.RoadConfig(variant="road_4", group_size=4, target_modules=SOME), 0.1, bfloat16),

    Case("hira", llama_short, peft.HiraConfig(r=4, target_modules=SOME, rank_pattern={"v_proj": 2}), 0.2, bfloat16),
    Case("hira-embedding", llama_short, peft.HiraConfig(r=4, target_modules=["embed_tokens", "q_proj"]), 0.15),
    Case("hira-gpt2", gpt2, peft.HiraConfig(r=4, target_modules=GPT2, fan_in_fan_out=True), 0.2),
    Case("hira-conv2d", resnet, peft.HiraConfig(r=2, target_modules=RESNET), 0.2),
    Case("hira-conv1d", whisper, peft.HiraConfig(r=2, target_modules=["conv1", "conv2"]), 0.2),

    Case("delora", llama_short, peft.DeloraConfig(r=4, delora_lambda=2, target_modules=LINEAR, rank_pattern={"v_proj": 2}), 0.1, bfloat16),
    Case("delora-f32", llama_short, peft.DeloraConfig(r=4, delora_lambda=2, target_modules=SOME), 0.1),

    Case("gralora", llama_short, peft.GraloraConfig(r=8, alpha=16, target_modules=LINEAR), 0.05, bfloat16),
    Case("gralora-hybrid", llama_short, peft.GraloraConfig(r=8, hybrid_r=4, alpha=16, gralora_k=4, target_modules=SOME), 0.05, bfloat16),
    Case("gralora-gpt2", gpt2, peft.GraloraConfig(r=8, alpha=16, target_modules=GPT2, fan_in_fan_out=True), 0.05),

    Case("randlora", llama_short, peft.RandLoraConfig(r=8, randlora_alpha=16, target_modules=SOME), {"lambda": 0.1, "gamma": 0.005}),
    Case("randlora-ragged", llama_short, peft.RandLoraConfig(r=6, randlora_alpha=16, target_modules=LINEAR, sparse=True), {"lambda": 0.1, "gamma": 0.005}, bfloat16),
    Case("randlora-regenerated", llama_short, peft.RandLoraConfig(
        r=8, randlora_alpha=16, target_modules=SOME, save_projection=False, projection_prng_key=3), {"lambda": 0.1, "gamma": 0.005}),
    Case("randlora-sparse", llama_short, peft.RandLoraConfig(
        r=8, randlora_alpha=16, target_modules=SOME, save_projection=False, sparse=True), {"lambda": 0.1, "gamma": 0.005}),
    Case("randlora-very-sparse", llama_short, peft.RandLoraConfig(
        r=8, randlora_alpha=16, target_modules=SOME, save_projection=False, very_sparse=True), {"lambda": 0.1, "gamma": 0.005}),
    Case("randlora-gpt2", gpt2, peft.RandLoraConfig(
        r=8, randlora_alpha=16, target_modules=GPT2, save_projection=False, fan_in_fan_out=True), {"lambda": 0.1, "gamma": 0.005}),

    Case("vblora", llama, peft.VBLoRAConfig(r=4, num_vectors=24, vector_length=8, topk=2, target_modules=SOME), {"logits": 1.0, "bank": 0.2}, bfloat16),
    Case("vblora-topk", llama, peft.VBLoRAConfig(
        r=4, num_vectors=300, vector_length=8, topk=3, target_modules=SOME, save_only_topk_weights=True), {"logits": 1.0, "bank": 0.2}),
    Case("vblora-topk-bytes", llama, peft.VBLoRAConfig(
        r=4, num_vectors=24, vector_length=8, topk=2, target_modules=SOME, save_only_topk_weights=True), {"logits": 1.0, "bank": 0.2}, bfloat16),

    *(Case(f"waveft-{wavelet}", llama_short, peft.WaveFTConfig(n_frequency=200, target_modules=SOME, wavelet_family=wavelet), 0.003)
      for wavelet in ("db1", "sym3", "coif2")),
    Case("waveft-raw", llama_short, peft.WaveFTConfig(n_frequency=200, target_modules=SOME, use_idwt=False, random_loc_seed=31), 0.003, bfloat16),
    Case("waveft-proportional", llama_short, peft.WaveFTConfig(n_frequency=150, target_modules=SOME, proportional_parameters=True), 0.003, bfloat16),
    Case("waveft-gpt2", gpt2, peft.WaveFTConfig(n_frequency=200, target_modules=GPT2, wavelet_family="db2", fan_in_fan_out=True), 0.004),

    Case("lora-bdlora", llama_short, peft.LoraConfig(r=8, lora_alpha=8, target_modules=SOME, use_bdlora=peft.tuners.lora.BdLoraConfig(
        target_modules_bd_a=["down_proj"], target_modules_bd_b=["q_proj"], nblocks=4, match_strict=False)), 0.05),
    Case("lora-kasa", llama_short, peft.LoraConfig(r=4, lora_alpha=8, target_modules=SOME, kasa_config=peft.tuners.lora.KasaConfig()), 0.08),
    Case("lora-qalora", llama_short, peft.LoraConfig(
        r=4, lora_alpha=8, target_modules=SOME, use_qalora=True, qalora_group_size=8, rank_pattern={"v_proj": 2}), 0.05),
    Case("lora-qalora-bf16", llama_short, peft.LoraConfig(r=4, lora_alpha=8, target_modules=SOME, use_qalora=True, qalora_group_size=4), 0.05, bfloat16),
    Case("lora-mica", llama_short, peft.LoraConfig(r=4, lora_alpha=8, target_modules=SOME, init_lora_weights="mica"), 0.05),
    Case("lora-velora", llama_short, peft.LoraConfig(
        r=4, lora_alpha=8, target_modules=SOME, velora_config=peft.tuners.lora.VeloraConfig(num_groups=4, init_type="random")), 0.08),
    Case("lora-monteclora", llama_short, peft.LoraConfig(
        r=4, lora_alpha=8, target_modules=SOME, monteclora_config=peft.tuners.lora.MontecloraConfig(num_samples=2)), 0.08),
    Case("lora-pissa", llama_short, peft.LoraConfig(r=4, lora_alpha=8, target_modules=LINEAR, init_lora_weights="pissa"), 0.05),
    Case("lora-pissa-gpt2", gpt2, peft.LoraConfig(r=4, lora_alpha=8, target_modules=GPT2, init_lora_weights="pissa", fan_in_fan_out=True), 0.05),
    Case("lora-olora", llama_short, peft.LoraConfig(r=4, lora_alpha=8, target_modules=LINEAR, init_lora_weights="olora"), 0.02),
    Case("lora-multihead", siglip, peft.LoraConfig(r=3, lora_alpha=6, target_modules=["head.attention"]), 0.1),
    Case("lora-replicated-layers", llama, peft.LoraConfig(
        r=2, lora_alpha=4, target_modules=SOME, layer_replication=[(0, 2), (1, 2), (0, 1)]), 0.1, bfloat16, before_merging=unshare),
    Case("lora-experts-transposed", gpt_oss, peft.LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj"], target_parameters=EXPERTS), 0.1),
    Case("lora-experts-square", qwen3_moe, peft.LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj"], target_parameters=EXPERTS), 0.1),
    Case("lora-conv1d", whisper, peft.LoraConfig(r=2, lora_alpha=4, target_modules=["conv1", "conv2"]), 0.1),

    Case("deft-relu", llama_short, peft.DeftConfig(r=4, target_modules=LINEAR), 0.1),
    Case("deft-qr", llama_short, peft.DeftConfig(r=4, alpha=8, decomposition_method="qr", target_modules=SOME), {"deft_P": 0.01, "deft_R": 0.05}, bfloat16),
    Case("deft-para", llama_short, peft.DeftConfig(r=4, para=True, decomposition_method="qr", target_modules=SOME), 0.1, bfloat16),
    Case("deft-para-relu", llama_short, peft.DeftConfig(r=4, para=True, target_modules=SOME), 0.1, bfloat16),
    Case("deft-gpt2", gpt2, peft.DeftConfig(r=4, alpha=2, target_modules=GPT2, fan_in_fan_out=True), 0.1),

    Case("peanut", llama_short, peft.PeanutConfig(r=8, target_modules=LINEAR), 0.1),
    Case("peanut-deep", llama_short, peft.PeanutConfig(r=8, depth=2, act_fn="silu", scaling=2.0, target_modules=SOME), 0.1, bfloat16),

    Case("psoft", llama_short, peft.PsoftConfig(r=8, psoft_alpha=16, target_modules=LINEAR), 0.1),
    Case("psoft-pissa", llama_short, peft.PsoftConfig(r=8, psoft_alpha=16, ab_svd_init="pissa_init", psoft_mag_a=False, target_modules=SOME), 0.1, bfloat16),
    Case("psoft-neumann", llama_short, peft.PsoftConfig(r=8, psoft_alpha=16, use_cayley_neumann=True, num_cayley_neumann_terms=4, target_modules=SOME), 0.1),
    Case("psoft-neumann-clipped", llama_short, peft.PsoftConfig(
        r=8, psoft_alpha=16, use_cayley_neumann=True, cayley_neumann_eps=0.5, psoft_mag_b=False, target_modules=SOME), 0.1),
    Case("psoft-free", llama_short, peft.PsoftConfig(
        r=8, psoft_alpha=16, psoft_orth=False, psoft_mag_a=False, psoft_mag_b=False, target_modules=SOME), 0.1, bfloat16),
    Case("psoft-lowrank", llama_short, peft.PsoftConfig(r=8, psoft_alpha=16, psoft_svd="lowrank", target_modules=SOME), 0.1),

    Case("osf", llama_short, peft.OSFConfig(effective_rank=12, target_modules=LINEAR, rank_pattern={"down_proj": 0.25}), 0.05),
    Case("osf-default", llama_short, peft.OSFConfig(target_modules=SOME), 0.05, bfloat16),

    Case("tinylora", llama, peft.TinyLoraConfig(r=4, u=6, target_modules=SOME), 0.2),
    Case("tinylora-tied", llama, peft.TinyLoraConfig(r=4, u=6, target_modules=SOME, weight_tying=0.5), 0.2, bfloat16),
    Case("tinylora-regenerated", llama, peft.TinyLoraConfig(r=4, u=6, target_modules=SOME, save_projection=False, projection_seed=9), 0.2),
    Case("tinylora-regenerated-few", llama_short, peft.TinyLoraConfig(r=2, u=3, target_modules=SOME, save_projection=False), 0.2),
    Case("tinylora-embedding", llama_short, peft.TinyLoraConfig(r=4, u=6, target_modules=["embed_tokens", "q_proj"]), 0.2),
    Case("tinylora-gpt2", gpt2, peft.TinyLoraConfig(r=4, u=6, target_modules=GPT2, fan_in_fan_out=True), 0.2),

    Case("unilora", llama, peft.UniLoraConfig(r=4, theta_d_length=100, target_modules=SOME), 0.35),
    Case("unilora-saved-indices", llama_short, peft.UniLoraConfig(r=4, theta_d_length=100, target_modules=SOME, save_indices=True), 0.25, bfloat16),
    Case("unilora-gpt2", gpt2, peft.UniLoraConfig(r=4, theta_d_length=64, target_modules=GPT2, proj_seed=8, fan_in_fan_out=True), 0.35),

    Case("glora", llama_biased, peft.GloraConfig(r=4, target_modules=SOME), 0.07),
    Case("glora-vector", llama_biased, peft.GloraConfig(r=4, config_A_B="vector", config_C="vector", config_D_E="vector", target_modules=SOME), 0.05, bfloat16),
    Case("glora-constant", llama_biased, peft.GloraConfig(r=4, config_A_B="constant", config_C="none", config_D_E="none", target_modules=SOME), 0.02, bfloat16),
    Case("glora-no-bias", llama_short, peft.GloraConfig(r=4, config_A_B="lora", target_modules=SOME), 0.1, bfloat16),

    Case("beft", llama_biased, peft.BeftConfig(target_modules=SOME), 0.05, bfloat16),

    Case("supertuning", llama_short, peft.SupertuningConfig(sparsity=0.9, target_modules=LINEAR), 0.1),
    Case("supertuning-lora", llama_short, peft.SupertuningConfig(sparsity=0.9, r=4, lora_alpha=8, target_modules=SOME, select_top=False), 0.07, bfloat16),
    Case("supertuning-regenerated", llama_short, peft.SupertuningConfig(sparsity=0.9, target_modules=SOME, save_precomputed_indices=False), 0.1),

    Case("frod", llama, peft.FrodConfig(target_modules=["q_proj", "v_proj"], sparse_rate=0.05, progressbar=False), 0.03),
    Case("frod-single", llama_short, peft.FrodConfig(target_modules=["q_proj", "v_proj"], sparse_rate=0.05, progressbar=False), 0.03),
]

# ------------------------------------------------------------------------------------------------------------------- the making


@torch.no_grad()
def move(parameters, step):
    """Add normal noise to each of the named parameters, so that none stays zero or one."""
    steps = step if isinstance(step, dict) else {"": step}
    for name, parameter in parameters:
        part = max((part for part in steps if part in name), key=len)
        parameter += torch.randn(parameter.shape) * steps[part]


def save(model, folder):
    """In two shards."""
    size = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    model.save_pretrained(folder, max_shard_size=size * 6 // 10)


def make(case, folder):
    torch.manual_seed(zlib.crc32(case.name.encode()))
    base = case.base()
    move(base.named_parameters(), 0.1)
    base.to(case.dtype)
    save(base, folder / "base")

    adapted = peft.get_peft_model(base, case.config)
    move([item for item in adapted.named_parameters() if item[1].requires_grad], case.step)
    case.before_saving(adapted)
    adapted.save_pretrained(folder / "adapter")
    (folder / "adapter" / "README.md").unlink()

    loaded = peft.PeftModel.from_pretrained(type(base).from_pretrained(folder / "base", dtype=float32), folder / "adapter")
    case.before_merging(loaded)
    save(loaded.merge_and_unload().to(case.dtype), folder / "expected")

    versions = f"peft {peft.__version__} merge_and_unload, transformers {transformers.__version__}, torch {torch.__version__} (CPU)"
    (folder / "case.json").write_text(json.dumps({
        "name": case.name, "kind": case.config.peft_type.value, "dtype": str(case.dtype).removeprefix("torch."), "adapters": ["adapter"],
        "merged_in": "the base's dtype" if case.dtype == float32 else "float32, rounded once", "oracle": versions}, indent=1))


def main():
    out, wanted = Path(sys.argv[1]), sys.argv[2:]
    unknown = set(wanted) - {case.name for case in CASES}
    if unknown:
        sys.exit(f"no such case: {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)
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
