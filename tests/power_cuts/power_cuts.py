"""Kills the programs at random moments, and fills the disk while they write.

    make power-cuts KILLS=200

Each round begins with what a person may have on disk (a bundle, a run, a results file), starts a program that replaces it, and
ends the program with SIGKILL: at any moment of its run, or, in half of the rounds, shortly after something changed in
the folders it writes to. Then

- what was there before is there and says the same words, or what is new is there, whole;
- the same command runs to its end, gives what an undisturbed run gives, and leaves nothing behind.

A full disk is one that holds no more than a part of what the program writes: a limit on the size of files
(RLIMIT_FSIZE), and, for root, a small file system in memory. The program must then end with an error of one line, or
have had enough room.

The first failure ends the run with exit code 1, and its folder stays.
"""

import argparse
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

PROJECT = Path(__file__).resolve().parents[2]
WEIGHTS = ["--backbone-weights", str(PROJECT / "models/backbones/efficientnet-lite0.safetensors")]
PHOTOS = sorted((PROJECT / "assets/photos").glob("*.jpg"))
OLD_REPORT = "what was there before\n"
# Nothing here takes as long.
LONGEST = 600


class Failure(Exception):
    """Something is lost, or half written."""


@dataclass
class Programs:
    glimpse: str
    train: str
    quantize: str


@dataclass
class Operation:
    """A command, what it begins with, and what is looked at afterwards."""

    name: str
    command: list[str]
    # Copied into the folder of the round before the command runs.
    before: dict[str, Path]
    # Says what is on disk, as something that can be compared; raises `Failure` where it is no whole thing.
    state: Callable[[Path], object]
    # Whether a stop leaves what was there or what is new. Otherwise it may leave a part that the next run goes on with.
    all_or_nothing: bool = True
    # Known from a run that nothing disturbs.
    seconds: float = 0.0
    largest: int = 0
    old: object = None
    new: object = None
    names: frozenset[str] = frozenset()
    counts: dict[str, int] = field(default_factory=lambda: {"old": 0, "new": 0, "part": 0})


