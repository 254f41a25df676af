"""Captions a second in training: glimpse-train beside the same model in eager PyTorch, in one run.

    make bench-training

Everything is made up from a seed: photos of noise, captions of Flickr8k's lengths over a Zipf vocabulary. Both sides
read the same cached grids, take 16 photos with five captions each a step, on the same threads; the PyTorch side is
the model of tests/model/generate.py written as usual: a row a caption, padded to the longest of the batch. Rounds
alternate; medians and their ratio are printed and written as JSON.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "model"))
from generate import Captioner, Sizes  # noqa: E402

PHOTOS, VALIDATION, TEST, BATCH, WORDS = 160, 16, 1, 16, 6_000
# Words of a caption, punctuation counted: mean and deviation over Flickr8k.
MEAN_LENGTH, DEVIATION = 11.8, 3.9


def make_up(folder):
    """Photos, their captions and split lists, as glimpse-train prepare reads them."""
    rng = random.Random(0)
    words = [f"word{i}" for i in range(WORDS)]
    weights = [1 / (i + 3) for i in range(WORDS)]
    (folder / "images").mkdir()
    lines = []
    for i in range(PHOTOS + VALIDATION + TEST):
        noise = np.random.default_rng(i).integers(0, 256, (224, 224, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / "images" / f"{i}.png")
        for k in range(5):
            length = max(3, round(rng.gauss(MEAN_LENGTH, DEVIATION)))
            lines.append(f"{i}.png#{k}\t{' '.join(rng.choices(words, weights, k=length))}")
    (folder / "captions.token").write_text("\n".join(lines) + "\n")
    names = [f"{i}.png" for i in range(PHOTOS + VALIDATION + TEST)]
    parts = {"train": names[:PHOTOS], "validation": names[PHOTOS:-TEST], "test": names[-TEST:]}
    for split, part in parts.items():
        (folder / split).write_text("\n".join(part) + "\n")


def run(*command):
    done = subprocess.run(list(map(str, command)), stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.stderr)


def prepare(program, folder):
    data = folder / "data"
    run(program, "prepare", "--captions", folder / "captions.token", "--images", folder / "images", "--output", data,
        "--train-list", folder / "train", "--validation-list", folder / "validation", "--test-list", folder / "test")
    run(program, "features", "--data", data)
    return data


def glimpse(program, data, output, threads, precision, epochs):
    """Captions a second of each epoch but the first."""
    command = [program, "train", "--data", data, "--output", output, "--epochs", epochs, "--scst-epochs", 0,
               "--batch-images", BATCH, "--threads", threads, "--precision", precision, "--samples", 0]
    run(*command)
    lines = (output / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["captions_per_second"] for line in lines][1:]


class Peer:
    """The same model, batches and optimiser in eager PyTorch."""

    def __init__(self, data, threads, dropout):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        vocabulary = json.loads((data / "tokenizer.json").read_text())["model"]["vocab"]
        cache = next((data / "features").iterdir())
        index = json.loads((cache / "index.json").read_text())
        width = index["feature_dim"]
        grids = np.memmap(cache / "grids.f16", np.float16, "r").reshape(-1, 49, width)
        place = {entry["file_name"]: i for i, entry in enumerate(index["entries"])}
        train = json.loads((data / "dataset.json").read_text())["train"]
        unknown = vocabulary["<unk>"]
        self.images = [
            (grids[place[image["file_name"]]],
             [[vocabulary.get(word, unknown) for word in caption.split()][:28] for caption in image["captions"]])
            for image in train
        ]
        self.model = Captioner(True, Sizes(width, 512, 256, 512, 512, len(vocabulary)))
        self.dropout = nn.Dropout(dropout)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=6e-4, weight_decay=0.05)

    def epoch(self):
        """Captions a second."""
        order = np.random.permutation(len(self.images))
        start, captions = time.perf_counter(), 0
        for batch in np.array_split(order, len(order) // BATCH):
            captions += self.step([self.images[i] for i in batch])
        return captions / (time.perf_counter() - start)

    def step(self, batch):
        features = torch.from_numpy(np.stack([grid for grid, _ in batch])).float()
        rows = [(i, caption) for i, (_, captions) in enumerate(batch) for caption in captions]
        longest = max(len(caption) for _, caption in rows) + 1
        words = torch.tensor([[1, *c] + [0] * (longest - 1 - len(c)) for _, c in rows])
        targets = torch.tensor([[*c, 2] + [-100] * (longest - 1 - len(c)) for _, c in rows])
        image_of_row = torch.tensor([i for i, _ in rows])
        logits, _ = self.model(self.dropout(features), image_of_row, words)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), label_smoothing=0.1)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        return len(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--glimpse-train", default="target/release/glimpse-train")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=Path, default=Path("target/bench/training.json"))
    args = parser.parse_args()
    rates = {"PyTorch, f32": [], "glimpse-train, f32": [], "glimpse-train, bf16": []}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        make_up(folder)
        data = prepare(args.glimpse_train, folder)
        peer = Peer(data, args.threads, dropout=0.4)
        peer.epoch()
        for turn in range(args.rounds):
            rates["PyTorch, f32"].append(peer.epoch())
            for precision in ["f32", "bf16"]:
                output = folder / f"{precision}-{turn}"
                rates[f"glimpse-train, {precision}"] += glimpse(
                    args.glimpse_train, data, output, args.threads, precision, epochs=2)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    base = medians["PyTorch, f32"]
    print(f"{'captions a second':<22} {'median':>8} {'best':>8} {'ratio':>6}")
    for name, values in rates.items():
        print(f"{name:<22} {medians[name]:8.1f} {max(values):8.1f} {medians[name] / base:6.2f}")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps({"threads": args.threads, "captions_per_second": rates}, indent=2) + "\n")


if __name__ == "__main__":
    main()
