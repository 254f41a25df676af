"""Captions the example photos with every ONNX Runtime from 1.16 to the newest, and compares what comes out.

    make onnxruntime-versions

runs this and writes docs/onnxruntime.md. It needs pip, npm and half a gigabyte of downloads, which stay in .cache/onnxruntime.
Of each minor version the newest patch is taken, and the first release of 1.17. PyPI's wheels hold the shared library
since 1.19; that of older releases comes from the npm package onnxruntime-node.

A version passes when it gives the same ids as the newest one, greedy and with 5 beams and all 5 captions of each photo,
and log-probabilities within 1e-3; with int8 graphs, which round in every layer, within 2e-2. 1.16 has to be refused, with
one line that says why. The exit code is 1 where a version does not pass.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PAGE = PROJECT / "docs/onnxruntime.md"
# A version that rounds otherwise in f32 differs in the sixth digit, in int8 by a step of some value.
TOLERANCE = {"f32": 1e-3, "int8": 2e-2}
OLDEST, REFUSED, FIRST_WHEEL = (1, 17), (1, 16), (1, 19)
NPM_PLATFORM = "x64"
PYTHONS = ["3.12", "3.11", "3.13", "3.14", "3.10"]
PLATFORMS = [f"manylinux{tag}_x86_64" for tag in ("2014", "_2_17", "_2_27", "_2_28", "_2_34")]
# Precision, and what is asked for.
RUNS = {
    "f32, greedy": ["--precision", "fp32", "--num-beams", "1"],
    "f32, 5 beams": ["--precision", "fp32", "--num-beams", "5", "--num-return-sequences", "5"],
    "int8, greedy": ["--precision", "int8", "--num-beams", "1"],
    "int8, 5 beams": ["--precision", "int8", "--num-beams", "5", "--num-return-sequences", "5"],
}


def run(*command: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, **options)


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def released() -> list[str]:
    """Every version on PyPI, as pip lists them."""
    answer = run(sys.executable, "-m", "pip", "index", "versions", "onnxruntime")
    found = re.search(r"Available versions: (.*)", answer.stdout)
    if found is None:
        sys.exit(f"pip lists no version of onnxruntime: {answer.stderr.strip().splitlines()[-1:]}")
    return [version.strip() for version in found[1].split(",")]


def on_npm() -> list[str]:
    answer = run("npm", "view", "onnxruntime-node", "versions", "--json")
    if answer.returncode != 0:
        sys.exit("npm lists no version of onnxruntime-node")
    return [version for version in json.loads(answer.stdout) if re.fullmatch(r"[\d.]+", version)]


def chosen() -> list[str]:
    """The newest patch of each minor version, and the oldest release that is promised, oldest first."""
    wheels = [version for version in released() if number(version) >= FIRST_WHEEL]
    packages = [version for version in on_npm() if REFUSED <= number(version)[:2] < FIRST_WHEEL]
    newest: dict[tuple[int, ...], str] = {}
    for version in sorted(wheels + packages, key=number):
        newest[number(version)[:2]] = version
    first = min((version for version in packages if number(version)[:2] == OLDEST), key=number)
    return sorted({*newest.values(), first}, key=number)


def unpack(archive: Path, folder: Path) -> Path | None:
    """The library inside a wheel or an npm package."""
    is_library = re.compile(rf"(capi|linux/{NPM_PLATFORM})/libonnxruntime\.so(\.[\d.]+)?$").search
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            names = [name for name in wheel.namelist() if is_library(name)]
            contents = {name: wheel.read(name) for name in names}
    else:
        with tarfile.open(archive) as package:
            members = [member for member in package if member.isfile() and is_library(member.name)]
            contents = {member.name: package.extractfile(member).read() for member in members}
    if not contents:
        return None
    name, content = max(contents.items(), key=lambda item: len(item[1]))
    library = folder / Path(name).name
    library.write_bytes(content)
    return library


def library_of(version: str, cache: Path) -> Path:
    folder = cache / version
    kept = sorted(folder.glob("libonnxruntime.so*")) if folder.is_dir() else []
    if kept:
        return kept[-1]
    folder.mkdir(parents=True, exist_ok=True)
    print(f"fetching ONNX Runtime {version}", file=sys.stderr, flush=True)
    if number(version) < FIRST_WHEEL:
        answer = run("npm", "pack", "--silent", f"onnxruntime-node@{version}", cwd=folder)
    for python in PYTHONS if number(version) >= FIRST_WHEEL else []:
        flags = [flag for tag in PLATFORMS for flag in ("--platform", tag)]
        answer = run(
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
            "--python-version", python, *flags, "--dest", str(folder), f"onnxruntime=={version}",
        )
        if answer.returncode == 0:
            break
    archives = [path for path in folder.iterdir() if path.suffix in {".whl", ".tgz"}]
    library = unpack(archives[0], folder) if archives else None
    for archive in archives:
        archive.unlink()
    if library is None:
        shutil.rmtree(folder)
        sys.exit(f"ONNX Runtime {version} cannot be fetched: {answer.stderr.strip().splitlines()[-1:]}")
    return library


def captions(program: str, library: Path, flags: list[str]) -> tuple[list[dict] | None, str]:
    """The captions of every photo in order, or `None` and what the program says."""
    # Only what is named here decides.
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("GLIMPSE_", "ORT_"))}
    answer = run(
        program, "caption", "--json", "--ort-lib", str(library), *flags, str(PROJECT / "assets/photos"),
        cwd=PROJECT, env=variables | {"GLIMPSE_MODEL": str(PROJECT / "models/flickr8k-edge")},
    )
    if answer.returncode != 0:
        return None, answer.stderr.strip()
    photos = [json.loads(line) for line in answer.stdout.splitlines()]
    return [caption for photo in photos for caption in photo["captions"]], ""


def difference(ours: list[dict], newest: list[dict]) -> float | None:
    """The largest difference of a token's log-probability, or `None` where ids differ."""
    if [caption["token_ids"] for caption in ours] != [caption["token_ids"] for caption in newest]:
        return None
    pairs = zip(ours, newest, strict=True)
    return max(
        abs(a - b) for mine, other in pairs for a, b in zip(mine["token_logprobs"], other["token_logprobs"], strict=True)
    )


