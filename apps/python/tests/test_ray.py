"""Captions on Ray: the same words, every photo once, whatever is killed.

A run of 2,000 photos is marked slow: `make test-ray`. `make test` runs a smaller one.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from types import SimpleNamespace

import pytest

pa = pytest.importorskip("pyarrow")
pytest.importorskip("pyarrow.parquet")
ray_data = pytest.importorskip("ray.data")
ds = pytest.importorskip("pyarrow.dataset")
psutil = pytest.importorskip("psutil")

from glimpse import _ray_command  # noqa: E402
from glimpse.ray import _Actor, _actors, caption  # noqa: E402

OPENED = {"model": None, "device": "cpu", "precision": "auto", "threads": 1}
# Of an actor, in bytes: the model, Ray and the batches in work. It does not grow with the number of photos.
MOST_MEMORY = 900e6


def texts(captioner, photos, **options):
    return [captions[0]["generated_text"] for captions in captioner(photos, **options)]


@pytest.mark.parametrize("column", ["bytes", "path"])
def test_an_actor_adds_columns(captioner, photos, column):
    broken = photos[0].parent / "README.md"
    values = [str(path) if column == "path" else path.read_bytes() for path in [*photos[:2], broken]]
    batch = pa.table({column: values, "note": ["a", "b", "c"]})
    found = _Actor(OPENED, 2, {"num_beams": 2, "num_return_sequences": 2})(batch)
    assert found.column_names == [
        *(["path"] if column == "path" else []),
        "note",
        "generated_text",
        "score",
        "captions",
        "error",
    ]
    rows = found.to_pylist()
    assert [row["generated_text"] for row in rows] == [*texts(captioner, photos[:2], num_beams=2), None]
    assert [row["error"] is None for row in rows] == [True, True, False]
    assert "not a picture" in rows[2]["error"]
    captions = rows[0]["captions"]
    assert len(captions) == 2
    assert captions[0]["generated_text"] == rows[0]["generated_text"]
    assert captions[0]["score"] == pytest.approx(rows[0]["score"])
    assert captions[0]["score"] >= captions[1]["score"]
    assert len(captions[0]["token_ids"]) == len(captions[0]["token_logprobs"])
    assert rows[2]["captions"] is None


def test_an_actor_opens_uris(captioner, photos, tmp_path):
    batch = pa.table({"path": [photos[0].as_uri(), (tmp_path / "absent.jpg").as_uri()]})
    good, bad = _Actor(OPENED, 2, {})(batch).to_pylist()
    assert good["generated_text"] == texts(captioner, photos[0:1])[0]
    assert "absent.jpg" in bad["error"]


def test_cpus_are_left_for_reading_and_writing():
    assert _actors({"CPU": 4.0}, 1, 0) == 2
    assert _actors({"CPU": 64.0}, 4, 0) == 15
    assert _actors({"CPU": 8.0, "GPU": 2.0}, 1, 0.5) == 4
    with pytest.raises(ValueError, match="Ray has 2 CPUs"):
        _actors({"CPU": 2.0}, 1, 0)


class Recorded:
    """A data set that notes what is asked of Ray."""

    def schema(self):
        return SimpleNamespace(names=["path"])

    def map_batches(self, function, **arguments):
        self.function, self.arguments = function, arguments
        return self


@pytest.mark.parametrize(("num_gpus", "reserved", "device"), [(0.5, 0.5, "cuda"), (0, None, "cpu")])
def test_actors_reserve_what_they_use(num_gpus, reserved, device):
    asked = caption(Recorded(), actors=3, threads=2, num_gpus=num_gpus, batch_size=4, rows=32, num_beams=2)
    assert asked.function is _Actor
    assert (asked.arguments["num_gpus"], asked.arguments["num_cpus"]) == (reserved, 2)
    assert asked.arguments["compute"].max_size == asked.arguments["compute"].min_size == 3
    assert asked.arguments["batch_size"] == 32
    given = asked.arguments["fn_constructor_kwargs"]
    assert given["opened"] == {"model": None, "device": device, "precision": "auto", "threads": 2}
    assert (given["batch_size"], given["options"]) == (4, {"num_beams": 2})


@pytest.fixture
def photo_folder(photos, tmp_path):
    """Makes a folder of so many photos, in two folders, and a text file that is called one."""

    def make(count):
        folder = tmp_path / "photos"
        for number in range(count):
            source = photos[number % len(photos)]
            target = folder / str(number % 2) / f"{number:05}-{source.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source, target)
            except OSError:
                shutil.copy(source, target)
        (folder / "broken.jpg").write_text("not a picture")
        return folder

    return make


def command(*arguments):
    return [sys.executable, "-m", "glimpse.ray", *map(str, arguments)]


def refusal(*arguments):
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2, done.stderr
    return done.stderr


def test_wrong_use_is_told_before_ray_starts(photo_folder, tmp_path):
    folder, output = photo_folder(2), tmp_path / "captions.parquet"
    assert "is no folder; give the folder of the photos" in refusal(tmp_path / "absent", output)
    assert "give KEY=VALUE" in refusal(folder, output, "--option", "length_penalty")
    output.mkdir()
    assert "exists; give --resume to go on with it" in refusal(folder, output)
    assert "it cannot be resumed; remove it" in refusal(folder, output, "--resume")
    work = _ray_command.Work(output)
    work.progress.mkdir()
    settings = {"model": None, "precision": "auto", "options": {"num_beams": 3}, "photos": str(folder)}
    (work.progress / "settings.json").write_text(json.dumps(settings))
    told = refusal(folder, output, "--resume", "--num-beams", "5")
    assert "was begun with other settings (options: {'num_beams': 3} and now {'num_beams': 5})" in told


def test_the_index_is_kept(photo_folder, tmp_path):
    folder, work = photo_folder(70), _ray_command.Work(tmp_path / "captions.parquet")
    work.begin({"photos": str(folder)}, resume=False)
    files = work.index(folder)
    rows = [row for file in files for row in pa.parquet.read_table(file).to_pylist()]
    assert [row["id"] for row in rows] == list(range(71))
    assert len(files) == 5
    assert work.rows() == 16
    assert len({row["path"] for row in rows}) == 71
    (folder / "later.jpg").write_text("")
    assert work.index(folder) == files
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(_ray_command.UsageError, match="holds no picture"):
        _ray_command.Work(tmp_path / "none.parquet").index(empty)


class Run:
    """`python -m glimpse.ray` as a process, with the processes of its Ray."""

    def __init__(self, log, *arguments):
        with log.open("w") as file:
            self.process = subprocess.Popen(command(*arguments), stdout=file, stderr=subprocess.STDOUT)
        self.log = log
        self.most_memory = 0

    def ended(self):
        return self.process.poll() is not None

    def actors(self):
        """The processes that hold a model."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if "_Actor" in " ".join(child.cmdline()):
                    found.append(child)
                    self.most_memory = max(self.most_memory, child.memory_info().rss)
            except psutil.Error:
                continue
        return found

    def wait_until(self, condition, seconds=600):
        deadline = time.monotonic() + seconds
        while not condition():
            assert not self.ended(), f"it ended early: {self.log.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"it takes too long: {self.log.read_text()[-3000:]}"
            time.sleep(0.05)

    def kill(self):
        """SIGKILL to the driver; Ray's own processes follow it."""
        others = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        _, alive = psutil.wait_procs(others, timeout=60)
        for process in alive:
            process.kill()


