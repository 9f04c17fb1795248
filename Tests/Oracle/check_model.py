"""Holds a merged sentence model against PEFT and against embeddings that are known.

    check_model.py MERGED BASE ADAPTER EMBEDDINGS.json

(a) PEFT's merge_and_unload of BASE and ADAPTER in float32: every tensor of MERGED must be there,
    in shape and value: the largest difference below 2e-6 of the tensor's largest value.
(b) transformers loads MERGED; the sentences' embeddings must be those of the file to 1e-5, and
    must not be the base's.

Exits 0 where all holds, 1 with what does not.
"""
import json
import pathlib
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

TENSOR_LIMIT = 2e-6
EMBEDDING_LIMIT = 1e-5


def weights(folder):
    found = {}
    for path in sorted(pathlib.Path(folder).glob("*.safetensors")):
        found |= load_file(path)
    return found


def embeddings(model, tokenizer, sentences, limit):
    """The mean of the last layer over the attention mask, of length one."""
    batch = tokenizer(
        sentences, padding=True, truncation=True, max_length=limit, return_tensors="pt"
    )
    with torch.no_grad():
        last = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1).to(last.dtype)
    mean = (last * mask).sum(1) / mask.sum(1)
    return torch.nn.functional.normalize(mean, dim=1)


def main():
    merged, base, adapter, file = sys.argv[1:]
    known = json.loads(pathlib.Path(file).read_text())
    wrong = []

    model = AutoModel.from_pretrained(base, dtype=torch.float32)
    expected = PeftModel.from_pretrained(model, adapter).merge_and_unload().state_dict()
    got = weights(merged)
    before = weights(base)
    worst, changed = 0.0, 0
    # A base may hold buffers that transformers does not load; the merge keeps them as they are.
    for name in sorted(expected.keys() | got.keys()):
        other = expected.get(name, before.get(name) if name in got else None)
        if name not in got or other is None or got[name].shape != other.shape:
            wrong.append(f"{name} is not in both, or not in one shape")
            continue
        if got[name].dtype != before[name].dtype:
            wrong.append(f"{name} is {got[name].dtype}, in the base {before[name].dtype}")
        changed += not torch.equal(got[name], before[name])
        gap = (got[name].double() - other.double()).abs().max().item()
        relative = gap / (other.double().abs().max().item() or 1.0)
        worst = max(worst, relative)
        if not relative < TENSOR_LIMIT:
            wrong.append(f"{name} differs from PEFT's by {relative:.3g} of its largest value")
    print(
        f"{len(got)} tensors, {changed} changed; differ from PEFT's by at most {worst:.3g} "
        "of a tensor's largest value"
    )

    tokenizer = AutoTokenizer.from_pretrained(merged)
    loaded = AutoModel.from_pretrained(merged, dtype=torch.float32).eval()
    found = embeddings(loaded, tokenizer, known["sentences"], known["max_length"])
    gap = (found - torch.tensor(known["merged"])).abs().max().item()
    moved = (found - torch.tensor(known["base"])).abs().max().item()
    print(
        f"{len(known['sentences'])} sentences; differ from the known embeddings by at most "
        f"{gap:.3g}, from the base's by {moved:.3g}"
    )
    if not gap < EMBEDDING_LIMIT:
        wrong.append(f"embeddings differ by {gap:.3g}")
    if moved < 100 * EMBEDDING_LIMIT:
        wrong.append("embeddings are the base's: nothing was merged")
    for line in wrong:
        print(f"check_model: {line}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
