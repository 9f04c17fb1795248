"""The merge that PEFT's documentation shows, as a peer to race against.

    peft_merge.py BASE ADAPTER OUTPUT
"""
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

from peft import PeftModel
from transformers import AutoModelForCausalLM


def main():
    base, adapter, output = sys.argv[1:]
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(output)


if __name__ == "__main__":
    main()
