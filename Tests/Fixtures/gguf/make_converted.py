# Writes converted/NAME/base.gguf, converted/NAME/expected.gguf and names.json, with gguf-py 0.19.0
# and numpy 2.4.6: bases of ../cases and ../families and what PEFT merged them to, both put into
# llama.cpp's container as its convert_hf_to_gguf.py would. Of the larger ones a part is kept.
#
#   names.json     what gguf-py calls the modules of transformers' classes, by architecture, and the
#                  order into which LlamaModel.permute of llama.cpp puts the rows of two heads
#
#   python3 -m venv venv && venv/bin/pip install gguf==0.19.0 numpy==2.4.6
#   venv/bin/python make_converted.py
import json
import pathlib
import struct

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import GGUFWriter

here = pathlib.Path(__file__).parent
fixtures = here.parent
numbers = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}


def load(folder):
    """All tensors of a checkpoint; bfloat16 as its bits."""
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        data = path.read_bytes()
        length = struct.unpack("<Q", data[:8])[0]
        for name, entry in json.loads(data[8 : 8 + length]).items():
            if name == "__metadata__":
                continue
            start, end = entry["data_offsets"]
            raw = np.frombuffer(data[8 + length + start : 8 + length + end], numbers[entry["dtype"]])
            tensors[name] = raw.reshape(entry["shape"])
    return tensors


