"""``python -m glimpse.ray PHOTOS CAPTIONS``: a folder of photos to a folder of Parquet files, on Ray."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Of pictures that are read.
SUFFIXES = (".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
# Rows of a file of the index and of a file of captions; as many are captioned anew after a stop, for each actor.
FEWEST_ROWS, MOST_ROWS = 16, 4096


class UsageError(Exception):
    """Wrong use, told in one line."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="python -m glimpse.ray",
        description="Caption all photos in a folder and the folders in it, on Ray: this machine, or the cluster that "
        "--address names. The photos and the output have to lie where every node sees them.",
    )
    options.add_argument("photos", type=Path, help="the folder")
    options.add_argument("captions", type=Path, help="the folder to write Parquet files to")
    options.add_argument("--resume", action="store_true", help="go on where an earlier run stopped")
    options.add_argument("--address", help="of a Ray cluster; without it Ray is started here")
    options.add_argument("--model", type=Path, help="a bundle's folder [default: the model in the wheel]")
    options.add_argument(
        "--actors", type=int, help="processes that hold the model [default: as many as there are CPUs]"
    )
    options.add_argument("--threads", type=int, default=1, help="threads of each of them [default: 1]")
    options.add_argument("--num-gpus", type=float, default=0, help="GPUs of each of them [default: 0]")
    options.add_argument("--precision", default="auto", help="auto, fp32, fp16 or int8")
    options.add_argument("--batch-size", type=int, default=8, help="photos that run together [default: 8]")
    options.add_argument("--num-beams", type=int, help="1 is greedy search [default: the bundle's]")
    options.add_argument("--num-return-sequences", type=int, help="captions for each photo")
    options.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another decoding option, such as length_penalty=1.0; may be repeated",
    )
    return options


