"""Times `glimpse.ray` beside `glimpse caption`: photos a second, for several numbers of actors and threads.

    pip install dist/*.whl 'ray[data]'
    python benches/ray_rates.py --program target/release/glimpse --photos FOLDER

Every rate is of the difference of a long and a short run, so that starts do not count: those of Ray's actors take
seconds. The runs take turns, round by round, and the words of all are compared. More actors than this machine has cores
are simulated (`--simulated`): they sleep as long as a photo takes in place of captioning it, so that what is left is
what Ray itself costs.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import glimpse.ray
import pyarrow as pa
import pyarrow.dataset as ds
import ray

PROJECT = Path(__file__).resolve().parents[1]
MODEL = PROJECT / "models/flickr8k-edge"
# Rows that an actor gets at a time: the default of `glimpse.ray.caption`.
ROWS = 64


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--photos", type=Path, default=PROJECT / "assets/photos")
    parser.add_argument("--count", type=int, default=1024, help="photos of a long run; those of the folder are repeated")
    parser.add_argument("--short", type=int, default=128, help="photos of a short run")
    parser.add_argument("--num-beams", type=int, default=5)
    parser.add_argument("--actors", default="1x1,1x2,2x1", help="actors x threads of each, with commas between them")
    parser.add_argument("--simulated", type=int, nargs="*", default=[4, 8], help="numbers of sleeping actors")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()

    found = sorted(given.photos.glob("*.jpg"))
    photos = [str(found[number % len(found)]) for number in range(given.count + given.short)]
    shapes = [tuple(int(number) for number in shape.split("x")) for shape in given.actors.split(",")]
    program_threads = sorted({actors * threads for actors, threads in shapes})
    cpus = max([actors * threads for actors, threads in shapes] + given.simulated) + 2
    ray.init(num_cpus=cpus, include_dashboard=False, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False

    def program(threads):
        flags = ["--num-beams", str(given.num_beams), "--threads", str(threads), "--batch-size", "8"]
        command = [given.program, "caption", "--json", "--device", "cpu", "--model", MODEL, *flags]

        def run(paths):
            done = subprocess.run([*map(str, command), *paths], capture_output=True, text=True, check=True)
            return [json.loads(line)["captions"][0]["generated_text"] for line in done.stdout.splitlines()]

        return run

    def on_ray(actors, threads):
        def run(paths):
            captions = glimpse.ray.caption(
                data_set(paths), model=MODEL, actors=actors, threads=threads, num_beams=given.num_beams
            )
            return texts(captions, paths)

        return run

    # By name: what runs, and how many threads it has in all.
    engines = {f"program, {threads} threads": (program(threads), threads) for threads in program_threads}
    for actors, threads in shapes:
        engines[f"Ray, {actors} actors of {threads} threads"] = (on_ray(actors, threads), actors * threads)
    rates = {name: [] for name in engines}
    for _ in range(given.rounds):
        words = {}
        for name, (run, _) in engines.items():
            rate, words[name] = measure(run, photos, given.short)
            rates[name].append(rate)
        first = next(iter(words.values()))
        for name, found in words.items():
            same = sum(a == b for a, b in zip(found, first, strict=True)) / len(first)
            assert same > 0.99, f"{name} says other words: {same:.1%} are the same"
    for name, values in rates.items():
        _, threads = engines[name]
        ratio = statistics.median(values) / statistics.median(rates[f"program, {threads} threads"])
        print(f"{name:<28} {statistics.median(values):7.1f} photos/s  {ratio:5.2f} x the program's  {rounded(values)}")
    seconds = 1 / statistics.median(rates[f"program, {program_threads[0]} threads"])
    for actors in given.simulated:
        # Nine turns of each actor, of which the first is the short run.
        many = [photos[number % len(photos)] for number in range(9 * ROWS * actors)]
        values = [measure(asleep(actors, seconds), many, ROWS * actors)[0] for _ in range(given.rounds)]
        ratio = statistics.median(values) * seconds / actors
        print(f"{actors:>3} sleeping actors          {statistics.median(values):7.1f} photos/s  {ratio:5.2f} x theirs alone")


def measure(run, photos, short):
    """Photos a second, and the words of the long run."""
    start = time.perf_counter()
    run(photos[:short])
    middle = time.perf_counter()
    words = run(photos)
    end = time.perf_counter()
    return (len(photos) - short) / ((end - middle) - (middle - start)), words


def data_set(paths):
    rows = [{"id": number, "path": path} for number, path in enumerate(paths)]
    return ray.data.from_arrow([pa.Table.from_pylist(rows[at : at + ROWS]) for at in range(0, len(rows), ROWS)])


def texts(captions, paths):
    """Written as a user writes them, and read in the order of the photos."""
    with tempfile.TemporaryDirectory() as folder:
        captions.write_parquet(folder)
        rows = ds.dataset(folder, format="parquet").to_table(columns=["id", "generated_text"]).to_pylist()
    assert sorted(row["id"] for row in rows) == list(range(len(paths))), "a photo is missing, or there twice"
    return [row["generated_text"] for row in sorted(rows, key=lambda row: row["id"])]


class Sleeper:
    """An actor that takes its time."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __call__(self, batch):
        time.sleep(self.seconds * batch.num_rows)
        return batch.append_column("generated_text", batch["path"])


def asleep(actors, seconds):
    def run(paths):
        captions = data_set(paths).map_batches(
            Sleeper,
            fn_constructor_kwargs={"seconds": seconds},
            batch_size=ROWS,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=actors),
            num_cpus=1,
        )
        return texts(captions, paths)

    return run


def rounded(values):
    return [round(value, 1) for value in values]


if __name__ == "__main__":
    main()
