"""Decodes the pictures of corpus.py and of bundle/tests/image/ as Glimpse does, and compares them with PIL.

    make images

builds what this needs, runs it, and writes docs/images.md. `--check` compares with that page instead. Each picture is
decoded by a process of its own, whose time and largest memory are measured; both have a limit. The exit code is 1 where a
picture differs from PIL by more than its kind may, or a limit is broken.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import corpus
import numpy as np
from PIL import Image, ImageOps

PROJECT = Path(__file__).resolve().parents[2]
PAGE = PROJECT / "docs/images.md"
BEGIN, END = "<!-- table -->\n", "<!-- end -->\n"
# The program's own included. A busy machine is slower by far, and so is a program without optimisation: what counts is
# the time of the processor, and a build for tests has three times as much.
MEGABYTES, SECONDS = 300, 2.0
# Two right JPEG decoders round differently, most where colour is stored at half size; so do two of lossy WebP.
ROUNDED = {".jpg": (4, 0.5), ".webp": (1, 0.1)}
# Files that are read otherwise than PIL reads them, each for a reason.
OTHERWISE = {
    "grey-16-bit": "PIL clips at 255, here the high byte is taken",
    "png-grey-16-bit": "PIL clips at 255, here the high byte is taken",
    "png-grey-16-bit-interlaced": "PIL clips at 255, here the high byte is taken",
    "cmyk": "PIL rounds CMYK otherwise",
    "bmp-555": "five bits are spread to eight with another rounding",
    "bmp-565": "five bits are spread to eight with another rounding",
    "gif-larger-screen": "outside of the first frame PIL shows the palette's first colour, here it is black",
    "planar-16-bit": "PIL does not read planes of 16 bits rightly",
    "jpeg-cut-at-5-percent-with-eoi": "each fills the missing part in its own way",
}
# Where PIL has to be looked at: what it is given here is larger than it reads by itself.
Image.MAX_IMAGE_PIXELS = None
warnings.simplefilter("ignore")


@dataclass
class Row:
    name: str
    pil: str
    ours: str
    seconds: float
    megabytes: float
    problem: str = ""


def by_pil(path: Path) -> tuple[np.ndarray | None, str]:
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > 100_000_000:
                return None, f"{picture.width}x{picture.height}, not decoded here"
            mode = picture.mode
            upright = ImageOps.exif_transpose(picture).convert("RGB")
            return np.asarray(upright), f"{upright.width}x{upright.height} {mode}"
    except Exception as error:  # PIL raises whatever its plugins raise.
        return None, f"refused: {type(error).__name__}"


def by_us(program: str, path: Path) -> tuple[np.ndarray | None, str, float, float]:
    """The pixels or the reason, seconds of the processor, and megabytes at the most."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([program, str(path)], stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = usage.ru_utime + usage.ru_stime
        out.seek(0)
        err.seek(0)
        # Not what `wait4` says: that is at least as much as this process has.
        *lines, peak = err.read().decode().strip().split("\n")
        said, megabytes = "\n".join(lines), int(peak.removesuffix(" kB")) * 1024 / 1e6 if peak.endswith(" kB") else 0.0
        if process.returncode == 1 and said.startswith("error: ") and "\n" not in said:
            return None, f"refused: {said.removeprefix('error: ')}", seconds, megabytes
        if process.returncode != 0:
            return None, f"died with {process.returncode}: {said}", seconds, megabytes
        width, height = map(int, out.readline().split())
        pixels = np.frombuffer(out.read(), np.uint8).reshape(height, width, 3)
        return pixels, f"{width}x{height}" + (f", {said}" if said else ""), seconds, megabytes


def largest(one: np.ndarray, other: np.ndarray) -> tuple[int, float]:
    """In strips: the largest pictures have no room for whole differences."""
    most, total = 0, 0.0
    for start in range(0, one.shape[0], 256):
        rows = slice(start, start + 256)
        apart = np.abs(one[rows].astype(np.int16) - other[rows])
        most, total = max(most, int(apart.max())), total + float(apart.sum())
    return most, total / one.size


def compared(program: str, path: Path, slower: float) -> Row:
    theirs, pil = by_pil(path)
    ours, said, seconds, megabytes = by_us(program, path)
    row = Row(path.name, pil, said, seconds, megabytes)
    if megabytes > MEGABYTES or seconds > slower * SECONDS:
        row.problem = f"it takes {seconds:.1f} s and {megabytes:.0f} MB"
    elif said.startswith("died"):
        row.problem = said
    elif ours is not None and theirs is not None:
        if ours.shape != theirs.shape:
            row.problem = f"{ours.shape} pixels, where PIL has {theirs.shape}"
            return row
        most, mean = largest(ours, theirs)
        reason = OTHERWISE.get(path.stem, "")
        allowed = ROUNDED.get(path.suffix, (0, 0.0))
        row.ours += ", the same" if most == 0 else f", at most {most} apart" + (f": {reason}" if reason else "")
        if (most > allowed[0] or mean > allowed[1]) and not reason:
            row.problem = f"at most {most} apart, {mean:.3f} in the mean"
    return row


def pictures(folder: Path) -> list[Path]:
    made = corpus.make(folder)
    kept = PROJECT / "bundle/tests/image"
    return made + [path for name in ("formats", "faults", "refused") for path in sorted((kept / name).iterdir()) if not path.name.endswith(("-jpg.png", "-png.png", "-tif.png"))]


def table(rows: list[Row]) -> str:
    lines = ["| file | PIL | Glimpse |", "|---|---|---|"]
    lines += [f"| `{row.name}` | {row.pil} | {row.ours.replace('|', ' ')} |" for row in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--decode", required=True, help="the example `decode` of glimpse-bundle")
    arguments.add_argument("--check", action="store_true", help="compare with docs/images.md and write nothing")
    arguments.add_argument("--slower", type=float, default=1.0, help="how much longer than 2 s this build may take")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [compared(given.decode, path, given.slower) for path in pictures(Path(folder))]
    most = max(rows, key=lambda row: row.megabytes)
    slowest = max(rows, key=lambda row: row.seconds)
    print(f"{len(rows)} pictures; at most {most.megabytes:.0f} MB ({most.name}) and {slowest.seconds:.2f} s ({slowest.name})")
    problems = [f"{row.name}: {row.problem}" for row in rows if row.problem]
    before, _, rest = PAGE.read_text().partition(BEGIN)
    written, _, after = rest.partition(END)
    if not given.check:
        PAGE.write_text(before + BEGIN + table(rows) + END + after)
    elif written != table(rows):
        changed = set(table(rows).splitlines()) ^ set(written.splitlines())
        problems.append("docs/images.md says otherwise, write it with `make images`: " + "; ".join(sorted(changed)[:6]))
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
