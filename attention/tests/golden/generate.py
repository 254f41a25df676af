"""Writes golden/upsampled.json: a 7x7 grid, interpolated by torch to the pixels of pictures.

    python3 -m venv /tmp/torch && /tmp/torch/bin/pip install torch
    /tmp/torch/bin/python attention/tests/golden/generate.py

Written with torch 2.11.0.
"""

import json
import pathlib

import torch

torch.set_num_threads(1)
weights = torch.rand(49, generator=torch.Generator().manual_seed(7)).double()
weights = (weights / weights.sum()).float()
cases = []
for height, width in [(7, 7), (20, 13), (9, 32)]:
    pixels = torch.nn.functional.interpolate(
        weights.view(1, 1, 7, 7), size=(height, width), mode="bilinear", align_corners=False
    )
    cases.append({"height": height, "width": width, "pixels": [round(x, 7) for x in pixels.flatten().tolist()]})
path = pathlib.Path(__file__).with_name("upsampled.json")
path.write_text(json.dumps({"weights": weights.tolist(), "cases": cases}, separators=(",", ":")) + "\n")
print(path.stat().st_size, "bytes")
