"""A model that captions photos."""

from __future__ import annotations

import difflib
import json
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, overload

from glimpse import _glimpse, _onnxruntime, _photos
from glimpse._errors import PhotoError
from glimpse._photos import Photo

if TYPE_CHECKING:
    import numpy as np

SHIPPED_MODEL = Path(__file__).parent / "model"
"""The bundle that the wheel carries."""

Errors: TypeAlias = Literal["raise", "return"]
_NAMED = ("batch_size", "errors")


class Caption(TypedDict):
    """One caption of a photo."""

    generated_text: str
    """The words, without special tokens."""
    score: float
    """Sum of the natural log-probabilities / length^length_penalty; higher is better."""
    token_ids: list[int]
    """The generated ids: without ``<sos>``, with ``<eos>`` if it was reached."""
    token_logprobs: list[float]
    """The natural log-probability of each of ``token_ids``."""
    attentions: np.ndarray[Any, np.dtype[np.float32]] | None
    """float32 [tokens, cells]: where the decoder looked at each token, over the cells of the grid, row by row; each row
    sums to 1. ``None`` without ``output_attentions=True``. ``Captioner.grid`` has the grid's rows and columns."""


class Captioner:
    """A bundle, opened and ready. Threads may share it; the GIL is released while it works.

    A process that was forked after it was opened cannot use it, and is told so by a ``RuntimeError``: open one in the
    child, or use spawned workers. Pickling carries the arguments of ``from_pretrained``, not the model.
    """

    def __init__(self, engine: _glimpse.Engine, arguments: dict[str, Any]) -> None:
        """Use ``from_pretrained``."""
        self._engine = engine
        self._arguments = arguments
        self._facts: dict[str, Any] = json.loads(engine.describe())

    @classmethod
    def from_pretrained(
        cls,
        model: str | os.PathLike[str] | None = None,
        *,
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
    ) -> Captioner:
        """Opens a bundle and checks its files. Nothing is ever downloaded.

        Args:
            model: the bundle's folder; by default the model in the wheel.
            device: ``auto``, ``cpu``, ``cuda`` or ``cuda:INDEX``. ``auto`` takes CUDA where ONNX Runtime has it and it
                works.
            precision: ``fp32``, ``fp16``, ``int8``, one each as ``ENCODER,DECODER``, or ``auto``.
            threads: threads of ONNX Runtime, and threads that prepare photos; by default the physical cores.

        Raises:
            FileNotFoundError: there is no such folder.
            ImportError: there is no ONNX Runtime.
            ValueError: the bundle is damaged, or has no graph of that precision.
        """
        folder = SHIPPED_MODEL if model is None else Path(model)
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: no such folder; give the folder of a bundle")
        if threads is not None and threads < 1:
            raise ValueError(f"threads is {threads}; give 1 or more")
        library = _onnxruntime.find()
        try:
            engine = _glimpse.Engine(folder, device, precision, threads, library)
        except ImportError as error:
            raise ImportError(f"no ONNX Runtime; {_onnxruntime.ADVICE}") from error
        arguments = {"model": model, "device": device, "precision": precision, "threads": threads}
        captioner = cls(engine, arguments)
        if captioner._facts["fallback"] is not None:
            reason = captioner._facts["fallback"]
            warnings.warn(f"captioning on the CPU, as CUDA cannot be used: {reason}", stacklevel=2)
        return captioner

    @overload
    def __call__(
        self, images: Photo, *, batch_size: int = 8, errors: Literal["raise"] = "raise", **options: Any
    ) -> list[Caption]: ...
    @overload
    def __call__(
        self, images: Photo, *, batch_size: int = 8, errors: Literal["return"], **options: Any
    ) -> list[Caption] | PhotoError: ...
    @overload
    def __call__(
        self, images: Iterable[Photo], *, batch_size: int = 8, errors: Literal["raise"] = "raise", **options: Any
    ) -> list[list[Caption]]: ...
    @overload
    def __call__(
        self, images: Iterable[Photo], *, batch_size: int = 8, errors: Literal["return"], **options: Any
    ) -> list[list[Caption] | PhotoError]: ...
    def __call__(
        self, images: Photo | Iterable[Photo], *, batch_size: int = 8, errors: Errors = "raise", **options: Any
    ) -> Any:
        """Captions one photo, or several.

        Args:
            images: a path, the bytes of a picture file, a binary file, a PIL image, a numpy array of uint8
                [height, width, 3], or an iterable of them. PIL images are turned upright by their EXIF.
            batch_size: photos that run through the network together.
            errors: ``raise``: the first photo that cannot be captioned ends the call with a ``PhotoError``, whose
                ``results`` hold the captions of the photos before it. ``return``: the ``PhotoError`` is the answer for
                that photo, and the others are captioned.
            **options: decoding options by Hugging Face's names, in place of the bundle's: ``num_beams``,
                ``num_return_sequences``, ``length_penalty``, ``max_new_tokens``, ``no_repeat_ngram_size``,
                ``do_sample``, ``temperature``, ``top_k``, ``top_p``, ``seed``, ``output_attentions`` and the others of
                a ``generation_config.json``. ``None`` leaves the bundle's.

        Returns:
            A list of ``Caption`` for one photo, best first; a list of such lists for several photos.

        Raises:
            PhotoError: a photo cannot be captioned.
            TypeError: an unknown option, or one of another type; the message names the right one.
            ValueError: an option that is out of range or has no effect beside the others.
        """
        return self._answers(images, [options], lambda settings: settings[0], batch_size, errors)

    @overload
    def stream(
        self, images: Iterable[Photo], *, batch_size: int = 8, errors: Literal["raise"] = "raise", **options: Any
    ) -> Iterator[list[Caption]]: ...
    @overload
    def stream(
        self, images: Iterable[Photo], *, batch_size: int = 8, errors: Literal["return"], **options: Any
    ) -> Iterator[list[Caption] | PhotoError]: ...
    def stream(
        self, images: Iterable[Photo], *, batch_size: int = 8, errors: Errors = "raise", **options: Any
    ) -> Iterator[Any]:
        """Captions photos as they come: an iterator over lists of captions, one for each photo, in order.

        ``images`` may be endless. It is read on the thread that reads the answers, ahead of them by ``batch_size``
        photos. Options are checked at once; the first photo is read when the first answer is asked for. An exception
        of ``images`` itself is raised after the answers for the photos before it. Arguments and errors are those of
        calling the captioner.
        """
        if _photos.is_one(images):
            raise TypeError("stream takes an iterable of photos; call the captioner for a single one")
        return self._stream(images, [options], lambda settings: settings[0], batch_size, errors)

    @overload
    def compare(
        self,
        images: Photo,
        *,
        num_beams: Sequence[int] = (1, 3, 5),
        batch_size: int = 8,
        errors: Literal["raise"] = "raise",
        **options: Any,
    ) -> dict[int, list[Caption]]: ...
    @overload
    def compare(
        self,
        images: Iterable[Photo],
        *,
        num_beams: Sequence[int] = (1, 3, 5),
        batch_size: int = 8,
        errors: Literal["raise"] = "raise",
        **options: Any,
    ) -> list[dict[int, list[Caption]]]: ...
    @overload
    def compare(
        self,
        images: Photo | Iterable[Photo],
        *,
        num_beams: Sequence[int] = (1, 3, 5),
        batch_size: int = 8,
        errors: Literal["return"],
        **options: Any,
    ) -> Any: ...
    def compare(
        self,
        images: Photo | Iterable[Photo],
        *,
        num_beams: Sequence[int] = (1, 3, 5),
        batch_size: int = 8,
        errors: Errors = "raise",
        **options: Any,
    ) -> Any:
        """Captions each photo with several numbers of beams; 1 is greedy search. The encoder runs once for a photo.

        ``num_return_sequences`` counts for each width up to the width itself. The other arguments and the errors are
        those of calling the captioner.

        Returns:
            A dict from the number of beams to a list of ``Caption`` for one photo; a list of such dicts for several.
        """
        widths = list(num_beams)
        if not widths or len(set(widths)) < len(widths):
            raise ValueError(f"num_beams is {widths}; give different numbers of beams, such as [1, 3, 5]")
        captions = options.get("num_return_sequences")
        settings = []
        for width in widths:
            setting = {**options, "num_beams": width}
            if isinstance(captions, int) and isinstance(width, int):
                setting["num_return_sequences"] = max(min(captions, width), 1)
            if width == 1:
                # Greedy search has one beam, which always ends with its `<eos>`.
                setting.pop("early_stopping", None)
            settings.append(setting)
        return self._answers(
            images, settings, lambda answers: dict(zip(widths, answers, strict=True)), batch_size, errors
        )

    def tokens(self, token_ids: Sequence[int]) -> list[str]:
        """The text of each token, special ones included."""
        return self._engine.tokens([int(token) for token in token_ids])

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the feature grid: ``attentions[token].reshape(captioner.grid)``."""
        rows, columns = self._facts["grid"]
        return rows, columns

    @property
    def model(self) -> Path:
        """The bundle's folder."""
        return Path(self._facts["model"])

    @property
    def device(self) -> str:
        """Where the graphs run: ``cpu`` or ``cuda:INDEX``."""
        return str(self._facts["device"])

    @property
    def onnxruntime_version(self) -> str:
        """The version of the ONNX Runtime that runs the graphs."""
        return str(self._facts["onnxruntime"])

    def generation_config(self, **options: Any) -> dict[str, Any]:
        """The decoding options by their keys: the bundle's, with ``options`` in their place.

        Options that equal Hugging Face's defaults are left out.
        """
        config: dict[str, Any] = json.loads(self._options(options).to_json())
        return config

    def __repr__(self) -> str:
        return f"Captioner({str(self.model)!r}, device={self.device!r}, onnxruntime={self.onnxruntime_version!r})"

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], Captioner], tuple[dict[str, Any]]]:
        return _reopen, (self._arguments,)

    def _options(self, options: dict[str, Any]) -> _glimpse.Options:
        given = {key: _plain(value) for key, value in options.items() if value is not None}
        for key in given:
            near = difflib.get_close_matches(key, _NAMED, n=1)
            if key not in _glimpse.OPTIONS and near:
                raise TypeError(f"{key}: unknown option; did you mean {near[0]}?")
        try:
            text = json.dumps(given, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise TypeError(f"an option has a value that is no number, text, list or bool: {error}") from None
        return self._engine.options(text)

    def _answers(
        self,
        images: Any,
        settings: list[dict[str, Any]],
        shape: Callable[[list[Any]], Any],
        batch_size: int,
        errors: Errors,
    ) -> Any:
        """The answer for one photo, or the answers for several as a list."""
        one = _photos.is_one(images)
        answers: list[Any] = []
        try:
            answers.extend(self._stream([images] if one else images, settings, shape, batch_size, errors))
        except PhotoError as error:
            if one and isinstance(error.__cause__, TypeError):
                # It is no photo at all.
                raise error.__cause__ from None
            error.results = answers
            raise
        return answers[0] if one else answers

    def _stream(
        self,
        images: Iterable[Any],
        settings: list[dict[str, Any]],
        shape: Callable[[list[Any]], Any],
        batch_size: int,
        errors: Errors,
    ) -> Iterator[Any]:
        if errors not in ("raise", "return"):
            raise ValueError(f'errors is {errors!r}; give "raise" or "return"')
        if isinstance(batch_size, bool) or not isinstance(batch_size, int):
            raise TypeError(f"batch_size is {batch_size!r}; give a whole number of photos")
        if not 1 <= batch_size <= 100_000:
            raise ValueError(f"batch_size is {batch_size}; give a number of photos from 1 to 100,000")
        options = [self._options(setting) for setting in settings]
        # Of the photos that were read and not answered yet.
        names: deque[str] = deque()
        photos = _photos.read(images, names.append)
        stream = self._engine.stream(photos, options, batch_size, self._arguments["threads"])
        return _in_python(stream, names, shape, errors)


def _in_python(
    stream: _glimpse.Stream, names: deque[str], shape: Callable[[list[Any]], Any], errors: Errors
) -> Iterator[Any]:
    """The answers of the native module, shaped for the caller, with a ``PhotoError`` in the place of each failure."""
    for index, (captions, failure, warning) in enumerate(stream):
        name = names.popleft()
        if warning is not None:
            warnings.warn(f"photo {index} ({name}): {warning}", stacklevel=3)
        if captions is not None:
            yield shape(captions)
            continue
        error = PhotoError(index, name, str(failure))
        error.__cause__ = failure if isinstance(failure, BaseException) else None
        if errors == "raise":
            raise error
        yield error


def _reopen(arguments: dict[str, Any]) -> Captioner:
    return Captioner.from_pretrained(**arguments)


def _plain(value: Any) -> Any:
    """A number of numpy's as one of Python's; everything else as it is."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "ndim", None) == 0 else value
