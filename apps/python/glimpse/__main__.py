"""``python -m glimpse`` is the program ``glimpse``, with the wheel's model and PyPI's ONNX Runtime as its defaults."""

import os
import signal
import sys

from glimpse import _glimpse, _onnxruntime
from glimpse._captioner import SHIPPED_MODEL


def main() -> int:
    """Runs the program with the arguments of the process and returns its exit code."""
    # Python would note Ctrl-C and wait until the program returns.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ.setdefault("GLIMPSE_MODEL", str(SHIPPED_MODEL))
    library = _onnxruntime.find()
    if library is not None:
        # Behind `--ort-lib` and GLIMPSE_ORT_LIB, before the program's own search.
        os.environ["ORT_DYLIB_PATH"] = library
    return _glimpse.run(["glimpse", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
