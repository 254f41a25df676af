"""Pictures of the kinds that programs write and PIL reads, made of raw bytes where PIL does not write them.

Each function adds files to a folder; `make` calls them all. They are made when they are needed and not kept: the bombs
are files of some hundred kilobytes that unpack to hundreds of megabytes.
"""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 23, 17
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def photo() -> Image.Image:
    """Smooth, and different in every corner; no side is a multiple of a block."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] / np.array([HEIGHT - 1, WIDTH - 1]).reshape(2, 1, 1)
    channels = [40 + 180 * x, 30 + 200 * y, 220 - 90 * x - 100 * y]
    return Image.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8))


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


# PNG

def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed(rows: np.ndarray, bits: int) -> list[bytes]:
    """Rows of values, [height, width x channels], as PNG and BMP pack them."""
    if bits == 16:
        return [row.astype(">u2").tobytes() for row in rows]
    digits = np.unpackbits(rows.astype(np.uint8)[..., None], axis=-1)[..., 8 - bits :]
    return [np.packbits(row.reshape(-1)).tobytes() for row in digits]


def png(values: np.ndarray, colour: int, bits: int, *before: bytes, interlaced: bool = False) -> bytes:
    """A PNG of [height, width, channels] values."""
    height, width, _ = values.shape
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    data = b""
    for x, y, dx, dy in passes:
        part = values[y::dy, x::dx]
        if part.size:
            data += b"".join(b"\0" + row for row in packed(part.reshape(part.shape[0], -1), bits))
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    body = chunk(b"IHDR", header) + b"".join(before) + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def pngs(files: dict[str, bytes]) -> None:
    rgb = np.asarray(photo())
    grey = rgb[..., 1:2]
    alpha = (255 - grey).astype(np.uint8)
    wide = rgb.astype(np.uint16) * 251 + 77
    colours = np.asarray(photo().quantize(16).getpalette()[:48], np.uint8).tobytes()
    index = np.asarray(photo().quantize(16))[..., None]
    for interlaced in (False, True):
        end = "-interlaced" if interlaced else ""
        for bits in (1, 2, 4, 8):
            files[f"png-grey-{bits}-bit{end}.png"] = png(grey >> (8 - bits), 0, bits, interlaced=interlaced)
        for bits in (1, 2, 4, 8):
            palette = chunk(b"PLTE", colours[: 3 * min(16, 2**bits)])
            files[f"png-palette-{bits}-bit{end}.png"] = png(index % 2**min(bits, 4), 3, bits, palette, interlaced=interlaced)
        files[f"png-rgb{end}.png"] = png(rgb, 2, 8, interlaced=interlaced)
        files[f"png-rgb-16-bit{end}.png"] = png(wide, 2, 16, interlaced=interlaced)
        files[f"png-grey-16-bit{end}.png"] = png(wide[..., 1:2], 0, 16, interlaced=interlaced)
        files[f"png-grey-alpha{end}.png"] = png(np.concatenate([grey, alpha], -1), 4, 8, interlaced=interlaced)
        files[f"png-rgba{end}.png"] = png(np.concatenate([rgb, alpha], -1), 6, 8, interlaced=interlaced)
        files[f"png-rgba-16-bit{end}.png"] = png(np.concatenate([wide, wide[..., :1]], -1), 6, 16, interlaced=interlaced)
    palette = chunk(b"PLTE", colours)
    files["png-palette-transparent.png"] = png(index, 3, 4, palette, chunk(b"tRNS", bytes(range(0, 256, 17))))
    files["png-grey-transparent.png"] = png(grey, 0, 8, chunk(b"tRNS", b"\0\x64"))
    files["png-rgb-transparent.png"] = png(rgb, 2, 8, chunk(b"tRNS", b"\0\x28\0\x1e\0\xdc"))
    files["png-gamma-and-background.png"] = png(rgb, 2, 8, chunk(b"gAMA", struct.pack(">I", 22222)), chunk(b"bKGD", bytes(6)))
    frames = [photo(), photo().transpose(Image.Transpose.ROTATE_180)]
    files["png-animated.png"] = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=100)
    files["png-row.png"] = png(rgb[:1], 2, 8, interlaced=True)
    files["png-column.png"] = png(rgb[:, :1], 2, 8, interlaced=True)


# BMP

def bmp(data: bytes, bits: int, *, compression: int = 0, colours: bytes = b"", masks: bytes = b"", height: int = HEIGHT, header: int = 40) -> bytes:
    if header == 12:
        information = struct.pack("<IHHHH", 12, WIDTH, height, 1, bits)
    else:
        used = len(colours) // 4
        information = struct.pack("<IiiHHIIiiII", header, WIDTH, height, 1, bits, compression, len(data), 2835, 2835, used, 0)
        information += masks.ljust(header - 40, b"\0") if header > 40 else masks
    offset = 14 + len(information) + len(colours)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + information + colours + data


def padded(rows: list[bytes]) -> bytes:
    """Rows from the lowest up, each of whole words."""
    return b"".join(row + bytes(-len(row) % 4) for row in reversed(rows))


def run_lengths(rows: np.ndarray, bits: int) -> bytes:
    """RLE8 or RLE4: runs, and a stretch without runs in each row."""
    data = b""
    for row in rows[::-1]:
        values = row.tolist()
        at = 0
        while at < len(values):
            length = 1
            while at + length < len(values) and values[at + length] == values[at] and length < 255:
                length += 1
            value = values[at] if bits == 8 else values[at] * 17
            data += bytes([length, value])
            at += length
        data += b"\0\0"
    return data + b"\0\1"


def bmps(files: dict[str, bytes]) -> None:
    rgb = np.asarray(photo())
    bgr = rgb[..., ::-1]
    for bits in (1, 4, 8):
        palette = photo().quantize(2 ** min(bits, 6))
        index = np.asarray(palette)
        table = np.array(palette.getpalette()[: 3 * 2 ** min(bits, 6)], np.uint8).reshape(-1, 3)
        table = np.concatenate([table, np.zeros((2**bits - len(table), 3), np.uint8)])
        quads = np.concatenate([table[:, ::-1], np.zeros((len(table), 1), np.uint8)], -1).tobytes()
        rows = padded(packed(index, bits))
        files[f"bmp-palette-{bits}-bit.bmp"] = bmp(rows, bits, colours=quads)
        files[f"bmp-os2-palette-{bits}-bit.bmp"] = bmp(rows, bits, colours=table[:, ::-1].tobytes(), header=12)
        if bits > 1:
            files[f"bmp-rle{bits}.bmp"] = bmp(run_lengths(index, bits), bits, compression=3 - bits // 4, colours=quads)
    files["bmp-rgb.bmp"] = bmp(padded([row.tobytes() for row in bgr]), 24)
    files["bmp-os2-rgb.bmp"] = bmp(padded([row.tobytes() for row in bgr]), 24, header=12)
    files["bmp-top-down.bmp"] = bmp(padded([row.tobytes() for row in bgr][::-1]), 24, height=-HEIGHT)
    fill = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    files["bmp-rgbx.bmp"] = bmp(np.concatenate([bgr, fill], -1)[::-1].tobytes(), 32)
    red, green, blue = (rgb[..., channel].astype(np.uint16) for channel in range(3))
    five = padded([row.tobytes() for row in ((red >> 3) << 10 | (green >> 3) << 5 | blue >> 3)])
    six = padded([row.tobytes() for row in ((red >> 3) << 11 | (green >> 2) << 5 | blue >> 3)])
    files["bmp-555.bmp"] = bmp(five, 16)
    files["bmp-565.bmp"] = bmp(six, 16, compression=3, masks=struct.pack("<III", 0xF800, 0x07E0, 0x001F))
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    alpha = np.concatenate([bgr, rgb[..., :1]], -1)[::-1].tobytes()
    files["bmp-v4-alpha.bmp"] = bmp(alpha, 32, compression=3, masks=masks, header=108)
    files["bmp-v5-alpha.bmp"] = bmp(alpha, 32, compression=3, masks=masks, header=124)


# GIF

def gifs(files: dict[str, bytes]) -> None:
    palette = photo().quantize(64)
    files["gif-interlaced.gif"] = saved(palette, "GIF", interlace=1)
    files["gif-plain.gif"] = saved(palette, "GIF", interlace=0)
    files["gif-2-colours.gif"] = saved(photo().convert("1"), "GIF")
    files["gif-grey.gif"] = saved(photo().convert("L"), "GIF")
    files["gif-transparent.gif"] = saved(palette, "GIF", transparency=5)
    turned = palette.transpose(Image.Transpose.ROTATE_180)
    files["gif-animated.gif"] = saved(palette, "GIF", save_all=True, append_images=[turned], duration=50, disposal=2)
    # The first frame covers a part of the screen only.
    whole = bytearray(saved(palette, "GIF"))
    whole[6:10] = struct.pack("<HH", WIDTH + 9, HEIGHT + 5)
    files["gif-larger-screen.gif"] = bytes(whole)
    files["gif-comment.gif"] = saved(palette, "GIF", comment=b"a comment " * 100)


# JPEG, WebP and TIFF, whose kinds bundle/tests/image/ has

def others(files: dict[str, bytes]) -> None:
    rgb = photo()
    for subsampling in (0, 1, 2):
        for kind, options in (("baseline", {}), ("progressive", {"progressive": True}), ("optimised", {"optimize": True})):
            files[f"jpeg-{kind}-{('444', '422', '420')[subsampling]}.jpg"] = saved(rgb, "JPEG", quality=90, subsampling=subsampling, **options)
    for quality in (1, 50, 100):
        files[f"jpeg-quality-{quality}.jpg"] = saved(rgb, "JPEG", quality=quality)
    files["jpeg-grey.jpg"] = saved(rgb.convert("L"), "JPEG", quality=90)
    files["jpeg-cmyk.jpg"] = saved(rgb.convert("CMYK"), "JPEG", quality=90)
    files["jpeg-restart.jpg"] = saved(rgb, "JPEG", quality=90, restart_marker_blocks=1)
    files["jpeg-profile-and-comment.jpg"] = saved(rgb, "JPEG", quality=90, icc_profile=b"x" * 100_000, comment=b"c" * 1000)
    baseline = bytearray(files["jpeg-baseline-444.jpg"])
    at = baseline.index(b"\xff\xc0")
    baseline[at + 1] = 0xC9
    files["jpeg-arithmetic.jpg"] = bytes(baseline)
    baseline[at + 1], baseline[at + 4] = 0xC1, 12
    files["jpeg-12-bit.jpg"] = bytes(baseline)
    fine = rgb.copy()
    fine.putalpha(rgb.convert("L"))
    for name, picture in (("rgb", rgb), ("alpha", fine)):
        files[f"webp-{name}-lossless.webp"] = saved(picture, "WEBP", lossless=True, exact=True)
        files[f"webp-{name}-lossy.webp"] = saved(picture, "WEBP", quality=90)
    files["webp-few-colours.webp"] = saved(rgb.quantize(4).convert("RGB"), "WEBP", lossless=True)
    files["webp-animated-lossy.webp"] = saved(rgb, "WEBP", save_all=True, append_images=[fine.convert("RGB")], quality=90)
    files["webp-profile.webp"] = saved(rgb, "WEBP", lossless=True, icc_profile=b"x" * 3000)
    for compression in ("raw", "tiff_lzw", "packbits", "tiff_adobe_deflate"):
        for name, picture in (("rgb", rgb), ("grey", rgb.convert("L")), ("palette", rgb.quantize(50)), ("bilevel", rgb.convert("1"))):
            files[f"tiff-{name}-{compression}.tiff"] = saved(picture, "TIFF", compression=compression)
    files["tiff-group4.tiff"] = saved(rgb.convert("1"), "TIFF", compression="group4")
    files["tiff-group3.tiff"] = saved(rgb.convert("1"), "TIFF", compression="group3")
    files["tiff-jpeg.tiff"] = saved(rgb, "TIFF", compression="jpeg")
    files["tiff-two-pages.tiff"] = saved(rgb, "TIFF", save_all=True, append_images=[rgb.transpose(Image.Transpose.ROTATE_180)])
    for value in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = value
        files[f"orientation-{value}.png"] = saved(rgb, "PNG", exif=exif)
        files[f"orientation-{value}.webp"] = saved(rgb, "WEBP", lossless=True, exif=exif)
        files[f"orientation-{value}.tiff"] = saved(rgb, "TIFF", tiffinfo={0x0112: value})


# Cut, damaged, and too large

def cut(files: dict[str, bytes]) -> None:
    for name in ("png-rgb.png", "jpeg-baseline-420.jpg", "jpeg-progressive-420.jpg", "gif-plain.gif", "bmp-rgb.bmp", "webp-rgb-lossy.webp", "tiff-rgb-tiff_lzw.tiff"):
        for percent in (10, 50, 95):
            stem, suffix = name.rsplit(".", 1)
            files[f"cut-{percent}-percent-{stem}.{suffix}"] = files[name][: len(files[name]) * percent // 100]
    files["no-picture.jpg"] = b"A photo by its name alone.\n"
    files["empty.png"] = b""


def zeros(count: int) -> bytes:
    packer = zlib.compressobj(1)
    piece = bytes(1 << 20)
    parts = [packer.compress(piece) for _ in range(count >> 20)] + [packer.compress(bytes(count & 0xFFFFF)), packer.flush()]
    return b"".join(parts)


def bomb_png(width: int, height: int, colour: int, bits: int, *, is_whole: bool = False) -> bytes:
    """Black. What a reader must refuse by the header has only the beginning of its pixels."""
    channels = {0: 1, 2: 3, 6: 4}[colour]
    row = 1 + (width * channels * bits + 7) // 8
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    data = zeros(row * height if is_whole else row)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def tiff(entries: list[tuple[int, int, int, int]], data: bytes = b"") -> bytes:
    """A TIFF with these entries (tag, type, count, value); data begin behind the directory."""
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries)) + bytes(4)
    return b"II*\0\x08\0\0\0" + directory + data


def bombs(files: dict[str, bytes]) -> None:
    text = zlib.compress(bytes(100 << 20), 1)
    small = np.asarray(photo())
    files["bomb-png-81-megapixels.png"] = bomb_png(9000, 9000, 2, 8, is_whole=True)
    # Just below the limit.
    files["bomb-jpeg-94-megapixels.jpg"] = saved(Image.new("RGB", (11_900, 7900), (90, 120, 40)), "JPEG")
    files["bomb-png-1-bit-268-megapixels.png"] = bomb_png(16384, 16384, 0, 1)
    files["bomb-png-16-bit-64-megapixels.png"] = bomb_png(8000, 8000, 6, 16)
    files["bomb-png-side-too-long.png"] = bomb_png(20_000, 10, 0, 8)
    files["bomb-png-text.png"] = png(small, 2, 8, chunk(b"zTXt", b"Raw profile type exif\0\0" + text))
    files["bomb-png-profile.png"] = png(small, 2, 8, chunk(b"iCCP", b"profile\0\0" + text))
    files["bomb-gif-screen.gif"] = b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + saved(photo().quantize(4), "GIF")[13:]
    huge = bytearray(bmp(b"", 24))
    huge[18:26] = struct.pack("<ii", 100_000, 100_000)
    files["bomb-bmp-header.bmp"] = bytes(huge)
    run = bytearray(bmp(b"\0\1", 8, compression=1, colours=bytes(1024)))
    run[18:26] = struct.pack("<ii", 8000, 8000)
    files["bomb-bmp-rle-64-megapixels.bmp"] = bytes(run)
    strip = zeros(9000 * 9000 * 3)
    entries = [(256, 4, 1, 9000), (257, 4, 1, 9000), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 2), (277, 3, 1, 3), (278, 4, 1, 9000)]
    behind = 8 + 2 + 12 * 9 + 4
    files["bomb-tiff-deflate-81-megapixels.tiff"] = tiff([*entries, (273, 4, 1, behind), (279, 4, 1, len(strip))], strip)
    # Values of a tag: far more than the file holds, and as many as it says.
    files["bomb-tiff-long-list.tiff"] = tiff([*entries, (273, 4, 8_000_000, behind), (279, 4, 8_000_000, behind)], bytes(64))
    files["bomb-tiff-lists-that-are-there.tiff"] = tiff([*entries, (273, 1, 8_000_000, behind), (279, 1, 8_000_000, behind)], bytes(8_000_000))
    files["bomb-webp-16-megapixels.webp"] = saved(Image.new("RGB", (4000, 4000), (90, 120, 40)), "WEBP", lossless=True, method=0)
    scans = files["jpeg-progressive-420.jpg"]
    start = scans.index(b"\xff\xda")
    header = bytearray(scans[:start])
    size = header.index(b"\xff\xc2") + 5
    header[size : size + 4] = struct.pack(">HH", 8000, 8000)
    first = scans[start : scans.index(b"\xff", start + 14)]
    files["bomb-jpeg-1000-scans.jpg"] = bytes(header) + first * 1000 + b"\xff\xd9"


def make(folder: Path) -> list[Path]:
    """Writes all of them; the paths in the order in which they are made."""
    files: dict[str, bytes] = {}
    for add in (pngs, bmps, gifs, others, cut, bombs):
        add(files)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in files]
