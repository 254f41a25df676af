"""Finds the library of PyPI's ``onnxruntime`` without importing that package."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

ADVICE = "install ONNX Runtime with `pip install onnxruntime`, or name its library in ORT_DYLIB_PATH"

# The official builds report to Microsoft since 1.29 unless this is set before they are loaded.
_TELEMETRY = "ORT_DISABLE_TELEMETRY"


def find() -> str | None:
    """The path of the library: ``ORT_DYLIB_PATH`` if it is set, else that of the installed package.

    ``None`` where there is neither: the search of the native module follows. Turns reports of ONNX Runtime off for this
    process, unless ``ORT_DISABLE_TELEMETRY`` has a value already.
    """
    os.environ.setdefault(_TELEMETRY, "1")
    named = os.environ.get("ORT_DYLIB_PATH")
    if named:
        return named
    # `find_spec` runs nothing of a package that lies at the top.
    package = importlib.util.find_spec("onnxruntime")
    if package is None or package.origin is None:
        return None
    names = ("libonnxruntime.so*", "libonnxruntime*.dylib", "onnxruntime.dll")
    folder = Path(package.origin).parent / "capi"
    libraries = sorted(path for name in names for path in folder.glob(name))
    return str(libraries[-1]) if libraries else None
