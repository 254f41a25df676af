"""From what a user holds to what the native module reads: a path, the bytes of a file, or RGB pixels."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, Union

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

Photo: TypeAlias = Union[
    str, "os.PathLike[str]", bytes, bytearray, memoryview, BinaryIO, "Image", "np.ndarray[Any, Any]"
]
"""A path, the bytes of a file, a binary file, a PIL image, or a uint8 array [height, width, 3]."""

Native: TypeAlias = str | bytes | tuple[bytes, int, int]
"""A path, bytes of a file, or ``(bytes, width, height)`` of RGB pixels, row by row."""

ACCEPTED = "a path, the bytes of a picture file, a PIL image, or a numpy array of uint8 [height, width, 3]"

_PIL_MODES = ("1", "CMYK", "HSV", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "YCbCr")


def _is_of(value: object, module: str, name: str) -> bool:
    """Whether ``value`` is an instance of a class of a module that need not be there."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name))


def is_one(photos: object) -> bool:
    """Whether this is one photo, rather than several. What is neither is one, so that it gets its own message."""
    if isinstance(photos, str | bytes | bytearray | memoryview | os.PathLike) or hasattr(photos, "read"):
        return True
    if _is_of(photos, "PIL.Image", "Image") or _is_of(photos, "numpy", "ndarray"):
        return True
    return not isinstance(photos, Iterable)


def native(photo: object) -> Native:
    """The photo for the native module.

    Raises:
        TypeError: it is no photo.
        ValueError: it is one that cannot be read.
    """
    if isinstance(photo, str | os.PathLike):
        path = os.fsdecode(photo)
        if os.path.isdir(path):
            raise ValueError("a folder; give its pictures: sorted(pathlib.Path(folder).glob('*.jpg'))")
        return path
    if isinstance(photo, bytes):
        return photo
    if isinstance(photo, bytearray | memoryview):
        return bytes(photo)
    if _is_of(photo, "PIL.Image", "Image"):
        return _from_pil(photo)
    if _is_of(photo, "numpy", "ndarray"):
        return _from_array(photo)
    if hasattr(photo, "read"):
        return _from_file(photo)
    if hasattr(photo, "__array__") or hasattr(photo, "detach"):
        raise TypeError(f"{_kind(photo)} is not read; give a numpy array of uint8 [height, width, 3]")
    raise TypeError(f"{'None' if photo is None else _kind(photo)} is not a photo; give {ACCEPTED}")


def _kind(photo: object) -> str:
    name = type(photo).__qualname__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _from_file(file: Any) -> bytes:
    if getattr(file, "closed", False):
        raise ValueError("the file is closed; open it again, or give its path")
    content = file.read()
    if not isinstance(content, bytes):
        raise TypeError('the file was opened as text; open it with mode "rb", or give its path')
    return content


def _from_pil(image: Any) -> tuple[bytes, int, int]:
    from PIL import ImageOps

    if image.mode not in _PIL_MODES:
        raise ValueError(
            f"a PIL image of mode {image.mode} has no 8-bit colours; give the path of its file, or convert it to RGB"
        )
    try:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    except (ValueError, OSError, AttributeError) as error:
        raise ValueError(
            f"the PIL image cannot be read ({error}); open its file again and keep it open, or give its path"
        ) from error
    return upright.tobytes(), upright.width, upright.height


def _from_array(array: Any) -> tuple[bytes, int, int]:
    import numpy as np

    if array.dtype != np.uint8:
        advice = "give uint8 from 0 to 255"
        if array.dtype.kind == "f":
            advice += ": (array * 255).round().astype('uint8') where it goes from 0 to 1"
        raise TypeError(f"an array of {array.dtype} is not read; {advice}")
    shape = list(array.shape)
    if array.ndim == 2 or (array.ndim == 3 and shape[2] == 1):
        array = np.repeat(array.reshape(shape[0], shape[1], 1), 3, axis=2)
    elif array.ndim == 3 and shape[2] == 4:
        array = array[:, :, :3]
    elif array.ndim != 3 or shape[2] != 3:
        advice = "give [height, width, 3]"
        if array.ndim == 3 and shape[0] == 3:
            advice += ": array.transpose(1, 2, 0)"
        elif array.ndim == 4:
            advice += ", or list(array) for several photos"
        raise ValueError(f"an array of shape {shape} is not a photo; {advice}")
    if 0 in array.shape:
        raise ValueError(f"an array of shape {shape} has no pixels")
    height, width, _ = array.shape
    return np.ascontiguousarray(array).tobytes(), width, height


def name(photo: object) -> str:
    """How messages call the photo."""
    if isinstance(photo, str | os.PathLike):
        return os.fsdecode(photo)
    file = getattr(photo, "name", None) or getattr(photo, "filename", None)
    if isinstance(file, str) and file:
        return file
    return "None" if photo is None else type(photo).__qualname__


def read(photos: Iterable[object], note: Callable[[str], object]) -> Iterator[Native | BaseException]:
    """Each photo for the native module, or the exception for it; ``note`` gets its name first."""
    for photo in photos:
        note(name(photo))
        try:
            yield native(photo)
        except (TypeError, ValueError, OSError) as error:
            yield error
