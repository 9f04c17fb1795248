"""Makes the fixtures of files that torch saved: python make_torch.py OUT

torch 2.13.0 (CPU), transformers 5.23.0, peft 0.21.2, safetensors 0.8.0, huggingface_hub of the same
installation. Three folders:

files/NAME.pth      tensors in torch's containers; NAME.safetensors holds the same, each of its own
refused/NAME.pth    what torch saves and a checkpoint of safetensors cannot be
merges/NAME         a base and an adapter, as torch saved them and as safetensors
"""

import io
import os
import pathlib
import shutil
import sys
import warnings

import torch
import transformers
from huggingface_hub import save_torch_state_dict
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

warnings.filterwarnings("ignore")
OUT = pathlib.Path(sys.argv[1])


def plain(tensors):
    """The same tensors, each with bytes of its own, contiguous."""
    return {k: v.detach().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}


def write(name, value, tensors=None, old=False):
    path = OUT / "files" / f"{name}.pth"
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(value, path, _use_new_zipfile_serialization=not old)
    save_file(plain(tensors or value), path.with_suffix(".safetensors"))


def types():
    torch.manual_seed(1)
    bits = torch.randint(0, 256, (96,), dtype=torch.uint8)
    tensors = {"bool": bits[:6] > 127, "uint8": bits[:5].clone()}
    for name in (
        "int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex64 "
        "float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu"
    ).split():
        dtype = getattr(torch, name)
        tensors[name] = bits[: 6 * dtype.itemsize].clone().view(dtype).reshape(2, 3)
    return tensors


def packed():
    bits = torch.arange(6, dtype=torch.uint8).reshape(2, 3)
    return {"float4_e2m1fn_x2": bits.view(torch.float4_e2m1fn_x2)}


def layouts():
    torch.manual_seed(2)
    big = torch.randn(4, 6, 5)
    tensors = {
        "whole": big,
        "alias": big,
        "slice": big[1:3],
        "rows": big[2],
        "columns": big[:, 1:4],
        "every-other": big[:, ::2, 1::2],
        "permuted": big.permute(2, 0, 1),
        "transposed": torch.randn(7, 3, dtype=torch.float64).t(),
        "transposed-bf16": torch.randn(33, 17).to(torch.bfloat16).t(),
        "expanded": torch.randn(3, 1).expand(3, 4),
        "diagonal": torch.randn(5, 5).diagonal(),
        "channels-last": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "scalar": torch.tensor(3.5),
        "view-of-scalar": torch.arange(5.0)[3],
        "empty": torch.empty(0, 4),
        "empty-at-the-end": torch.arange(4.0)[4:],
        "parameter": torch.nn.Parameter(torch.randn(2, 2)),
        "no-gradient": torch.nn.Parameter(torch.randn(2), requires_grad=False),
        "one": torch.randn(1, 1, 3),
        "parameter-with-state": torch.nn.Parameter(torch.randn(3)),
        "tensor-with-state": torch.randn(3, 2).t(),
        "fp8-transposed": torch.randn(4, 3).to(torch.float8_e4m3fn).t(),
    }
    tensors["parameter-with-state"].tag = "row"
    tensors["tensor-with-state"].dims = (1, None)
    return tensors


class Sub(torch.Tensor):
    pass


def refused():
    folder = OUT / "refused"
    folder.mkdir(parents=True, exist_ok=True)
    two = torch.ones(2, 2)
    sparse = two.to_sparse()
    cases = {
        "quantised": {"a": torch.quantize_per_tensor(two, 0.1, 0, torch.qint8)},
        "sparse": {"a": sparse},
        "sparse-csr": {"a": two.to_sparse_csr()},
        "meta": {"a": torch.empty(2, 2, device="meta")},
        "nested": {"a": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])},
        "subclass": {"a": two.as_subclass(Sub)},
        "complex128": {"a": two.to(torch.complex128)},
        "complex32": {"a": two.to(torch.complex64).to(torch.complex32)},
        "conj": {"a": two.to(torch.complex64).conj()},
        "neg": {"a": torch._neg_view(two)},
        "module": torch.nn.Linear(2, 2),
        "tensor": two,
        "list": [two],
        "mixed": {"a": two, "step": 3},
        "numbered": {0: two},
        "two-dicts": {"state_dict": {"a": two}, "model": {"a": two}},
        "elsewhere": {"ema": {"a": two}, "epoch": 1},
        "nothing": {},
        "function": {"a": two, "f": os.system},
        "set": {"a": two, "s": {1}},
    }
    for name, value in cases.items():
        torch.save(value, folder / f"{name}.pth")
    torch.save({"a": two}, folder / "protocol4.pth", pickle_protocol=4)
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(folder / "script.pth"))