def environment() -> dict[str, str]:
    """No setting of the programs but where ONNX Runtime is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GLIMPSE_")}
    return {"ORT_DYLIB_PATH": str(PROJECT / ".deps/onnxruntime/capi")} | kept


def run(command: list[str], folder: Path, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=LONGEST, stdin=subprocess.DEVNULL, **options
    )


def must_run(command: list[str], folder: Path) -> str:
    done = run(command, folder)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)} ends with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Suite:
    """The operations, on data that is made once."""

    def __init__(self, programs: Programs, work: Path, precision: str) -> None:
        self.programs, self.work, self.precision = programs, work, precision
        self.made = work / "made"
        self.made.mkdir(parents=True)
        self.threads = ["--threads", "1"]
        self.prepare()

    def prepare(self) -> None:
        """A tiny data set, its features, a run of one epoch, two bundles that say different words."""
        images = self.made / "images"
        images.mkdir()
        rows, lists = ["image,caption"], {}
        for split in ("train", "validation", "test"):
            for photo in PHOTOS:
                name = f"{photo.stem}-{split}.jpg"
                shutil.copy(photo, images / name)
                rows += [f"{name},a {photo.stem.replace('-', ' ')} in a photo .", f"{name},the {photo.stem} again ."]
                lists.setdefault(split, []).append(name)
        (self.made / "captions.txt").write_text("\n".join(rows) + "\n")
        for split, names in lists.items():
            (self.made / f"{split}.txt").write_text("\n".join(names) + "\n")
        flags = [f"--{split}-list={split}.txt" for split in lists]
        must_run([self.programs.train, "prepare", "--min-frequency", "1", "--captions", "captions.txt", "--images", "images", *flags, "--output", "data"], self.made)
        # Paths in it lead to the photos; the features lie in it and are left out of the copy.
        shutil.copytree(self.made / "data", self.made / "data-empty")
        must_run([self.programs.train, "features", "--data", "data", *WEIGHTS], self.made)
        must_run([*self.training("run", 1)], self.made)
        shutil.copytree(self.made / "run", self.made / "run-of-1")
        must_run([*self.training("run", 2), "--resume", "--change-recipe"], self.made)
        for name, beams in (("old", "1"), ("new", "3")):
            must_run(self.export(name, beams), self.made)
        must_run(self.evaluate("old.json", "1"), self.made)

    def training(self, output: str, epochs: int) -> list[str]:
        small = ["--scst-epochs", "0", "--batch-images", "5", "--samples", "0", *WEIGHTS, *self.threads]
        small += ["--project-dim", "32", "--embed-dim", "24", "--decoder-dim", "32", "--attention-dim", "24"]
        return [self.programs.train, "train", "--data", str(self.made / "data"), "--output", output, "--epochs", str(epochs), *small]

    def export(self, output: str, beams: str) -> list[str]:
        checkpoint = str(self.made / "run/best.safetensors")
        return [self.programs.train, "export", "--checkpoint", checkpoint, "--output", output, "--num-beams", beams, "--glimpse", self.programs.glimpse, *WEIGHTS]

    def evaluate(self, output: str, beams: str) -> list[str]:
        data = ["--captions", str(self.made / "captions.txt"), "--images", str(self.made / "images"), "--split", str(self.made / "test.txt")]
        return [self.programs.glimpse, "evaluate", "--model", str(self.made / "old"), *data, "--num-beams", beams, "--num-resamples", "200", "--output", output, "--batch-size", "1", *self.threads]

    # What is on disk.

    def words(self, bundle: Path, precision: str = "fp32") -> str:
        """What a bundle says of the photos, all of it checked as it is opened."""
        command = [self.programs.glimpse, "caption", "--device", "cpu", "--json", "--precision", precision, *self.threads, "--model", str(bundle)]
        return must_run([*command, *map(str, PHOTOS[:2])], bundle.parent)

    def whole_bundle(self, folder: Path) -> object:
        bundle = folder / "bundle"
        if not bundle.is_dir():
            raise Failure("the bundle is gone")
        sums = dict(reversed(line.split("  ")) for line in (bundle / "SHA256SUMS").read_text().splitlines())
        for name, expected in sums.items():
            if digest(bundle / name) != expected:
                raise Failure(f"{name} is not the file that SHA256SUMS lists")
        said = {"fp32": self.words(bundle)}
        for precision in ("int8", "fp16"):
            if f"decoder_model_{precision}.onnx" in sums:
                said[precision] = self.words(bundle, precision)
        return (sorted(sums.items()), said)

    def kept_graphs(self, folder: Path) -> object:
        """How many graphs are kept for this machine. What the bundle says may not change with that."""
        if self.whole_bundle(folder) != self.whole_bundle(self.made / "as-bundle"):
            raise Failure("the bundle says something else")
        graphs = json.loads(must_run([self.programs.glimpse, "inspect", "--json", "bundle"], folder))["graphs"]
        return sum(graph.get("optimized") is not None for graph in graphs)

    def whole_run(self, folder: Path) -> object:
        """The checkpoints of a run can be read; what they hold differs with the moment."""
        best = folder / "run/best.safetensors"
        if not best.is_file():
            raise Failure("the best checkpoint is gone")
        photo = str(PHOTOS[0])
        must_run([self.programs.train, "sample", "--checkpoint", str(best), photo, *WEIGHTS], folder)
        for record in folder.glob("run/*.jsonl"):
            for line in record.read_text().splitlines():
                json.loads(line)
        return {path.name: digest(path) for path in sorted(folder.glob("run/*.safetensors"))}

    def whole_features(self, folder: Path) -> object:
        grids = sorted(folder.glob("data/features/*/grids.f16"))
        for index in folder.glob("data/features/*/index.json"):
            json.loads(index.read_text())
        return [digest(path) for path in grids]

    def whole_results(self, folder: Path) -> object:
        json.loads((folder / "old.json").read_text())
        return digest(folder / "old.json")

    def whole_reports(self, folder: Path) -> object:
        """Whether each is the old one or a new one to its end: times differ from run to run."""
        ends = {"t.csv": "\n", "t.svg": "</svg>", "t.html": "</html>"}
        found = {}
        for name, end in ends.items():
            text = (folder / name).read_text()
            if text != OLD_REPORT and not (len(text) > 200 and text.rstrip(" ").rstrip("\n" if end != "\n" else "").endswith(end)):
                raise Failure(f"{name} is neither the old report nor a whole new one")
            found[name] = text == OLD_REPORT
        # The files are put in place one after the other, all of them written before.
        return "old" if all(found.values()) else "new" if not any(found.values()) else "some of each"

    def operations(self) -> list[Operation]:
        made, programs = self.made, self.programs
        (made / "as-bundle").mkdir()
        (made / "as-bundle/bundle").symlink_to(made / "old")
        bundle, photos = {"bundle": made / "old"}, [str(photo) for photo in PHOTOS]
        quantize = [programs.quantize, "bundle", "--precision", self.precision, *self.threads]
        quantize += ["--calibration", *photos] if "int8" in self.precision else []
        compare = [programs.glimpse, "compare", "--model", str(made / "old"), "--num-beams", "1,2", "--csv", "t.csv", "--plot", "t.svg", "--html", "t.html", *self.threads]
        compare += ["--captions", str(made / "captions.txt"), "--images", str(made / "images"), "--split", str(made / "test.txt")]
        older = made / "compared"
        older.mkdir()
        for name in ("t.csv", "t.svg", "t.html"):
            (older / name).write_text(OLD_REPORT)
        resumed = [*self.training("run", 2), "--resume", "--change-recipe"]
        return [
            Operation("export", self.export("bundle", "3"), bundle, self.whole_bundle),
            Operation("glimpse-quantize", quantize, bundle, self.whole_bundle),
            Operation("optimize", [programs.glimpse, "optimize", "bundle"], bundle, self.kept_graphs, all_or_nothing=False),
            Operation("train", resumed, {"run": made / "run-of-1"}, self.whole_run, all_or_nothing=False),
            Operation("features", [programs.train, "features", "--data", "data", *WEIGHTS], {"data": made / "data-empty"}, self.whole_features, all_or_nothing=False),
            Operation("evaluate --output", self.evaluate("old.json", "2"), {"old.json": made / "old.json"}, self.whole_results),
            Operation("compare", compare, {name: older / name for name in ("t.csv", "t.svg", "t.html")}, self.whole_reports),
        ]


def fresh(operation: Operation, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, source in operation.before.items():
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copy(source, folder / name)


def names(folder: Path) -> frozenset[str]:
    """Files and folders, without drafts of single files, which stay for a day."""
    found = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return frozenset(name for name in found if not name.endswith(".tmp") and not name.endswith(".lock"))


def sizes(folder: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for root, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            try:
                status = os.stat(os.path.join(root, name))
                found[os.path.join(root, name)] = (status.st_size, status.st_mtime_ns)
            except OSError:
                pass
    return found


def measure(operation: Operation, folder: Path) -> None:
    """What an undisturbed run takes and gives."""
    fresh(operation, folder)
    before = sizes(folder)
    operation.old = operation.state(folder)
    start = time.monotonic()
    must_run(operation.command, folder)
    operation.seconds = time.monotonic() - start
    operation.new = operation.state(folder)
    operation.names = names(folder)
    operation.largest = max(size for path, (size, _) in sizes(folder).items() if before.get(path) != sizes(folder)[path])
    if operation.old == operation.new:
        raise Failure(f"{operation.name} changes nothing: a stop could not be seen")


def look(operation: Operation, folder: Path) -> str:
    """What a stop left: the old, the new, or a part where that is allowed."""
    state = operation.state(folder)
    for kind, whole in (("old", operation.old), ("new", operation.new)):
        if state == whole:
            return kind
    if operation.all_or_nothing and state != "some of each":
        raise Failure("what is there is neither what was there before nor what an undisturbed run gives")
    return "part"


def again(operation: Operation, folder: Path) -> None:
    """The same command runs to its end, and leaves nothing behind."""
    must_run(operation.command, folder)
    if operation.state(folder) != operation.new:
        raise Failure("the next run does not give what an undisturbed run gives")
    left = names(folder) - operation.names
    if left:
        raise Failure(f"the next run leaves {sorted(left)}")


def kill(operation: Operation, folder: Path, chance: random.Random) -> tuple[str, bool]:
    """Ends the program with SIGKILL; says when, and whether it was still at work."""
    moment = chance.uniform(0, 1.05 * operation.seconds)
    waits_for_change = chance.random() < 0.5
    changes = chance.choice([1, 1, 2, 3, 5])
    delay = chance.choice([0, 0, chance.uniform(0, 0.003), chance.uniform(0, 0.05)])
    process = subprocess.Popen(
        operation.command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL, start_new_session=True,
    )
    start = time.monotonic()
    if waits_for_change:
        last = sizes(folder)
        while process.poll() is None and changes:
            now = sizes(folder)
            changes -= now != last
            last = now
        time.sleep(delay)
    else:
        while process.poll() is None and time.monotonic() - start < moment:
            time.sleep(0.001)
    ended = process.poll()
    when = f"after {time.monotonic() - start:.3f} s" + (", at a change on disk" if waits_for_change else "")
    try:
        # Programs that it started end with it.
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    return (f"killed {when}", True) if ended is None else (f"killed {when}, when it had ended", False)


def limited(size: int) -> Callable[[], None]:
    def before_the_program() -> None:
        # A program that does not ignore the signal is ended by it.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return before_the_program


def full_disk(operation: Operation, folder: Path, chance: random.Random, mounted: Path | None) -> str:
    """Runs the command where there is no room for all that it writes, and says how much there was."""
    if mounted is None:
        room = int(operation.largest * chance.uniform(0, 1))
        done = run(operation.command, folder, preexec_fn=limited(room), restore_signals=False)
    else:
        # All of the room is taken but a part of what is needed.
        status = os.statvfs(mounted)
        room = int(operation.largest * chance.uniform(0, 1.5))
        filler = mounted / "filler"
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, status.f_bavail * status.f_frsize - room))
        done = run(operation.command, folder)
        filler.unlink()
    errors = done.stderr.strip().splitlines()
    if done.returncode < 0:
        raise Failure(f"the program was ended by signal {-done.returncode}: {errors[-1:]}")
    if done.returncode != 0 and not (errors and "error" in errors[-1].lower()):
        raise Failure(f"the program fails with {done.returncode} and says {errors[-1:]}")
    if errors and "cannot be run" in errors[-1]:
        raise Failure(f"the graph is blamed for the disk: {errors[-1]}")
    if any("panicked" in line for line in errors):
        raise Failure(f"the program panics: {errors}")
    return f"with room for {room} bytes, which ends with {done.returncode}: {errors[-1] if errors else ''}"


def small_disk(work: Path, size: int) -> Path | None:
    """A file system in memory, for root."""
    mounted = work / "small"
    mounted.mkdir()
    if os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(mounted)], capture_output=True).returncode == 0:
        return mounted
    print("no small file system: only root can make one; limits on the size of files stand in for it", flush=True)
    return None


def rounds(suite: Suite, given: argparse.Namespace, chance: random.Random) -> None:
    operations = [operation for operation in suite.operations() if given.only in (None, operation.name)]
    for operation in operations:
        measure(operation, suite.work / "round")
        print(f"{operation.name:<18} takes {operation.seconds:.2f} s and writes files of up to {operation.largest} bytes", flush=True)
    mounted = small_disk(suite.work, 256 << 20) if given.full_disks else None
    failed = ""
    try:
        number = kills = disks = 0
        while kills < given.kills or disks < given.full_disks:
            operation = operations[number % len(operations)]
            number += 1
            is_kill = kills < given.kills
            on_small = not is_kill and mounted is not None and chance.random() < 0.5
            folder = (mounted if on_small else suite.work) / "round"
            fresh(operation, folder)
            if is_kill:
                # A program that had ended before was not killed.
                what, was_alive = kill(operation, folder, chance)
                kills += was_alive
            else:
                what, disks = full_disk(operation, folder, chance, mounted if on_small else None), disks + 1
            failed = f"round {number}, {operation.name}, {what}"
            left = look(operation, folder)
            operation.counts[left] += 1
            if given.verbose:
                print(f"{failed}: {left}", flush=True)
            # Going on takes as long as the command itself; the longest ones do so now and then.
            if operation.seconds < 5 or chance.random() < 0.3 or not is_kill:
                again(operation, folder)
            shutil.rmtree(folder)
        failed = ""
    except Failure as failure:
        sys.exit(f"{failed}: {failure}; its folder is {suite.work}")
    finally:
        if mounted is not None:
            subprocess.run(["umount", str(mounted)], check=False)
    for operation in operations:
        counts = ", ".join(f"{kind} {count}" for kind, count in operation.counts.items() if count)
        print(f"{operation.name:<18} left {counts or 'nothing'}")
    print(f"{given.kills} kills and {given.full_disks} full disks: nothing was lost")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for program in ("glimpse", "train", "quantize"):
        arguments.add_argument(f"--{program}", required=True, help="the program")
    arguments.add_argument("--kills", type=int, default=14)
    arguments.add_argument("--full-disks", type=int, default=7)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--precision", default="fp16", help="what glimpse-quantize writes; int8 takes longer")
    arguments.add_argument("--only", help="one operation")
    arguments.add_argument("--verbose", action="store_true")
    given = arguments.parse_args()
    # Who ends this script ends it in order: the small file system goes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    work = Path(tempfile.mkdtemp(prefix="glimpse-power-cuts-"))
    programs = Programs(*(str(Path(name).resolve()) for name in (given.glimpse, given.train, given.quantize)))
    try:
        suite = Suite(programs, work, given.precision)
        rounds(suite, given, random.Random(given.seed))
    except Failure as failure:
        sys.exit(f"an undisturbed run: {failure}; its folder is {work}")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
