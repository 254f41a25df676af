"""Writes one small picture of every kind that decode has to read, and what PIL makes of each.

    pip install numpy "pillow<13" tifffile imagecodecs
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
import tifffile
from PIL import Image, ImageOps
from PIL.TiffImagePlugin import ImageFileDirectory_v2

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


XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>'
XMP_ELEMENT = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><tiff:Orientation>%d</tiff:Orientation></x:xmpmeta>'


def exif(value: int, kind: int = 3) -> bytes:
    """A TIFF header and one entry of this kind (1 byte, 3 short, 4 long): the orientation."""
    number = value.to_bytes({1: 1, 3: 2, 4: 4}[kind], "little").ljust(4, b"\0")
    entry = ORIENTATION.to_bytes(2, "little") + kind.to_bytes(2, "little") + (1).to_bytes(4, "little") + number
    return b"II*\0\x08\0\0\0\x01\0" + entry + bytes(4)


def app1(data: bytes) -> bytes:
    return b"\xff\xe1" + (len(data) + 2).to_bytes(2) + data


def with_app1(data: bytes, *segments: bytes) -> bytes:
    return data[:2] + b"".join(app1(segment) for segment in segments) + data[2:]


def xmp_segment(packet: str) -> bytes:
    return b"http://ns.adobe.com/xap/1.0/\0" + packet.encode()


def png_with(picture: Image.Image, kind: bytes, data: bytes, *, behind: bool) -> bytes:
    """With a further chunk before the pixels or behind them."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    whole = buffer.getvalue()
    at = whole.index(b"IEND" if behind else b"IDAT") - 4
    return whole[:at] + png_chunk(kind, data) + whole[at:]


def raw_profile(data: bytes) -> bytes:
    """The text that ImageMagick writes."""
    digits = data.hex()
    lines = [digits[start : start + 72] for start in range(0, len(digits), 72)]
    return f"\nexif\n{len(data):8}\n".encode() + "\n".join(lines).encode() + b"\n"


