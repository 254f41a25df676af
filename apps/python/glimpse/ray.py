"""Captions many photos with Ray Data, on one machine or a cluster: ``pip install 'glimpse-captioner[ray]'``.

    import glimpse.ray, ray

    photos = ray.data.read_binary_files("s3://bucket/photos", include_paths=True)
    glimpse.ray.caption(photos, num_beams=5).write_parquet("s3://bucket/captions")

``python -m glimpse.ray photos/ captions.parquet --num-beams 5`` does it for a folder and can be stopped and resumed.
Ray distributes and retries; each of its actors holds a ``Captioner``. `docs/scale.md` has the arithmetic.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    import pyarrow as pa
    import ray
except ImportError as missing:
    raise ImportError(
        f"glimpse.ray needs Ray Data ({missing}); install it with `pip install 'glimpse-captioner[ray]'`"
    ) from missing

from glimpse._captioner import Captioner
from glimpse._errors import PhotoError

if TYPE_CHECKING:
    from ray.data import Dataset

_CAPTIONS = pa.list_(
    pa.struct(
        [
            ("generated_text", pa.string()),
            ("score", pa.float32()),
            ("token_ids", pa.list_(pa.int32())),
            ("token_logprobs", pa.list_(pa.float32())),
        ]
    )
)

# While checkpoints are kept: one for Ray's filter of finished rows, one for reading and writing.
_OTHER_CPUS = 2


def caption(
    dataset: Dataset,
    *,
    model: str | os.PathLike[str] | None = None,
    actors: int | None = None,
    threads: int = 1,
    num_gpus: float = 0,
    precision: str = "auto",
    batch_size: int = 8,
    rows: int = 64,
    **options: Any,
) -> Dataset:
    """Adds captions to a data set that has a column ``bytes`` (of picture files) or ``path``.

    The result has the other columns of the data set, without ``bytes``, and
    ``generated_text`` (string, the best caption), ``score`` (float), ``captions`` (a list of ``{generated_text, score,
    token_ids, token_logprobs}``, best first) and ``error`` (string: why a photo has none). No row is lost; their order
    may change. Write it with ``write_parquet``.

    Args:
        dataset: with ``bytes``, as ``ray.data.read_binary_files`` gives them (faster than ``read_images``, which
            decodes with PIL), or with ``path``: files that every node sees, or URIs that pyarrow opens. Paths are
            leaner: the bytes then never pass through Ray.
        model: the bundle's folder, on every node; by default the model in the wheel.
        actors: processes that hold the model; by default one for each ``threads`` CPUs of the cluster, less two CPUs
            for reading, writing and checkpoints, or one for each share of a GPU that ``num_gpus`` names.
        threads: threads of each actor; as many CPUs are reserved for it, so that cores are not shared.
        num_gpus: GPUs that each actor reserves; above 0 it runs on CUDA.
        precision: as for ``Captioner.from_pretrained``.
        batch_size: photos that run through the network together.
        rows: rows that an actor gets at a time; what a killed actor loses, and is given to another.
        **options: decoding options, as for calling a ``Captioner``.

    Raises:
        TypeError: an unknown option.
        ValueError: options that contradict each other, too few CPUs, or a data set without either column.
    """
    if "output_attentions" in options:
        raise TypeError("output_attentions: attentions are not written; ask a Captioner for those of single photos")
    # Refused here, and not by every actor. The model is opened for that, on the CPU.
    Captioner.from_pretrained(model, device="cpu", precision=precision).generation_config(**options)
    names = dataset.schema().names
    if "bytes" not in names and "path" not in names:
        raise ValueError(f"the data set has the columns {names}; it needs `bytes` or `path`")
    if actors is None:
        actors = _actors(_resources(), threads, num_gpus)
    device = "cuda" if num_gpus else "cpu"
    opened = {"model": model, "device": device, "precision": precision, "threads": threads}
    return dataset.map_batches(
        _Actor,
        fn_constructor_kwargs={"opened": opened, "batch_size": batch_size, "options": options},
        batch_size=rows,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=threads,
        num_gpus=num_gpus or None,
    )


def _resources() -> dict[str, float]:
    if not ray.is_initialized():
        ray.init()
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return resources


def _actors(resources: dict[str, float], threads: int, num_gpus: float) -> int:
    """How many actors the cluster has room for."""
    cpus = resources.get("CPU", 0)
    if num_gpus:
        return max(1, math.floor(resources.get("GPU", 0) / num_gpus))
    actors = math.floor((cpus - _OTHER_CPUS) / threads)
    if actors < 1:
        raise ValueError(
            f"Ray has {cpus:g} CPUs, and an actor of {threads} threads needs {threads + _OTHER_CPUS} with reading and "
            "writing; start Ray with more (ray.init(num_cpus=...)), they may be more than the cores"
        )
    return actors


class _Actor:
    """Holds a captioner in a process of Ray's."""

    def __init__(self, opened: dict[str, Any], batch_size: int, options: dict[str, Any]) -> None:
        self._captioner = Captioner.from_pretrained(**opened)
        self._batch_size = batch_size
        self._options = options

    def __call__(self, batch: pa.Table) -> pa.Table:
        photos = _bytes(batch["bytes"]) if "bytes" in batch.column_names else _opened(batch["path"].to_pylist())
        answers = self._captioner.stream(photos, batch_size=self._batch_size, errors="return", **self._options)
        texts: list[str | None] = []
        scores: list[float | None] = []
        captions: list[list[dict[str, Any]] | None] = []
        errors: list[str | None] = []
        for answer in answers:
            found = [] if isinstance(answer, PhotoError) else answer
            texts.append(found[0]["generated_text"] if found else None)
            scores.append(found[0]["score"] if found else None)
            captions.append([{**one} for one in found] if found else None)
            errors.append(answer.reason if isinstance(answer, PhotoError) else None)
        kept = batch.drop_columns(["bytes"]) if "bytes" in batch.column_names else batch
        for name, values, kind in (
            ("generated_text", texts, pa.string()),
            ("score", scores, pa.float32()),
            ("captions", captions, _CAPTIONS),
            ("error", errors, pa.string()),
        ):
            kept = kept.append_column(name, pa.array(values, kind))
        return kept


def _bytes(column: pa.ChunkedArray) -> Iterator[bytes]:
    """The values one after the other, so that no second copy of all is made."""
    for value in column:
        yield value.as_py() or b""


def _opened(paths: Iterable[str]) -> Iterator[Any]:
    """Each path, or what pyarrow opens for a URI. A failure to open it belongs to that photo."""
    for path in paths:
        yield _Remote(path) if "://" in path else Path(path)


class _Remote:
    """A URI, read when its turn comes."""

    closed = False

    def __init__(self, uri: str) -> None:
        self.name = uri

    def read(self) -> bytes:
        from pyarrow import fs

        filesystem, path = fs.FileSystem.from_uri(self.name)
        with filesystem.open_input_stream(path) as stream:
            content: bytes = stream.read()
        return content


if __name__ == "__main__":
    import sys

    from glimpse._ray_command import main

    sys.exit(main())