def permute(rows, heads):
    # LlamaModel.permute
    half = rows.shape[0] // heads // 2
    return rows.reshape(heads, 2, half, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def converted(tensors, config):
    """Names and values as the converter gives them."""
    kind = config["model_type"]
    result = {}
    for name, value in tensors.items():
        module, _, parameter = name.rpartition(".")
        if kind in ("llama", "mixtral") and module.endswith(".q_proj"):
            value = permute(value, config["num_attention_heads"])
        if kind in ("llama", "mixtral") and module.endswith(".k_proj"):
            value = permute(value, config["num_key_value_heads"])
        if kind == "gpt2" and parameter == "weight" and module.split(".")[-1].startswith("c_"):
            value = value.T
        if ".experts." in name:
            front, _, rest = name.partition(".experts.")
            number, _, leaf = rest.partition(".")
            if number.isdigit():
                key = f"{front}.experts.{leaf}"
                if kind == "mixtral":
                    layer = name.split(".")[2]
                    key = f"layers.{layer}.feed_forward.experts.{leaf}"
                result.setdefault(key, []).append(value)
                continue
        result[name] = value
    return {name: np.stack(v) if isinstance(v, list) else v for name, v in result.items()}


def write(path, tensors, config, architecture, keep):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(path, architecture)
    heads = config.get("num_attention_heads", config.get("n_head"))
    writer.add_head_count(heads)
    if "num_key_value_heads" in config:
        writer.add_head_count_kv(config["num_key_value_heads"])
    names = gguf.get_tensor_name_map(
        {v: k for k, v in gguf.MODEL_ARCH_NAMES.items()}[architecture], 8)
    bits = config["dtype"] == "bfloat16"
    for name, value in sorted(converted(tensors, config).items()):
        own = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if own is None or not own.startswith(keep):
            continue
        if bits and value.ndim == 1:
            writer.add_tensor(own, (value.astype(np.uint32) << 16).view(np.float32))
        elif bits:
            writer.add_tensor(own, np.ascontiguousarray(value).view(np.uint8), raw_dtype=T.BF16)
        else:
            writer.add_tensor(own, np.ascontiguousarray(value))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


for case, architecture, keep in [
    ("families/lora-velora", "llama", ""),
    ("families/lora-experts-square", "qwen3moe", ""),
    ("cases/dora-f32", "llama", "blk.0."),
    ("cases/mixtral-experts", "llama", "blk."),
    ("cases/gpt2-conv1d", "gpt2", "blk.0."),
    ("cases/embedding-lm-head", "llama", ("token_embd", "output")),
]:
    config = json.loads((fixtures / case / "base/config.json").read_text())
    for part in ["base", "expected"]:
        tensors = load(fixtures / case / part)
        out = here / "converted" / pathlib.Path(case).name / f"{part}.gguf"
        write(out, tensors, config, architecture, keep)

# Names that transformers' classes have, inside of a layer.
llama = [
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj", "input_layernorm", "post_attention_layernorm",
]
heads = ["self_attn.q_norm", "self_attn.k_norm"]
experts = ["mlp.gate", "mlp.experts.gate_proj", "mlp.experts.up_proj", "mlp.experts.down_proj"]
shared = [f"mlp.shared_experts.{part}_proj" for part in ("gate", "up", "down")]
gpt = ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj", "ln_1", "ln_2"]
four = llama + ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
classes = {
    "llama": llama + ["block_sparse_moe.gate"], "mistral3": llama, "granite": llama,
    "smollm3": llama, "arcee": llama[:4] + llama[5:], "olmo": llama[:7],
    "deepseek": llama + experts + shared, "qwen2": llama, "qwen2vl": llama,
    "qwen2moe": llama[:4] + llama[7:] + experts + [
        "mlp.shared_expert.gate_proj", "mlp.shared_expert.up_proj", "mlp.shared_expert.down_proj",
        "mlp.shared_expert_gate"],
    "qwen3": llama + heads, "qwen3vl": llama + heads, "qwen3moe": llama[:4] + llama[7:] + heads + experts,
    "seed_oss": llama, "stablelm": llama, "nemotron": llama[:4] + llama[5:],
    "command-r": llama[:8], "cohere2": llama[:8], "gemma": llama, "gemma2": four,
    "gemma3": four + heads,
    "olmo2": llama[:7] + ["post_attention_layernorm", "post_feedforward_layernorm"] + heads,
    "olmoe": llama[:4] + llama[7:] + heads + experts,
    "deepseek2": [
        "self_attn.q_proj", "self_attn.q_a_proj", "self_attn.q_b_proj",
        "self_attn.kv_a_proj_with_mqa", "self_attn.kv_b_proj", "self_attn.q_a_layernorm",
        "self_attn.kv_a_layernorm"] + llama[3:] + experts + shared,
    "glm4": llama[:4] + [
        "mlp.gate_up_proj", "mlp.down_proj", "input_layernorm", "post_self_attn_layernorm",
        "post_attention_layernorm", "post_mlp_layernorm"],
    "phi2": llama[:3] + ["self_attn.dense", "mlp.fc1", "mlp.fc2", "input_layernorm"],
    "phi3": ["self_attn.qkv_proj", "self_attn.o_proj", "mlp.gate_up_proj"] + llama[6:],
    "starcoder2": llama[:4] + ["mlp.c_fc", "mlp.c_proj"] + llama[7:],
    "gpt2": gpt,
    "falcon": [
        "self_attention.query_key_value", "self_attention.dense", "mlp.dense_h_to_4h",
        "mlp.dense_4h_to_h", "input_layernorm", "ln_mlp", "ln_attn"],
    "gptneox": [
        "attention.query_key_value", "attention.dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h",
        "input_layernorm", "post_attention_layernorm"],
}
bodies = {"gpt2": "transformer.h", "falcon": "transformer.h", "gptneox": "gpt_neox.layers"}
outer = {
    "gpt2": ["transformer.wte", "transformer.wpe", "lm_head", "transformer.ln_f"],
    "falcon": ["transformer.word_embeddings", "lm_head", "transformer.ln_f"],
    "gptneox": ["gpt_neox.embed_in", "embed_out", "gpt_neox.final_layer_norm"],
    "phi2": ["model.embed_tokens", "lm_head", "model.final_layernorm"],
    "olmo": ["model.embed_tokens", "lm_head"], "command-r": ["model.embed_tokens", "model.norm"],
    "cohere2": ["model.embed_tokens", "model.norm"],
    "gemma": ["model.embed_tokens", "model.norm"], "gemma2": ["model.embed_tokens", "model.norm"],
}
names = {}
for name, own in classes.items():
    table = gguf.get_tensor_name_map({v: k for k, v in gguf.MODEL_ARCH_NAMES.items()}[name], 4)
    body = bodies.get(name, "model.layers")
    modules = [f"{body}.3.{module}" for module in own]
    modules += outer.get(name, ["model.embed_tokens", "lm_head", "model.norm"])
    names[name] = {module: table.get_name(module) for module in modules}
order = permute(np.arange(16), 2).tolist()
text = json.dumps({"names": names, "order": order}, indent=1)
(here / "names.json").write_text(text + "\n")
