"""Writes JPEGs of every kind that a decoder can get wrong, and what libjpeg-turbo makes of each.

    apt-get install libjpeg-turbo-progs
    pip install numpy "pillow<13" imagecodecs
    python bundle/tests/image/make_jpegs.py

jpeg/NAME.jpg        the pictures: samplings x scans x restarts, and component ids x Adobe and JFIF markers
jpeg/NUMBER.png      PIL's pixels; pictures with the same pixels share one
jpeg/goldens.json    {picture: NUMBER}; null where the picture has to be refused

cjpeg encodes, and this script then changes component ids and application segments. PIL decodes.
"""

import hashlib
import io
import json
import shutil
import subprocess
from itertools import product
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

FOLDER = Path(__file__).parent / "jpeg"
# Neither side is a multiple of 8, 16 or 24, so that blocks of padding differ between kinds of scans.
WIDTH, HEIGHT = 43, 37

# Sampling factors of Y, Cb, Cr.
SAMPLINGS = {
    "444": "1x1,1x1,1x1",
    "422": "2x1,1x1,1x1",
    "440": "1x2,1x1,1x1",
    "420": "2x2,1x1,1x1",
    "411": "4x1,1x1,1x1",
    "410": "4x2,1x1,1x1",
    "441": "1x4,1x1,1x1",
    "3x1": "3x1,1x1,1x1",
    "1x3": "1x3,1x1,1x1",
    "3x2": "3x2,1x1,1x1",
    "all-2x1": "2x1,2x1,2x1",
    "all-1x2": "1x2,1x2,1x2",
    "all-3x1": "3x1,3x1,3x1",
    "luma-below-2x1": "1x1,2x1,2x1",
    "luma-below-1x2": "1x1,1x2,1x2",
    "luma-below-2x2": "1x1,2x2,2x2",
    "luma-wide-chroma-tall": "2x1,1x2,1x2",
    "three-kinds": "2x2,2x1,1x2",
    "blue-alone": "1x1,2x2,1x1",
    "422-as-2x2": "2x2,1x2,1x2",
    "440-as-2x2": "2x2,2x1,2x1",
}
# More than ten blocks would stand in an interleaved unit.
SAMPLINGS_OF_ONE_COMPONENT_SCANS = {"3x3": "3x3,1x1,1x1", "all-2x2": "2x2,2x2,2x2", "all-3x3": "3x3,3x3,3x3"}
SCANS = {
    "baseline": [],
    "scans-0-1-2": ["-scans", "0; 1; 2;"],
    "scans-0-12": ["-scans", "0; 1 2;"],
    "progressive": ["-progressive"],
}
RESTARTS = {"": [], "-restart": ["-restart", "2B"]}


