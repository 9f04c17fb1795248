"""Loads merged causal language models with transformers and holds their logits against PEFT's merge.

    check_logits.py LIMIT EXPECTED BASE MERGED…

The logits of 24 tokens must differ from EXPECTED's by at most LIMIT times the largest of them, and from BASE's, where
transformers can load it, by more: else nothing was merged. A model that needs a library that is not there is skipped.

Exits 0 where all holds, 1 with what does not.
"""
import logging
import sys
import warnings

import torch
import transformers

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def logits(folder):
    model, said = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="auto", output_loading_info=True)
    lost = sorted(said["missing_keys"]) + sorted(said["unexpected_keys"])
    if lost:
        raise ValueError(f"{len(lost)} tensors are missing or not expected, such as {lost[0]}")
    tokens = torch.arange(24)[None] * 5 % model.config.vocab_size
    with torch.no_grad():
        return model.eval()(tokens).logits.float()


def main():
    limit, expected, base, *merged = sys.argv[1:]
    reference = logits(expected)
    size = reference.abs().max().item()
    try:
        moved = (logits(base) - reference).abs().max().item() / size
    except Exception:  # many a quantised base has no loader without a GPU
        moved = None
    wrong = False
    for folder in merged:
        try:
            gap = (logits(folder) - reference).abs().max().item() / size
        except (ImportError, RuntimeError, NotImplementedError) as error:
            print(f"{folder}: skipped, {str(error).splitlines()[0][:100]}")
            continue
        except ValueError as error:
            print(f"{folder}: {error}")
            wrong = True
            continue
        fits = gap <= float(limit) and (moved is None or gap < moved / 2)
        wrong = wrong or not fits
        base_gap = "no base to compare" if moved is None else f"the base's {moved:.2g}"
        print(f"{folder}: logits differ by {gap:.2g} of the largest, {base_gap}" + ("" if fits else ": WRONG"))
    sys.exit(wrong)


if __name__ == "__main__":
    main()
