"""Writes one small picture of every kind that decode has to read, and what PIL makes of each.

    pip install numpy "pillow<13"
    python bundle/tests/image/make_fixtures.py

formats/NAME.EXT       the picture
decoded/NAME-EXT.png   upright RGB: ImageOps.exif_transpose, then convert("RGB")
refused/NAME.EXT       what is no picture, too large, or of a kind that is not read

Where PIL does not do what a person expects (grey of 16 bits), the golden is worked out here and says so.
"""

import io
import shutil
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).parent
FORMATS, DECODED, REFUSED = HERE / "formats", HERE / "decoded", HERE / "refused"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
WIDTH, HEIGHT = 24, 16
ORIENTATION = 0x0112


def photo() -> Image.Image:
    """Smooth, so that JPEG keeps it, and different in every corner, so that no turn goes unseen."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] / np.array([HEIGHT - 1, WIDTH - 1]).reshape(2, 1, 1)
    channels = [40 + 180 * x, 30 + 200 * y, 220 - 90 * x - 100 * y]
    return Image.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8))


def alpha() -> Image.Image:
    return Image.fromarray((np.mgrid[:HEIGHT, :WIDTH].sum(axis=0) * 255 // (HEIGHT + WIDTH - 2)).astype(np.uint8))


def with_alpha(picture: Image.Image) -> Image.Image:
    picture = picture.copy()
    picture.putalpha(alpha())
    return picture


def orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return exif


def jpeg(picture: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", **{"quality": 95, "subsampling": 0} | options)
    return buffer.getvalue()


def segment(data: bytes, marker: int) -> slice:
    """Where a JPEG's first segment with this marker lies."""
    start = 2
    while data[start + 1] != marker:
        start += 2 + int.from_bytes(data[start + 2 : start + 4])
    return slice(start, start + 2 + int.from_bytes(data[start + 2 : start + 4]))


def ycck(cmyk: Image.Image) -> bytes:
    """What Photoshop writes: CMY turned into YCbCr, all four channels upside down, Adobe transform 2."""
    inverted = 255 - np.asarray(cmyk).astype(float)
    red, green, blue, black = np.moveaxis(inverted, -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    channels = [luma, (blue - luma) / 1.772 + 128, (red - luma) / 1.402 + 128, black]
    stored = np.stack(channels, axis=-1).round().clip(0, 255).astype(np.uint8)
    data = bytearray(jpeg(Image.fromarray(255 - stored, "CMYK")))  # PIL turns CMYK upside down as it saves
    adobe = segment(data, 0xEE)
    assert data[adobe][4:9] == b"Adobe" and data[adobe][-1] == 0
    data[adobe.stop - 1] = 2
    return bytes(data)


def without_adobe(data: bytes) -> bytes:
    adobe = segment(data, 0xEE)
    return data[: adobe.start] + data[adobe.stop :]


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def png_of_16_bits(picture: np.ndarray) -> bytes:
    """PIL writes no colour of 16 bits, so this does: [height, width, 3] u16."""
    height, width, _ = picture.shape
    header = width.to_bytes(4) + height.to_bytes(4) + bytes([16, 2, 0, 0, 0])
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in picture)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")
    return PNG_SIGNATURE + b"".join(png_chunk(*chunk) for chunk in chunks)


def save(name: str, picture: Image.Image, golden: Image.Image | None = None, **options) -> None:
    picture.save(FORMATS / name, **options)
    write_golden(name, golden)


def save_bytes(name: str, data: bytes) -> None:
    (FORMATS / name).write_bytes(data)
    write_golden(name)


def write_golden(name: str, golden: Image.Image | None = None) -> None:
    if golden is None:
        with Image.open(FORMATS / name) as picture:
            golden = ImageOps.exif_transpose(picture).convert("RGB")
    golden.save(DECODED / (name.replace(".", "-") + ".png"), optimize=True)


def main() -> None:
    for folder in (FORMATS, DECODED, REFUSED):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    rgb, grey = photo(), photo().convert("L")

    for value in range(1, 9):
        save_bytes(f"orientation-{value}.jpg", jpeg(rgb, exif=orientation(value)))
    save("orientation-6.png", rgb, exif=orientation(6))
    save("orientation-6.webp", rgb, exif=orientation(6), lossless=True)
    save("orientation-6.tiff", rgb, tiffinfo={ORIENTATION: 6})

    save_bytes("subsampled.jpg", jpeg(rgb, subsampling=2))
    save_bytes("progressive.jpg", jpeg(rgb, progressive=True))
    save_bytes("restart.jpg", jpeg(rgb, restart_marker_blocks=1))
    save_bytes("rgb.jpg", jpeg(rgb, keep_rgb=True))
    save_bytes("grey.jpg", jpeg(grey))
    cmyk = np.array(rgb.convert("CMYK"))
    cmyk[..., 3] = np.asarray(alpha()) // 2
    cmyk = Image.fromarray(cmyk, "CMYK")
    save_bytes("cmyk.jpg", jpeg(cmyk))
    save_bytes("cmyk-without-adobe.jpg", without_adobe(jpeg(cmyk)))
    save_bytes("ycck.jpg", ycck(cmyk))
    save_bytes("one-pixel.jpg", jpeg(rgb.crop((0, 0, 1, 1))))

    save("rgb.png", rgb)
    save("rgba.png", with_alpha(rgb))
    save("grey.png", grey)
    save("grey-alpha.png", with_alpha(grey))
    save("bilevel.png", grey.convert("1"))
    palette = rgb.quantize(16)
    save("palette.png", palette)
    save("palette-transparent.png", palette, transparency=3)
    save("one-pixel.png", rgb.crop((0, 0, 1, 1)))
    wide = np.asarray(grey).astype(np.uint16) * 251 + 77
    # PIL clips grey of 16 bits at 255 instead of scaling it; the high byte is what it takes of 16-bit RGB.
    high_byte = Image.fromarray((wide >> 8).astype(np.uint8)).convert("RGB")
    save("grey-16-bit.png", Image.fromarray(wide), golden=high_byte)
    save_bytes("rgb-16-bit.png", png_of_16_bits(np.asarray(rgb).astype(np.uint16) * 251 + 77))
    save("grey-16-bit.tiff", Image.fromarray(wide), golden=high_byte)

    turned = rgb.transpose(Image.Transpose.ROTATE_180)
    frames = [rgb.quantize(32), turned.quantize(32)]
    save("animated.gif", frames[0], save_all=True, append_images=frames[1:], duration=100)
    save("transparent.gif", palette, transparency=3)
    save("lossy.webp", rgb, quality=90)
    save("alpha.webp", with_alpha(rgb), lossless=True, exact=True)
    save("animated.webp", rgb, save_all=True, append_images=[turned], lossless=True)
    save("rgb.bmp", rgb)
    save("palette.bmp", palette)
    save("lzw.tiff", rgb, compression="tiff_lzw")
    save("cmyk.tiff", cmyk)

    text = b"A photo by its name alone.\n"
    huge = png_chunk(b"IHDR", (30_000).to_bytes(4) * 2 + bytes([8, 2, 0, 0, 0])) + png_chunk(b"IDAT", b"")
    (REFUSED / "text.jpg").write_bytes(text)
    (REFUSED / "huge.png").write_bytes(PNG_SIGNATURE + huge)
    palette.save(REFUSED / "palette.tiff")


if __name__ == "__main__":
    main()
