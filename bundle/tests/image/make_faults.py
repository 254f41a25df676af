"""Writes what PIL makes of the pictures in faults/, each of which was once read wrongly.

    pip install "pillow<13"
    python bundle/tests/image/make_faults.py

faults/NAME.EXT       a picture made from one of the project's example photos
faults/NAME-EXT.png   upright RGB, resized to 40x30 (bilinear, antialiased) so that it is small
"""

from pathlib import Path

from PIL import Image, ImageOps

FOLDER = Path(__file__).parent / "faults"
# Refused, or reported: what is missing is filled in by no rule.
WITHOUT_GOLDEN = {"jpeg-cut-at-5-percent-with-eoi.jpg", "tiff-fillorder2.tif", "tiff-ycbcr-jpeg.tif", "webp-16383-34-bytes.webp"}


def main() -> None:
    for path in sorted(FOLDER.iterdir()):
        if path.name in WITHOUT_GOLDEN or path.stem.endswith(("-jpg", "-png", "-tif")):
            continue
        with Image.open(path) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
        small = upright.resize((40, 30), Image.Resampling.BILINEAR)
        small.save(FOLDER / (path.name.replace(".", "-") + ".png"), optimize=True)


if __name__ == "__main__":
    main()
