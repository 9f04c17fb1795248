"""mergekit's merge of one adapter into its base, as a peer to race against.

    mergekit_merge.py BASE ADAPTER OUTPUT
"""
import os
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

from mergekit.config import MergeConfiguration
from mergekit.merge import run_merge
from mergekit.options import MergeOptions


def main():
    base, adapter, output = sys.argv[1:]
    config = MergeConfiguration.model_validate(
        {
            "merge_method": "passthrough",
            "models": [{"model": f"{base}+{adapter}"}],
            "dtype": "bfloat16",
        }
    )
    # mergekit merges the adapter into a whole checkpoint of its own first.
    with tempfile.TemporaryDirectory(dir=os.path.dirname(output)) as between:
        options = MergeOptions(lora_merge_cache=between, copy_tokenizer=False)
        run_merge(config, out_path=output, options=options)


if __name__ == "__main__":
    main()