def kills(count, photo_folder, captioner, photos, tmp_path):
    folder, output = photo_folder(count), tmp_path / "captions.parquet"
    done = output.with_name("captions.parquet.progress") / "checkpoint"

    def finished():
        """Files of photos that are done, so that a new run passes over them."""
        return [file for file in done.glob("*.parquet") if ".pending" not in file.name]

    flags = ["--num-beams", "2", "--actors", "2"]
    run = Run(tmp_path / "first.log", folder, output, *flags)
    run.wait_until(lambda: run.actors() and finished())
    run.actors()[0].send_signal(signal.SIGKILL)
    after_kill = len(finished())
    run.wait_until(lambda: run.actors() and len(finished()) > after_kill)
    run.kill()
    before = len(finished())
    assert ds.dataset(output, format="parquet").count_rows() < count + 1, "it was done before it could be killed"

    run = Run(tmp_path / "second.log", folder, output, *flags, "--resume")
    while not run.ended():
        run.actors()
        time.sleep(0.05)
    log = run.log.read_text()
    # One photo is broken.
    assert run.process.returncode == 1, log
    assert f"{count} of {count + 1} photos have captions" in log
    assert len(finished()) > before > 0
    assert 0 < run.most_memory < MOST_MEMORY

    rows = ds.dataset(output, format="parquet").to_table().to_pylist()
    assert Counter(row["id"] for row in rows) == Counter(range(count + 1))
    expected = dict(zip([photo.name for photo in photos], texts(captioner, photos, num_beams=2), strict=True))
    for row in rows:
        name = os.path.basename(row["path"])
        if name == "broken.jpg":
            assert "not a picture" in row["error"]
        else:
            assert (row["generated_text"], row["error"]) == (expected[name.partition("-")[2]], None)


@pytest.mark.ray
def test_killed_processes_lose_nothing(photo_folder, captioner, photos, tmp_path):
    kills(200, photo_folder, captioner, photos, tmp_path)


@pytest.mark.slow
def test_killed_processes_lose_nothing_of_2000_photos(photo_folder, captioner, photos, tmp_path):
    kills(2000, photo_folder, captioner, photos, tmp_path)
