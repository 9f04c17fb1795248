"""The merge that people write by hand, as a peer to race against: shard by shard, in float32.

    plain_loop.py BASE ADAPTER OUTPUT
"""
import json
import pathlib
import shutil
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

PREFIX = "base_model.model."


def main():
    base, adapter, output = map(pathlib.Path, sys.argv[1:])
    config = json.loads((adapter / "adapter_config.json").read_text())
    scale = config["lora_alpha"] / config["r"]
    factors = load_file(adapter / "adapter_model.safetensors")
    output.mkdir()
    for path in sorted(base.iterdir()):
        if path.suffix != ".safetensors":
            shutil.copy(path, output)
            continue
        merged = {}
        with safe_open(path, "pt") as shard:
            for name in shard.keys():
                weight = shard.get_tensor(name)
                module = PREFIX + name.removesuffix(".weight")
                a = factors.get(module + ".lora_A.weight")
                if a is not None:
                    b = factors[module + ".lora_B.weight"]
                    weight = (weight.float() + scale * (b @ a)).to(weight.dtype)
                merged[name] = weight
        save_file(merged, output / path.name, {"format": "pt"})


if __name__ == "__main__":
    main()