def webp_with(picture: Image.Image, kind: bytes, data: bytes) -> bytes:
    """With a further chunk at the end, whatever it holds."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", lossless=True, xmp=b"x" if kind == b"XMP " else b"", exif=exif(1) if kind == b"EXIF" else b"")
    whole = buffer.getvalue()
    whole = whole[: whole.index(kind)] + kind + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2)
    return whole[:4] + (len(whole) - 8).to_bytes(4, "little") + whole[8:]


def orientations(rgb: Image.Image) -> None:
    """Wherever PIL finds an orientation: 6 or 8, so that width and height are exchanged."""
    plain = jpeg(rgb)
    save_bytes("orientation-long.jpg", with_app1(plain, b"Exif\0\0" + exif(6, 4)))
    save_bytes("orientation-byte.jpg", with_app1(plain, b"Exif\0\0" + exif(6, 1)))
    save_bytes("orientation-twice.jpg", with_app1(plain, b"Exif\0\0" + exif(6), b"Exif\0\0" + exif(8)))
    save_bytes("orientation-xmp.jpg", with_app1(plain, xmp_segment(XMP % 8)))
    save_bytes("orientation-xmp-element.jpg", with_app1(plain, xmp_segment(XMP_ELEMENT % 6)))
    save_bytes("orientation-exif-and-xmp.jpg", with_app1(plain, b"Exif\0\0" + exif(6), xmp_segment(XMP % 8)))
    save_bytes("orientation-invalid.jpg", with_app1(plain, b"Exif\0\0" + exif(9), xmp_segment(XMP % 8)))
    text = b"Raw profile type exif\0"
    profile = raw_profile(b"Exif\0\0" + exif(6))
    save_bytes("orientation-behind.png", png_with(rgb, b"eXIf", exif(6), behind=True))
    save_bytes("orientation-text.png", png_with(rgb, b"tEXt", text + profile, behind=False))
    save_bytes("orientation-ztxt.png", png_with(rgb, b"zTXt", text + b"\0" + zlib.compress(profile), behind=False))
    keyword = b"XML:com.adobe.xmp\0"
    save_bytes("orientation-xmp.png", png_with(rgb, b"iTXt", keyword + bytes(4) + (XMP % 8).encode(), behind=False))
    packed = keyword + b"\1\0\0\0" + zlib.compress((XMP % 8).encode())
    save_bytes("orientation-packed-xmp.png", png_with(rgb, b"iTXt", packed, behind=True))
    save_bytes("orientation-prefix.webp", webp_with(rgb, b"EXIF", b"Exif\0\0" + exif(6)))
    save_bytes("orientation-xmp.webp", webp_with(rgb, b"XMP ", (XMP % 8).encode()))
    save("orientation-xmp.tiff", rgb, tiffinfo={700: (XMP % 8).encode()})


def packed_tiff(values: np.ndarray, bits: int, photometric: int, colours: np.ndarray | None = None, **tags: int) -> bytes:
    """A TIFF of less than a byte a pixel, which PIL reads and does not write: [height, width] u8."""
    height, width = values.shape
    digits = np.unpackbits(values[..., None], axis=-1)[..., 8 - bits :].reshape(height, -1)
    data = np.packbits(digits, axis=1).tobytes()
    directory = ImageFileDirectory_v2(prefix=b"II")
    directory[256], directory[257], directory[258] = width, height, bits
    directory[259], directory[262], directory[277], directory[278] = 1, photometric, 1, height
    directory[273], directory[279] = 0, len(data)  # counted from the end of the directory
    if colours is not None:
        directory[320] = tuple((colours.T.astype(int) * 257).ravel())
    for tag, value in tags.items():
        directory[int(tag[1:])] = value
    buffer = io.BytesIO()
    directory.save(buffer)
    return buffer.getvalue() + data


def written(values: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, metadata=None, software=False, **options)
    return buffer.getvalue()


def tiffs(rgb: Image.Image) -> None:
    values, grey = np.asarray(rgb), np.asarray(rgb.convert("L"))
    wide, fine = values.astype(np.uint16) * 251 + 77, with_alpha(rgb)
    high = Image.fromarray((wide >> 8).astype(np.uint8))
    save("deflate.tiff", rgb, compression="tiff_adobe_deflate")
    save("packbits.tiff", rgb, compression="packbits")
    save("rgba.tiff", fine)
    save("bilevel.tiff", rgb.convert("1"))
    rgb.convert("1").save(REFUSED / "fax-3.tiff", compression="group3")
    save("fax-4.tiff", rgb.convert("1"), compression="group4")
    save("palette.tiff", rgb.quantize(200))
    save("palette-lzw.tiff", rgb.quantize(200), compression="tiff_lzw")
    for bits in (1, 2, 4):
        palette = rgb.quantize(2**bits)
        colours = np.zeros((2**bits, 3), np.uint8)
        found = np.array(palette.getpalette()).reshape(-1, 3)[: 2**bits]
        colours[: len(found)] = found
        save_bytes(f"palette-{bits}-bit.tiff", packed_tiff(np.asarray(palette), bits, 3, colours))
    for bits in (2, 4):
        for name, photometric in (("grey", 1), ("white-is-zero", 0)):
            save_bytes(f"{name}-{bits}-bit.tiff", packed_tiff(grey >> (8 - bits), bits, photometric))
    save_bytes("white-is-zero.tiff", written(grey, photometric="miniswhite"))
    save_bytes("white-is-zero-1-bit.tiff", packed_tiff(grey >> 7, 1, 0))
    save_bytes("big.tiff", written(values, bigtiff=True))
    save_bytes("big-palette.tiff", written(np.asarray(rgb.quantize(200)), bigtiff=True, photometric="palette", colormap=big_map(rgb)))
    save_bytes("big-endian.tiff", written(wide, byteorder=">"), high)
    save_bytes("rgb-16-bit.tiff", written(wide), high)
    save_bytes("predictor.tiff", written(values, compression="lzw", predictor=True))
    save_bytes("tiled.tiff", written(values, tile=(16, 16)))
    save_bytes("planar.tiff", written(np.moveaxis(values, -1, 0), planarconfig="separate", photometric="rgb"))
    save_bytes("planar-16-bit.tiff", written(np.moveaxis(wide, -1, 0), planarconfig="separate", photometric="rgb"), high)
    save_bytes("multiplied.tiff", written(np.asarray(fine), extrasamples=["assocalpha"]))
    save_bytes("strips.tiff", written(values, rowsperstrip=5))
    unread = {
        "float": written(grey.astype(np.float32) / 255),
        "integers-32-bit": written(grey.astype(np.uint32) << 24),
        "signed": written(grey.astype(np.int16)),
        "fill-order-2": packed_tiff(grey, 8, 1, t266=2),
        "jpeg-inside": written(values, compression="jpeg", photometric="ycbcr"),
        "grey-jpeg-inside": written(grey, compression="jpeg"),
        "lab": written(values, photometric="cielab"),
        "zstandard": written(values, compression="zstd"),
        "lzma": written(values, compression="lzma"),
        "grey-alpha": written(np.stack([grey, grey], -1), photometric="minisblack", extrasamples=["unassalpha"]),
        "five-channels": written(np.concatenate([values, values[..., :2]], -1), photometric="rgb", extrasamples=[2, 0]),
    }
    for name, data in unread.items():
        (REFUSED / f"{name}.tiff").write_bytes(data)


def big_map(rgb: Image.Image) -> np.ndarray:
    colours = np.zeros((256, 3), np.uint16)
    found = np.array(rgb.quantize(200).getpalette()).reshape(-1, 3)
    colours[: len(found)] = found
    return colours.T * 257


def save(name: str, picture: Image.Image, golden: Image.Image | None = None, **options) -> None:
    picture.save(FORMATS / name, **options)
    write_golden(name, golden)


def save_bytes(name: str, data: bytes, golden: Image.Image | None = None) -> None:
    (FORMATS / name).write_bytes(data)
    write_golden(name, golden)


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
    orientations(rgb)
    tiffs(rgb)

    text = b"A photo by its name alone.\n"
    huge = png_chunk(b"IHDR", (30_000).to_bytes(4) * 2 + bytes([8, 2, 0, 0, 0])) + png_chunk(b"IDAT", b"")
    (REFUSED / "text.jpg").write_bytes(text)
    (REFUSED / "huge.png").write_bytes(PNG_SIGNATURE + huge)


if __name__ == "__main__":
    main()