def photo() -> Image.Image:
    """Smooth, so that upsampling by other rules changes little, with colour that changes over the picture."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] / np.array([HEIGHT - 1, WIDTH - 1]).reshape(2, 1, 1)
    channels = [60 + 150 * x, 40 + 160 * y + 20 * np.sin(6 * x), 220 - 90 * x - 100 * y * y]
    return Image.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8))


def cjpeg(picture: Image.Image, *options: str) -> bytes:
    source = io.BytesIO()
    picture.save(source, "PPM")
    options = list(options)
    if "-scans" in options:
        at = options.index("-scans") + 1
        script = FOLDER / "scans.txt"
        script.write_text(options[at])
        options[at] = str(script)
    if "-arithmetic" not in options:
        options.append("-optimize")
    command = ["cjpeg", "-quality", "75", *options]
    encoded = subprocess.run(command, input=source.getvalue(), stdout=subprocess.PIPE, check=True).stdout
    (FOLDER / "scans.txt").unlink(missing_ok=True)
    return encoded


def segments(data: bytes):
    """Marker, start and end of each segment up to the last scan; what a scan codes belongs to no segment."""
    at = 2
    while at < len(data) - 2:
        if data[at] != 0xFF or data[at + 1] in (0, *range(0xD0, 0xD8)):
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        yield data[at + 1], at, end
        at = end


def with_ids(data: bytes, ids: list[int]) -> bytes:
    """Other component ids in the frame and in every scan."""
    changed, old = bytearray(data), []
    for marker, start, _ in segments(data):
        if marker in (0xC0, 0xC1, 0xC2):
            old = [data[start + 10 + 3 * i] for i in range(data[start + 9])]
            for i, identity in enumerate(ids):
                changed[start + 10 + 3 * i] = identity
        elif marker == 0xDA:
            for i in range(data[start + 4]):
                at = start + 5 + 2 * i
                changed[at] = ids[old.index(data[at])]
    return bytes(changed)


JFIF = bytes.fromhex("ffe000104a46494600010100000100010000")


def adobe(transform: int) -> bytes:
    return bytes.fromhex("ffee000e41646f626500640000000000") [:15] + bytes([transform])


def with_markers(data: bytes, *markers: bytes) -> bytes:
    """Other application segments instead of those there are."""
    changed = data
    for marker, start, end in reversed(list(segments(data))):
        if marker in (0xE0, 0xEE):
            changed = changed[:start] + changed[end:]
    return changed[:2] + b"".join(markers) + changed[2:]


MARKERS = {
    "none": [],
    "jfif": [JFIF],
    "adobe0": [adobe(0)],
    "adobe1": [adobe(1)],
    "adobe2": [adobe(2)],
    "jfif-adobe0": [JFIF, adobe(0)],
    "jfif-adobe1": [JFIF, adobe(1)],
    "adobe0-jfif": [adobe(0), JFIF],
}
IDS = {"123": [1, 2, 3], "012": [0, 1, 2], "RGB": list(b"RGB"), "rgb": list(b"rgb"), "YCc": list(b"YCc"), "1-34-35": [1, 34, 35]}


def cmyk_jpeg(**options) -> bytes:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    cmyk = np.array(photo().convert("CMYK"))
    cmyk[..., 3] = (x + y) * 255 // (WIDTH + HEIGHT) // 2
    buffer = io.BytesIO()
    Image.fromarray(cmyk, "CMYK").save(buffer, "JPEG", quality=75, optimize=True, **options)
    return buffer.getvalue()


def pictures():
    rgb = photo()
    for (sampling, factors), (scans, script), (restart, interval) in product(SAMPLINGS.items(), SCANS.items(), RESTARTS.items()):
        yield f"{sampling}-{scans}{restart}", cjpeg(rgb, "-sample", factors, *script, *interval)
    for (sampling, factors), (restart, interval) in product(SAMPLINGS_OF_ONE_COMPONENT_SCANS.items(), RESTARTS.items()):
        yield f"{sampling}-scans-0-1-2{restart}", cjpeg(rgb, "-sample", factors, "-scans", "0; 1; 2;", *interval)
    yield "scans-2-1-0", cjpeg(rgb, "-sample", "2x2", "-scans", "2; 1; 0;")
    yield "scans-01-2", cjpeg(rgb, "-sample", "2x2,2x1,1x1", "-scans", "0 1; 2;")
    for factors in ("1x1", "2x2", "2x1", "1x2", "4x4"):
        for kind in ([], ["-progressive"], ["-restart", "2B"]):
            name = "-".join(["grey", factors, *(word.strip("-") for word in kind)])
            yield name, cjpeg(rgb, "-grayscale", "-sample", factors, *kind)
    plain = {
        "444": cjpeg(rgb, "-sample", "1x1"),
        "420-progressive": cjpeg(rgb, "-sample", "2x2", "-progressive"),
        "420-scans": cjpeg(rgb, "-sample", "2x2", "-scans", "0; 1; 2;"),
    }
    for (kind, data), (ids, identities), (name, markers) in product(plain.items(), IDS.items(), MARKERS.items()):
        if kind == "444" or ids in ("123", "RGB"):
            yield f"{kind}-ids-{ids}-{name}", with_markers(with_ids(data, identities), *markers)
    for kind, options in {"": {}, "-progressive": {"progressive": True}}.items():
        for name, markers in MARKERS.items():
            yield f"cmyk{kind}-{name}", with_markers(cmyk_jpeg(**options), *markers)
    grey = cjpeg(rgb, "-grayscale")
    for name, markers in MARKERS.items():
        yield f"grey-{name}", with_markers(grey, *markers)
    yield "rgb-420-adobe0", with_markers(cjpeg(rgb, "-rgb", "-sample", "1x1,2x2,1x1"), adobe(0))
    # Kinds that PIL or no usual program reads.
    yield "refused-arithmetic", cjpeg(rgb, "-arithmetic")
    yield "refused-arithmetic-progressive", cjpeg(rgb, "-arithmetic", "-progressive")
    wide = np.asarray(rgb).astype(np.uint16) * 16
    yield "refused-12-bit", imagecodecs.jpeg_encode(wide, level=90, bitspersample=12)
    yield "refused-lossless", imagecodecs.jpeg_encode(np.asarray(rgb), lossless=True)
    fractional = bytearray(cjpeg(rgb, "-sample", "3x1,1x1,1x1"))
    fractional[frame(fractional).start + 14] = 0x21
    yield "refused-fractional", bytes(fractional)
    three = cjpeg(rgb, "-sample", "1x1")
    at = frame(three)
    two = three[at.start + 4 : at.start + 9] + b"\x02" + three[at.start + 10 : at.stop - 3]
    yield "refused-two-components", three[: at.start] + b"\xff\xc0\x00\x0e" + two + three[at.stop :]


def frame(data: bytes) -> slice:
    """Where the frame header of a sequential JPEG lies."""
    return next(slice(start, end) for marker, start, end in segments(data) if marker in (0xC0, 0xC1))


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    numbers, goldens = {}, {}
    for name, data in pictures():
        (FOLDER / f"{name}.jpg").write_bytes(data)
        if name.startswith("refused-"):
            goldens[name] = None
            continue
        golden = Image.open(io.BytesIO(data)).convert("RGB")
        digest = hashlib.sha256(golden.tobytes()).hexdigest()
        if digest not in numbers:
            numbers[digest] = len(numbers)
            golden.save(FOLDER / f"{numbers[digest]}.png", optimize=True)
        goldens[name] = numbers[digest]
    (FOLDER / "goldens.json").write_text(json.dumps(goldens, indent=0, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
