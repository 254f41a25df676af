"""Writes what PIL and torchvision make of the synthetic pictures that tests/image_resize.rs draws for itself.

    pip install numpy "pillow<13" torch torchvision
    python bundle/tests/image/make_goldens.py

resize/PATTERN-WxH-to-WxH-FILTER.png   PIL's Image.resize
crop/PATTERN-WxH-to-WxH.png            torchvision's CenterCrop
pixel_values.json                      Resize, CenterCrop, then rescale and normalise in float64
"""

import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.transforms import CenterCrop

HERE = Path(__file__).parent


def pattern(name: str, width: int, height: int) -> Image.Image:
    """A picture that any language can draw: integers only. Kept equal to `pattern` in image_resize.rs."""
    y, x = np.mgrid[:height, :width]
    if name == "gradient":
        channels = [x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x * 7 + y * 3) % 256]
    elif name == "checkerboard":
        cell = (x // 3 + y // 5) % 2
        channels = [cell * 255, 255 - cell * 255, (x + y) % 2 * 255]
    elif name == "noise":
        state, flat = 1, []
        for _ in range(width * height * 3):
            state = (state * 1664525 + 1013904223) % 2**32
            flat.append(state >> 24)
        return Image.fromarray(np.array(flat, np.uint8).reshape(height, width, 3))
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))


RESIZES = [  # (pattern, source, target), sizes as width, height
    ("gradient", (320, 240), (32, 32)),
    ("gradient", (5, 4), (24, 20)),
    ("checkerboard", (97, 61), (28, 20)),
    ("checkerboard", (30, 40), (30, 17)),
    ("checkerboard", (19, 23), (40, 40)),
    ("noise", (500, 375), (28, 28)),
    ("noise", (33, 47), (32, 32)),
    ("noise", (12, 9), (31, 9)),
    ("noise", (1, 1), (6, 4)),
    ("noise", (4, 211), (7, 7)),
]
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "lanczos": Image.Resampling.LANCZOS,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
CROPS = [
    ((20, 16), (14, 10)),
    ((17, 19), (14, 14)),  # 1.5 pixels of offset round up, 2.5 down: to the even number
    ((15, 17), (14, 14)),  # 0.5 rounds down, 1.5 up
    ((9, 20), (14, 14)),  # narrower than the crop: padded
    ((20, 9), (14, 14)),
    ((8, 9), (13, 14)),
    ((14, 14), (14, 14)),
]

CONFIG = {
    "do_resize": True,
    "size": {"height": 6, "width": 5},
    "resample": 2,
    "do_center_crop": False,
    "crop_size": {"height": 6, "width": 5},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}
CONFIGS = [
    CONFIG,
    CONFIG | {"image_mean": [127 / 255] * 3, "image_std": [128 / 255] * 3},
    CONFIG | {"do_normalize": False},
    CONFIG | {"do_rescale": False, "image_mean": [127.0] * 3, "image_std": [128.0] * 3},
    CONFIG | {"do_rescale": False, "do_normalize": False},
    CONFIG | {"do_center_crop": True, "crop_size": {"height": 4, "width": 3}},
    CONFIG | {"do_resize": False, "do_center_crop": True, "crop_size": {"height": 7, "width": 4}},
]


def pixel_values(config: dict, picture: Image.Image) -> np.ndarray:
    if config["do_resize"]:
        size = config["size"]["width"], config["size"]["height"]
        picture = picture.resize(size, Image.Resampling(config["resample"]))
    if config["do_center_crop"]:
        picture = CenterCrop((config["crop_size"]["height"], config["crop_size"]["width"]))(picture)
    values = np.asarray(picture, np.float64)
    if config["do_rescale"]:
        values = values * config["rescale_factor"]
    if config["do_normalize"]:
        values = (values - config["image_mean"]) / config["image_std"]
    return values.transpose(2, 0, 1)


def main() -> None:
    for folder in ("resize", "crop"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
        (HERE / folder).mkdir()
    for name, source, target in RESIZES:
        for filter_name, resample in FILTERS.items():
            path = "{}-{}x{}-to-{}x{}-{}.png".format(name, *source, *target, filter_name)
            pattern(name, *source).resize(target, resample).save(HERE / "resize" / path, optimize=True)
    for source, (width, height) in CROPS:
        path = "noise-{}x{}-to-{}x{}.png".format(*source, width, height)
        CenterCrop((height, width))(pattern("noise", *source)).save(HERE / "crop" / path, optimize=True)
    cases = [
        {"config": config, "pixel_values": pixel_values(config, pattern("noise", 5, 6)).round(7).ravel().tolist()}
        for config in CONFIGS
    ]
    lines = ",\n".join(json.dumps(case) for case in cases)
    (HERE / "pixel_values.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
