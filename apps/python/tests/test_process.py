"""Threads, signals, forks, panics, and ONNX Runtime beside itself."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import glimpse
from glimpse import _glimpse


def test_the_gil_is_released(captioner, photos):
    """While a photo is captioned, another thread of Python runs on."""
    turns = 0
    done = threading.Event()

    def count():
        nonlocal turns
        while not done.is_set():
            turns += 1
            time.sleep(0)

    counter = threading.Thread(target=count)
    stream = captioner.stream(photos[:1] * 40, batch_size=40, num_beams=5)
    counter.start()
    before = turns
    # One call of the native module: it decodes, encodes and searches the whole batch.
    next(stream)
    during = turns - before
    done.set()
    counter.join()
    # A call that kept the GIL would let it turn a handful of times, while photos are handed over.
    assert during > 200


def test_two_threads_share_a_captioner(captioner, photos):
    expected = captioner(photos)
    found = [None] * 4

    def work(index):
        found[index] = captioner(photos)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(found))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * len(found)


ENDLESS = """
import itertools, sys, glimpse
captioner = glimpse.Captioner.from_pretrained(device="cpu")
print("ready", flush=True)
try:
    captioner(itertools.repeat(open(sys.argv[1], "rb").read()), num_beams=1, batch_size=2)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_ctrl_c_is_heard_between_batches(photos):
    command = [sys.executable, "-c", ENDLESS, str(photos[0])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        assert process.wait(30) == 0


def test_a_panic_is_an_exception():
    with pytest.raises(RuntimeError, match="glimpse failed unexpectedly: on purpose; this is a fault of glimpse"):
        _glimpse.panic_for_test()


def in_child(work):
    """What `work` returns in a forked child, as text; the child ends as Python's own do."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = str(work())
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    signal.alarm(60)
    with os.fdopen(reader) as answers:
        answer = answers.read()
    signal.alarm(0)
    assert os.waitpid(child, 0)[1] == 0
    return answer


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_is_refused_and_may_open_its_own(captioner, photos):
    captioner(photos[0])
    answer = in_child(lambda: captioner(photos[0]))
    assert answer.startswith("RuntimeError: this process was forked after the model was opened")
    assert 'get_context("spawn")' in answer

    def anew():
        return glimpse.Captioner.from_pretrained(device="cpu")(photos[0])[0]["generated_text"]

    assert in_child(anew) == captioner(photos[0])[0]["generated_text"]


FORK_AND_END = """
import os, sys, glimpse
captioner = glimpse.Captioner.from_pretrained(device="cpu")
stream = captioner.stream([sys.argv[1]] * 20, batch_size=1)
next(stream)
child = os.fork()
if child == 0:
    del captioner, stream
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_a_forked_child_ends(run_python, photos):
    """Closing what the parent opened would wait for threads that are not there."""
    assert run_python(FORK_AND_END, str(photos[0])) == "7\n"


BESIDE = """
import sys
first = sys.argv[1]
if first == "onnxruntime":
    import onnxruntime
import glimpse
captioner = glimpse.Captioner.from_pretrained(device="cpu")
assert ("onnxruntime" in sys.modules) == (first == "onnxruntime")
import numpy, onnxruntime
words = captioner(sys.argv[2])[0]["generated_text"]
session = onnxruntime.InferenceSession(captioner.model / "encoder_model.onnx", providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]
assert session.run(names, {"pixel_values": numpy.zeros((1, 3, 224, 224), "float32")})[0].shape[0] == 1
assert captioner(sys.argv[2])[0]["generated_text"] == words
print(words)
"""


@pytest.mark.parametrize("first", ["glimpse", "onnxruntime"])
def test_pythons_onnxruntime_runs_beside(run_python, captioner, photos, first):
    words = run_python(BESIDE, first, str(photos[0]), ORT_DYLIB_PATH="")
    assert words.strip() == captioner(photos[0])[0]["generated_text"]


FOUND = """
import glimpse
print(glimpse.Captioner.from_pretrained(device="cpu")._facts["library"])
"""


def test_the_installed_library_is_found_and_a_named_one_wins(run_python, tmp_path):
    import onnxruntime

    library = run_python(FOUND, ORT_DYLIB_PATH="").strip()
    assert os.path.dirname(library) == os.path.join(os.path.dirname(onnxruntime.__file__), "capi")
    other = tmp_path / os.path.basename(library)
    other.write_bytes(Path(library).read_bytes())
    assert run_python(FOUND, ORT_DYLIB_PATH=str(other)).strip() == str(other)


MISSING = """
import glimpse
try:
    glimpse.Captioner.from_pretrained()
except (ImportError, RuntimeError) as error:
    print(type(error).__name__, error)
"""


def test_without_onnxruntime_the_message_says_how_to_get_it(tmp_path):
    """In a Python that sees the wheel and numpy alone."""
    import numpy

    folder = tmp_path / "packages"
    folder.mkdir()
    for package in (glimpse, numpy):
        home = os.path.dirname(package.__file__)
        os.symlink(home, folder / os.path.basename(home))
        if os.path.isdir(home + ".libs"):
            os.symlink(home + ".libs", folder / (os.path.basename(home) + ".libs"))
    environment = {"PYTHONPATH": str(folder), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-S", "-c", MISSING]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=True)
    assert "ImportError no ONNX Runtime; install ONNX Runtime with `pip install onnxruntime`" in done.stdout


def test_the_program_is_in_the_wheel(photos, tmp_path):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("GLIMPSE_", "ORT_"))}

    def glimpse_program(*arguments):
        command = [sys.executable, "-m", "glimpse", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=120, check=False
        )

    done = glimpse_program("caption", "--num-beams", "1", str(photos[0]))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == str(photos[0])
    assert glimpse_program("caption", "absent.jpg").returncode == 1
    assert glimpse_program("caption", str(photos[0]), "--num-beams", "0").returncode == 2
    done = glimpse_program("--help")
    assert (done.returncode, done.stdout.count("caption") > 0) == (0, True)
    done = glimpse_program("--version")
    assert (done.returncode, done.stdout) == (0, f"glimpse {glimpse.__version__}\n")
    assert "model" in glimpse_program("inspect").stdout