def main(arguments: list[str] | None = None) -> int:
    """Runs the command. Exit codes: 0 every photo captioned, 1 some failed (column ``error``), 2 wrong use."""
    given = parser().parse_args(arguments)
    try:
        return _run(given)
    except (UsageError, TypeError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _run(given: argparse.Namespace) -> int:
    work = Work(given.captions)
    settings = {"model": None if given.model is None else str(given.model.resolve()), "precision": given.precision}
    settings["options"] = _options(given)
    settings["photos"] = str(given.photos.resolve())
    work.begin(settings, given.resume)
    # Nothing is reported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    from glimpse.ray import caption

    _start(given.address)
    work.index(given.photos)
    context = ray.data.DataContext.get_current()
    context.checkpoint_config = ray.data.checkpoint.CheckpointConfig(
        id_column="id", checkpoint_path=str(work.checkpoint), delete_checkpoint_on_success=False
    )
    # The folder, and not its files: threads of Ray's that look at many paths at once disturb each other's imports.
    photos = ray.data.read_parquet(str(work.progress / "index"))
    # Ray reads small files together. What an actor works on is what a checkpoint holds.
    photos = photos.repartition(target_num_rows_per_block=work.rows())
    captions = caption(
        photos,
        model=given.model,
        actors=given.actors,
        threads=given.threads,
        num_gpus=given.num_gpus,
        precision=given.precision,
        batch_size=given.batch_size,
        **settings["options"],
    )
    captions.write_parquet(str(work.output))
    return work.report()


def _start(address: str | None) -> None:
    """Connects to a cluster, or starts Ray on this machine."""
    import ray

    if address is not None:
        ray.init(address=address, logging_level=logging.WARNING)
        return
    # CPUs are only counted: two more than the cores, so that reading and writing go on beside the actors.
    cpus = max(os.cpu_count() or 1, 2) + 2
    for is_last in (False, False, True):
        try:
            ray.init(num_cpus=cpus, include_dashboard=False, logging_level=logging.WARNING)
            return
        except Exception as error:
            # Ray gives a busy machine half a minute.
            if is_last or "timed out during startup" not in str(error):
                raise UsageError(f"Ray does not start: {error}") from error
            ray.shutdown()


def _options(given: argparse.Namespace) -> dict[str, Any]:
    """The decoding options by their keys."""
    options: dict[str, Any] = {"num_beams": given.num_beams, "num_return_sequences": given.num_return_sequences}
    for text in given.option:
        key, is_pair, value = text.partition("=")
        if not is_pair:
            raise UsageError(f"--option {text}: give KEY=VALUE, such as length_penalty=1.0")
        try:
            options[key.replace("-", "_")] = json.loads(value)
        except json.JSONDecodeError:
            options[key.replace("-", "_")] = value
    return {key: value for key, value in options.items() if value is not None}


class Work:
    """The folders of a run: the Parquet files, and beside them what a later run needs to go on.

    ``NAME.progress/`` has ``settings.json``, ``index/`` (the photos, each with its id) and ``checkpoint/`` (Ray's: the
    ids that are done).
    """

    def __init__(self, output: Path) -> None:
        self.output = output.resolve()
        self.progress = self.output.with_name(self.output.name + ".progress")
        self.checkpoint = self.progress / "checkpoint"

    def begin(self, settings: dict[str, Any], resume: bool) -> None:
        """Refuses to mix two runs; notes the settings of a new one."""
        noted = self.progress / "settings.json"
        if not resume:
            for folder in (self.output, self.progress):
                if folder.exists():
                    raise UsageError(f"{folder} exists; give --resume to go on with it, or remove it")
            if not Path(settings["photos"]).is_dir():
                raise UsageError(f"{settings['photos']} is no folder; give the folder of the photos")
        elif noted.is_file():
            earlier = json.loads(noted.read_text())
            different = [key for key in settings if settings[key] != earlier.get(key)]
            if different:
                told = ", ".join(f"{key}: {earlier.get(key)} and now {settings[key]}" for key in different)
                raise UsageError(
                    f"{self.output} was begun with other settings ({told}); give the same, or begin another"
                )
            return
        elif self.output.exists():
            raise UsageError(f"{self.output} exists and {self.progress} does not: it cannot be resumed; remove it")
        self.progress.mkdir(parents=True)
        _write_whole(noted, json.dumps(settings, indent=2))

    def index(self, photos: Path) -> list[Path]:
        """The files of the index, written at first: each photo of the folder has a number of 8 bytes as its id.

        Photos that come into the folder later are not in it.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder = self.progress / "index"
        if not folder.is_dir():
            paths = list(_pictures(photos.resolve()))
            if not paths:
                shutil.rmtree(self.progress, ignore_errors=True)
                raise UsageError(f"{photos} holds no picture ({', '.join(SUFFIXES)})")
            rows = min(max(len(paths) // 64, FEWEST_ROWS), MOST_ROWS)
            unfinished = self.progress / "index.part"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            for start in range(0, len(paths), rows):
                part = paths[start : start + rows]
                ids = pa.array(range(start, start + len(part)), pa.int64())
                table = pa.table({"id": ids, "path": pa.array(part, pa.string())})
                pq.write_table(table, unfinished / f"{start:012}.parquet")
            unfinished.rename(folder)
        return sorted(folder.glob("*.parquet"))

    def rows(self) -> int:
        """Photos of each file of the index but the last."""
        import pyarrow.parquet as pq

        first: int = pq.read_metadata(min((self.progress / "index").glob("*.parquet"))).num_rows
        return first

    def report(self) -> int:
        """Prints how many photos have a caption, and returns the exit code."""
        import pyarrow.dataset as ds
        import pyarrow.parquet as pq

        photos = sum(pq.read_metadata(file).num_rows for file in (self.progress / "index").glob("*.parquet"))
        written = ds.dataset(self.output, format="parquet")
        rows = written.count_rows()
        failed = written.count_rows(filter=ds.field("error").is_valid())
        print(f"{rows - failed} of {photos} photos have captions in {self.output}; {failed} failed (column error)")
        return 0 if failed == 0 and rows == photos else 1


def _pictures(folder: Path) -> Iterator[str]:
    """The pictures in a folder and the folders in it, sorted; links are followed."""
    for place, folders, files in os.walk(folder, followlinks=True):
        folders.sort()
        for file in sorted(files):
            if file.lower().endswith(SUFFIXES):
                yield os.path.join(place, file)


def _write_whole(path: Path, text: str) -> None:
    """Writes a file that appears whole or not at all."""
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text)
    unfinished.replace(path)
