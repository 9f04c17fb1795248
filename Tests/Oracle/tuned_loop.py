"""What a careful author makes of plain_loop.py, as a peer to race against: the same values, in
blocks of rows through buffers that are used again, written as they come, by two processes.

    tuned_loop.py BASE ADAPTER OUTPUT
"""
import json
import multiprocessing
import os
import pathlib
import shutil
import sys

import torch

PREFIX = "base_model.model."
PROCESSES = 2
# Elements in a block of rows: what stays in a core's cache, in bf16 and f32.
BLOCK = 1 << 18
DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}


class Shard:
    """A safetensors file by its header: where each tensor lies."""

    def __init__(self, path):
        self.file = os.open(path, os.O_RDONLY)
        length = int.from_bytes(os.pread(self.file, 8, 0), "little")
        self.start = 8 + length
        self.header = os.pread(self.file, self.start, 0)
        self.size = os.fstat(self.file).st_size
        tensors = json.loads(self.header[8:])
        tensors.pop("__metadata__", None)
        self.tensors = tensors

    def offset(self, name):
        return self.start + self.tensors[name]["data_offsets"][0]

    def byte_count(self, name):
        begin, end = self.tensors[name]["data_offsets"]
        return end - begin


class Buffer:
    """Memory for one block at a time, grown where a larger one comes."""

    def __init__(self, dtype):
        self.memory = torch.empty(0, dtype=dtype)

    def take(self, rows, columns):
        if self.memory.numel() < rows * columns:
            self.memory = torch.empty(rows * columns, dtype=self.memory.dtype)
        return self.memory[: rows * columns].view(rows, columns)


def bytes_of(tensor):
    """A tensor's own memory, to read into and to write from."""
    return memoryview(tensor.view(torch.uint8).numpy()).cast("B")


class Merger:
    def __init__(self, adapter, scale):
        self.adapter = adapter
        self.scale = scale
        self.factors = {"lora_A": Buffer(torch.float32), "lora_B": Buffer(torch.float32)}
        self.product = Buffer(torch.float32)
        self.weights = {kind: Buffer(dtype) for kind, dtype in DTYPES.items()}
        self.plain = bytearray(4 << 20)

    def merge(self, shard, name, output):
        if PREFIX + name.removesuffix(".weight") + ".lora_A.weight" in self.adapter.tensors:
            self.add(shard, name, output)
        else:
            self.copy(shard, name, output)

    def copy(self, shard, name, output):
        view = memoryview(self.plain)
        begin = shard.offset(name)
        end = begin + shard.byte_count(name)
        for offset in range(begin, end, len(view)):
            block = view[: min(len(view), end - offset)]
            os.preadv(shard.file, [block], offset)
            os.pwrite(output, block, offset)

    def add(self, shard, name, output):
        rows, columns = shard.tensors[name]["shape"]
        a, b = (self.factor(name, kind) for kind in ("lora_A", "lora_B"))
        kind = shard.tensors[name]["dtype"]
        step = max(1, BLOCK // columns)
        offset = shard.offset(name)
        for row in range(0, rows, step):
            count = min(step, rows - row)
            weight = self.weights[kind].take(count, columns)
            raw = bytes_of(weight)
            os.preadv(shard.file, [raw], offset)
            merged = self.product.take(count, columns)
            torch.mm(b[row : row + count], a, out=merged)
            merged.mul_(self.scale).add_(weight)
            weight.copy_(merged)
            os.pwrite(output, raw, offset)
            offset += len(raw)

    def factor(self, name, kind):
        key = f"{PREFIX}{name.removesuffix('.weight')}.{kind}.weight"
        factor = self.factors[kind].take(*self.adapter.tensors[key]["shape"])
        os.preadv(self.adapter.file, [bytes_of(factor)], self.adapter.offset(key))
        return factor


def work(turn, base, adapter, output, scale):
    """Every second tensor of each shard, the largest first, so that both have as much to do."""
    torch.set_num_threads(1)
    merger = Merger(Shard(adapter / "adapter_model.safetensors"), scale)
    for path in sorted(base.glob("*.safetensors")):
        shard = Shard(path)
        target = os.open(output / path.name, os.O_WRONLY)
        for name in sorted(shard.tensors, key=shard.byte_count, reverse=True)[turn::PROCESSES]:
            merger.merge(shard, name, target)
        os.close(target)
        os.close(shard.file)


def main():
    base, adapter, output = map(pathlib.Path, sys.argv[1:])
    config = json.loads((adapter / "adapter_config.json").read_text())
    scale = config["lora_alpha"] / config["r"]
    output.mkdir()
    for path in base.iterdir():
        if path.suffix != ".safetensors":
            shutil.copy(path, output)
            continue
        shard = Shard(path)
        target = os.open(output / path.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.posix_fallocate(target, 0, shard.size)
        os.pwrite(target, shard.header, 0)
        os.close(target)
        os.close(shard.file)
    fork = multiprocessing.get_context("fork")
    workers = [
        fork.Process(target=work, args=(turn, base, adapter, output, scale))
        for turn in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    sys.exit(max(abs(worker.exitcode) for worker in workers))


if __name__ == "__main__":
    main()
