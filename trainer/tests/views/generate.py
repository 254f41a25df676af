"""Writes flipped-crop.png: a training view as torchvision makes it of the picture that features/views.rs draws.

    python3 trainer/tests/views/generate.py    # needs torchvision 0.26, pillow < 13

Resize to 256/224 of the input size, a crop at a given corner, a flip: torchvision's transforms with the draw given.
"""

from pathlib import Path

import torchvision
from PIL import Image
from torchvision.transforms import functional as F

WIDTH, HEIGHT, INPUT, ENLARGED, LEFT, TOP = 47, 33, 28, 32, 3, 1

picture = Image.new("RGB", (WIDTH, HEIGHT))
picture.putdata([
    tuple((x * 7 + y * 13 + channel * 29 + (x ^ y) * 5) % 256 for channel in range(3))
    for y in range(HEIGHT) for x in range(WIDTH)
])
resized = F.resize(picture, [ENLARGED, ENLARGED])
view = F.hflip(F.crop(resized, TOP, LEFT, INPUT, INPUT))
view.save(Path(__file__).with_name("flipped-crop.png"))
print(torchvision.__version__)
