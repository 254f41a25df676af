"""Starts NVIDIA Triton with the model `glimpse` of a repository and compares its captions with those of the program.

    pip install nvidia-pytriton dist/*.whl
    glimpse bundle --triton repository
    python tests/triton/over_http.py repository --photos assets/photos --glimpse target/release/glimpse

nvidia-pytriton carries the server and its Python backend, and no ONNX Runtime backend: `glimpse_captioner` stays unloaded.
The snippet of docs/serve.md runs too. Exits with 1 on a difference.
"""

import argparse
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

PROJECT = Path(__file__).resolve().parents[2]


class Server:
    """tritonserver as a process."""

    def __init__(self, repository, folder):
        package = Path(importlib.util.find_spec("pytriton").origin).parent
        binaries = package / "tritonserver"
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        # The process that runs model.py is built for each version of Python, and lies beside the backend.
        backends = Path(shutil.copytree(binaries / "backends", folder / "backends"))
        shutil.copy(binaries / "python_backend_stubs" / version / "triton_python_backend_stub", backends / "python")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        # The backend passes over PYTHONPATH: it takes the packages of the first python3 in PATH.
        environment = {
            **os.environ,
            "LD_LIBRARY_PATH": str(package.parent / "nvidia_pytriton.libs"),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        }
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [
                    binaries / "bin/tritonserver",
                    f"--model-repository={repository}",
                    f"--backend-directory={backends}",
                    "--model-control-mode=explicit",
                    "--load-model=glimpse",
                    "--http-address=127.0.0.1",
                    f"--http-port={port}",
                    "--allow-grpc=false",
                    "--allow-metrics=false",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        self.address = f"127.0.0.1:{port}"

    def wait_until_ready(self, seconds):
        client = triton.InferenceServerClient(self.address)
        deadline = time.monotonic() + seconds
        while True:
            try:
                if client.is_model_ready("glimpse"):
                    return
            except OSError:
                pass
            assert self.process.poll() is None, f"tritonserver ended: {self.log.read_text()[-4000:]}"
            assert time.monotonic() < deadline, f"tritonserver is not ready: {self.log.read_text()[-4000:]}"
            time.sleep(0.1)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def infer(address, photos, **options):
    """For each photo a list of (text, score), and its error."""
    client = triton.InferenceServerClient(address, network_timeout=120, connection_timeout=120)
    image = triton.InferInput("image", [len(photos), 1], "BYTES")
    image.set_data_from_numpy(np.array([[photo] for photo in photos], dtype=object))
    answer = client.infer("glimpse", [image], parameters=options or None)
    texts, scores, errors = (answer.as_numpy(name) for name in ("generated_text", "score", "error"))
    assert texts.shape == scores.shape == (len(photos), options.get("num_return_sequences", 1))
    found = [
        [(text.decode(), float(score)) for text, score in zip(*row)] for row in zip(texts, scores)
    ]
    return list(zip(found, [error.decode() for error in errors[:, 0]]))


def by_glimpse(program, files, **options):
    flags = [text for key, value in options.items() for text in (f"--{key.replace('_', '-')}", str(value))]
    command = [program, "caption", "--json", "--device", "cpu", *flags, *files]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=PROJECT).stdout
    captions = [json.loads(line)["captions"] for line in output.splitlines()]
    return [[(caption["generated_text"], caption["score"]) for caption in photo] for photo in captions]


def assert_same(found, expected, note):
    assert [error for _, error in found] == [""] * len(expected), (note, found)
    for (ours, _), theirs in zip(found, expected, strict=True):
        assert [text for text, _ in ours] == [text for text, _ in theirs], (note, ours, theirs)
        np.testing.assert_allclose([score for _, score in ours], [score for _, score in theirs], atol=1e-3)


def refusal(address, photos, **options):
    try:
        return f"no refusal: {infer(address, photos, **options)}"
    except InferenceServerException as error:
        return f"{error.status()} {error.message()}"


def check(address, files, program):
    photos = [file.read_bytes() for file in files]
    settings = [
        {},
        {"num_beams": 1},
        {"num_beams": 3, "num_return_sequences": 3},
        {"num_beams": 5, "length_penalty": 0.5},
    ]
    expected = [by_glimpse(program, files, **options) for options in settings]
    for options, captions in zip(settings, expected):
        assert_same(infer(address, photos, **options), captions, options)
    # At the same time, one photo a request: the server puts them together.
    with ThreadPoolExecutor(16) as pool:
        jobs = [(row, column) for row in range(len(photos)) for column in range(len(settings))] * 2
        answers = pool.map(lambda job: infer(address, [photos[job[0]]], **settings[job[1]]), jobs)
        for (row, column), answer in zip(jobs, answers, strict=True):
            assert_same(answer, [expected[column][row]], settings[column])

    broken = b"no picture"
    first, (none, error), second = infer(address, [photos[0], broken, photos[1]])
    assert_same([first, second], expected[0][:2], "beside a broken photo")
    assert none == [("", -np.inf)] and "not a picture" in error, (none, error)
    told = refusal(address, [broken, broken])
    assert told.startswith("400") and told.count("not a picture") == 1, told
    told = refusal(address, photos, num_beam=3)
    assert told.startswith("400") and "did you mean num_beams" in told, told
    told = refusal(address, photos, num_beams=0)
    assert told.startswith("400") and "num_beams" in told, told
    assert_same(infer(address, photos), expected[0], "after refusals")


def snippet(address, expected):
    """The client of docs/serve.md."""
    page = (PROJECT / "docs/serve.md").read_text()
    blocks = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "tritonclient" in block]
    assert len(blocks) == 1, blocks
    code = blocks[0].replace("127.0.0.1:8000", address)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == expected.split(), done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", type=Path)
    parser.add_argument("--photos", type=Path, default=PROJECT / "assets/photos")
    parser.add_argument("--glimpse", type=Path, required=True)
    args = parser.parse_args()
    files = sorted(args.photos.resolve().glob("*.jpg"))
    with tempfile.TemporaryDirectory() as folder:
        server = Server(args.repository.resolve(), Path(folder))
        try:
            server.wait_until_ready(120)
            check(server.address, files, args.glimpse.resolve())
            beach = next(file for file in files if file.stem == "beach")
            snippet(server.address, by_glimpse(args.glimpse.resolve(), [beach], num_beams=3)[0][0][0])
        except BaseException:
            print(server.log.read_text()[-4000:], file=sys.stderr)
            raise
        finally:
            server.stop()
    print(f"{len(files)} photos: the words of glimpse")


if __name__ == "__main__":
    main()