def rows(program: str, cache: Path) -> tuple[list[str], bool]:
    versions = chosen()
    libraries = {version: library_of(version, cache) for version in versions}
    newest = {}
    for name, flags in RUNS.items():
        newest[name], reason = captions(program, libraries[versions[-1]], flags)
        if newest[name] is None:
            sys.exit(f"ONNX Runtime {versions[-1]}: {reason}")
    lines, passed = [], True
    for version in versions:
        source = "npm" if number(version) < FIRST_WHEEL else "PyPI"
        cells = []
        for name, flags in RUNS.items():
            found, reason = captions(program, libraries[version], flags)
            if found is None:
                is_expected = number(version) < OLDEST and len(reason.splitlines()) == 1 and "1.17" in reason
                passed &= is_expected
                reason = reason.splitlines()[-1].replace(str(libraries[version]), libraries[version].name)
                cells = [f"refused: {reason}" if is_expected else f"failed: {reason}"] + [""] * (len(RUNS) - 1)
                break
            largest = difference(found, newest[name])
            is_same = largest is not None and largest <= TOLERANCE[name.split(",")[0]]
            passed &= is_same and number(version) >= OLDEST
            cells.append("other ids" if largest is None else f"{largest:.1e}")
        lines.append(f"| {version} | {source} | " + " | ".join(cells) + " |")
        print(lines[-1], file=sys.stderr, flush=True)
    return lines, passed


def processor() -> str:
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    found = re.search(r"model name\s*: (.*)", cpuinfo)
    return found[1] if found else platform.machine()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--program", required=True, help="the program glimpse")
    arguments.add_argument("--cache", type=Path, default=PROJECT / ".cache/onnxruntime")
    given = arguments.parse_args()
    if platform.machine() != "x86_64" or sys.platform != "linux":
        sys.exit("the libraries that are fetched run on x86-64 Linux")
    if shutil.which("npm") is None:
        sys.exit("npm is needed for the versions before 1.19 (Debian: apt install npm)")
    lines, passed = rows(given.program, given.cache)
    head = "| ONNX Runtime | from | " + " | ".join(RUNS) + " |"
    table = "\n".join([head, "|---" * (2 + len(RUNS)) + "|", *lines])
    print(table)
    text = PAGE.read_text()
    before, _, rest = text.partition("<!-- table -->\n")
    _, _, after = rest.partition("<!-- end -->\n")
    PAGE.write_text(f"{before}<!-- table -->\n{table}\n\nMeasured on {processor()}.\n<!-- end -->\n{after}")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
