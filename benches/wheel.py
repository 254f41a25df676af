"""Times the Python wheel beside `glimpse caption` and beside the plain loop over ONNX Runtime in Python.

    make bench-wheel
    python benches/wheel.py --program target/release/glimpse --photos FOLDER --count 1000   # wheel, pillow, tokenizers

Each engine is a process of its own that captions the same photos with the same number of beams; the engines take turns,
round by round, and their words are compared. Prints each engine's best and median seconds for all photos, its start
included, the ratio to the program, and the median seconds of processor time with their ratio: on a busy machine these
say more. `docs/performance.md` says what else is timed.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

# Prints the text of each photo, as a line of JSON.
WHEEL = """
import json, sys, glimpse
num_beams, batch_size, threads = (int(argument) for argument in sys.argv[1:4])
captioner = glimpse.Captioner.from_pretrained(sys.argv[4], device="cpu", threads=threads or None)
for captions in captioner.stream(sys.stdin.read().splitlines(), num_beams=num_beams, batch_size=batch_size):
    print(json.dumps(captions[0]["generated_text"]))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--photos", type=Path, default=PROJECT / "assets/photos")
    parser.add_argument("--count", type=int, default=1000, help="photos; those of the folder are repeated")
    parser.add_argument("--model", type=Path, default=PROJECT / "models/flickr8k-edge")
    parser.add_argument("--num-beams", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--threads", type=int, default=0, help="[default: the physical cores]")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--loop-python", default=sys.executable, help="interpreter of the plain loop")
    parser.add_argument("--without-loop", action="store_true", help="leave the plain loop out")
    given = parser.parse_args()

    found = sorted(given.photos.glob("*.jpg"))
    photos = [str(found[number % len(found)]) for number in range(given.count)]
    threads = ["--threads", str(given.threads)] if given.threads else []
    flags = ["--num-beams", str(given.num_beams)]
    numbers = [str(given.num_beams), str(given.batch_size), str(given.threads)]
    program = [str(given.program), "caption", "--json", "--device", "cpu", "--model", str(given.model), *flags, *threads]
    engines = {
        "program": (program + ["--batch-size", str(given.batch_size), *photos], None, by_program),
        "wheel": ([sys.executable, "-c", WHEEL, *numbers, str(given.model)], "\n".join(photos), json.loads),
    }
    if not given.without_loop:
        loop = [given.loop_python, str(PROJECT / "tests/python/portable.py"), "caption", *flags, "--", str(given.model)]
        engines["plain loop"] = (loop + photos, None, by_program)

    seconds = {name: [] for name in engines}
    processor = {name: [] for name in engines}
    words = {}
    for _ in range(given.rounds):
        for name, (command, text, read) in engines.items():
            start, used = time.perf_counter(), processor_seconds()
            done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
            seconds[name].append(time.perf_counter() - start)
            processor[name].append(processor_seconds() - used)
            words[name] = [read(line) for line in done.stdout.splitlines()]
            assert len(words[name]) == len(photos), f"{name} captioned {len(words[name])} photos"
    for name, times in seconds.items():
        same = sum(a == b for a, b in zip(words[name], words["program"], strict=True)) / len(photos)
        ratio, processor_ratio = (
            statistics.median(of[name]) / statistics.median(of["program"]) for of in (seconds, processor)
        )
        print(
            f"{name:<11} best {min(times):8.2f} s  median {statistics.median(times):8.2f} s  "
            f"{1000 * statistics.median(times) / len(photos):7.2f} ms a photo  {ratio:5.2f} x  "
            f"processor {statistics.median(processor[name]):8.2f} s {processor_ratio:5.2f} x  same words {same:.1%}"
        )


def processor_seconds():
    """Of all processes that this one has waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def by_program(line):
    return json.loads(line)["captions"][0]["generated_text"]


if __name__ == "__main__":
    main()