def adapter(model, folder, targets, seed, **settings):
    torch.manual_seed(seed)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=targets, init_lora_weights=False, **settings)
    get_peft_model(model, config).save_pretrained(folder / "adapter")
    shutil.copytree(folder / "adapter", folder / "adapter-torch")
    path = folder / "adapter-torch" / "adapter_model.safetensors"
    torch.save(load_file(path), folder / "adapter-torch" / "adapter_model.bin")
    path.unlink()
    for name in ("adapter", "adapter-torch"):
        (folder / name / "README.md").unlink()


def bases(name, model, shard="10GB", old=False, change=lambda tensors: tensors):
    """Writes the model both ways; gives the folder."""
    folder = OUT / "merges" / name
    model.save_pretrained(folder / "base", max_shard_size=shard)
    (folder / "base-torch").mkdir()
    for file in (folder / "base").glob("*config.json"):
        shutil.copy(file, folder / "base-torch")
    tensors = change(dict(model.state_dict()))
    if shard == "10GB":
        torch.save(
            tensors,
            folder / "base-torch" / "pytorch_model.bin",
            _use_new_zipfile_serialization=not old,
        )
    else:
        # Shared tensors stay together, and both names are in the index, as transformers 4 had it.
        save_torch_state_dict(
            tensors,
            folder / "base-torch",
            filename_pattern="pytorch_model{suffix}.bin",
            max_shard_size=shard,
            safe_serialization=False,
        )
    return folder


def small_llama(tied, **settings):
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=40,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=tied,
        **settings,
    )
    return transformers.LlamaForCausalLM(config).to(torch.bfloat16)


def merges():
    linear = ["q_proj", "v_proj", "down_proj"]
    model = small_llama(True)
    adapter(model, bases("llama-tied", model, shard="3KB"), linear, 4)

    model = small_llama(False)
    adapter(model, bases("llama-old", model, old=True), linear, 5)

    model = small_llama(False)

    def share(tensors):
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]
        return tensors

    share_model = small_llama(False)
    with torch.no_grad():
        share_model.lm_head.weight.copy_(share_model.model.embed_tokens.weight)
    adapter(share_model, bases("llama-shared", share_model, change=share), ["lm_head"], 6)

    torch.manual_seed(7)
    config = transformers.GPT2Config(
        vocab_size=40, n_positions=16, n_embd=16, n_layer=1, n_head=2, n_inner=24
    )
    model = transformers.GPT2LMHeadModel(config)

    def turn(tensors):
        return {
            k: v.t().contiguous().t() if v.dim() == 2 and "wte" not in k and "lm_head" not in k else v
            for k, v in tensors.items()
        }

    folder = bases("gpt2-transposed", model, change=turn)
    adapter(model, folder, ["c_attn", "c_fc"], 8, use_dora=True, fan_in_fan_out=True)
    # The adapter's factors transposed too.
    path = folder / "adapter-torch" / "adapter_model.bin"
    tensors = torch.load(path)
    torch.save(
        {k: v.t().contiguous().t() if v.dim() == 2 else v for k, v in tensors.items()}, path
    )

    torch.manual_seed(9)
    config = transformers.T5Config(
        vocab_size=32, d_model=16, d_kv=8, d_ff=24, num_layers=1, num_heads=2,
        feed_forward_proj="gated-gelu",
    )
    model = transformers.T5ForConditionalGeneration(config)
    adapter(model, bases("t5-tied", model), ["q", "v"], 10)

    torch.manual_seed(11)
    config = transformers.BertConfig(
        vocab_size=32, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=24, max_position_embeddings=16,
    )
    model = transformers.BertForMaskedLM(config)
    adapter(model, bases("bert-tied", model), ["query", "value"], 12)


write("types", types())
write("types-old", types(), old=True)
write("packed", packed())
write("layouts", torch.nn.Module().state_dict() | layouts())
write("layouts-old", layouts(), old=True)
ordered = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).state_dict()
write("ordered", ordered)
write(
    "training",
    {"epoch": 3, "state_dict": ordered, "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}},
     "lr": 1e-3, "best": None, "args": ["a", ("b", 2**80)], "size": torch.Size([2]),
     "device": torch.device("cpu"), "dtype": torch.bfloat16},
    ordered,
)
refused()
merges()
