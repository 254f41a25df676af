"""Captions photos with captioner_model.onnx and with `glimpse`, and compares words and scores.

    pip install numpy onnx onnxruntime pillow
    python3 tests/captioner/compare.py models/flickr8k-edge assets/photos --num-beams 1 3 5 [--node DIR]

The graph runs in onnxruntime of Python and, with --node, in onnxruntime-node (or onnxruntime-web where the
other is absent) of the node_modules in DIR: `npm install --prefix DIR onnxruntime-node`. Photos are brought
to 224x224 first, so that every decoder and every resize sees the same pixels. Exits with 1 on a difference.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image

SIDE = 224
PICTURES = {".jpg", ".jpeg", ".png"}


def pictures(places, count):
    """Evenly spread over all files of the places named."""
    files = []
    for place in places:
        inside = sorted(place.iterdir()) if place.is_dir() else [place]
        files += [file for file in inside if file.suffix.lower() in PICTURES]
    count = min(count or len(files), len(files))
    return [files[index * len(files) // count] for index in range(count)]


def pixel_values(bundle, photo):
    """f32 [3, 224, 224], as preprocessor_config.json says"""
    config = json.loads((bundle / "preprocessor_config.json").read_text())
    pixels = np.asarray(photo, np.float64) * config["rescale_factor"]
    return ((pixels - config["image_mean"]) / config["image_std"]).transpose(2, 0, 1).astype(np.float32)


def by_glimpse(args, files, num_beams):
    command = [args.glimpse, "caption", "--json", "--device", "cpu", "--precision", args.precision]
    command += ["--model", args.bundle, "--num-beams", str(num_beams), "--num-return-sequences", str(num_beams)]
    output = subprocess.run([*command, *files], check=True, stdout=subprocess.PIPE, text=True).stdout
    captions = [json.loads(line)["captions"] for line in output.splitlines()]
    return [[(caption["token_ids"], caption["score"]) for caption in photo] for photo in captions]


def captions_of(sequences, scores, pad):
    """Words without padding and the score of each caption found; [num_beams, words] and [num_beams]"""
    rows = zip(np.asarray(sequences).tolist(), np.asarray(scores).tolist())
    return [([word for word in row if word != pad], score) for row, score in rows if np.isfinite(score)]


def by_onnxruntime(args, config, pixels, num_beams, batch_size=1):
    options = onnxruntime.SessionOptions()
    # Tests run beside each other: threads that spin would take the cores of the others.
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(args.captioner, options, ["CPUExecutionProvider"])
    found = []
    for first in range(0, len(pixels), batch_size):
        batch = pixels[first : first + batch_size]
        inputs = {
            "pixel_values": batch,
            "num_beams": np.array(num_beams),
            "max_length": np.array(config["max_length"]),
            "length_penalty": np.array(config["length_penalty"], np.float32),
        }
        sequences, scores, attentions = session.run(["sequences", "scores", "attentions"], inputs)
        assert sequences.shape == (len(batch), num_beams, config["max_length"] - 1)
        assert attentions.shape == (*sequences.shape, 49)
        looked = attentions.sum(-1)
        # A word that is padding looks nowhere, any other looks once.
        assert np.allclose(looked, sequences != config["pad_token_id"], atol=1e-3)
        found += [captions_of(*row, config["pad_token_id"]) for row in zip(sequences, scores)]
    return found


def by_node(args, config, pixels, num_beams):
    with tempfile.NamedTemporaryFile(suffix=".f32") as file:
        pixels.tofile(file)
        file.flush()
        script = Path(__file__).with_name("captioner.mjs")
        command = ["node", script, args.node, args.captioner, file.name]
        command += [str(value) for value in (num_beams, config["max_length"], config["length_penalty"])]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = [json.loads(line) for line in output.splitlines()]
    numbers = lambda scores: [-np.inf if score is None else score for score in scores]
    pad = config["pad_token_id"]
    return [captions_of(photo["sequences"], numbers(photo["scores"]), pad) for photo in found]


def compare(name, found, expected):
    """Counts photos whose best caption differs, and prints how all captions compare."""
    different = sum(ours[0][0] != theirs[0][0] for ours, theirs in zip(found, expected))
    pairs = [pair for ours, theirs in zip(found, expected) for pair in zip(ours, theirs)]
    others = sum(ours[0] != theirs[0] for ours, theirs in pairs)
    apart = max((abs(ours[1] - theirs[1]) for ours, theirs in pairs if ours[0] == theirs[0]), default=0)
    print(f"  {name:28} {different} of {len(expected)} photos differ; {others} of {len(pairs)} captions; "
          f"scores at most {apart:.1e} apart", flush=True)
    return different


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--num-beams", type=int, nargs="+", default=[1, 3, 5])
    parser.add_argument("--count", type=int, help="this many of the photos, evenly spread")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--glimpse", default="target/release/glimpse")
    parser.add_argument("--captioner", type=Path, help="the graph, if it is not in the bundle")
    parser.add_argument("--node", type=Path, help="folder of node_modules")
    args = parser.parse_args()
    suffix = "" if args.precision == "fp32" else f"_{args.precision}"
    args.captioner = args.captioner or args.bundle / f"captioner_model{suffix}.onnx"
    onnx.checker.check_model(args.captioner, full_check=True)
    config = json.loads((args.bundle / "generation_config.json").read_text())

    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        files, pixels = [], []
        for number, path in enumerate(pictures(args.photos, args.count)):
            photo = Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
            files.append(Path(folder) / f"{number}.png")
            photo.save(files[-1])
            pixels.append(pixel_values(args.bundle, photo))
        pixels = np.stack(pixels)
        for num_beams in args.num_beams:
            print(f"num_beams {num_beams}")
            expected = by_glimpse(args, files, num_beams)
            start = time.perf_counter()
            alone = by_onnxruntime(args, config, pixels, num_beams)
            seconds = time.perf_counter() - start
            failed += compare("onnxruntime", alone, expected)
            failed += compare("onnxruntime, batches of 4", by_onnxruntime(args, config, pixels, num_beams, 4), alone)
            if args.node:
                failed += compare("node", by_node(args, config, pixels, num_beams), expected)
            print(f"  {1000 * seconds / len(files):.1f} ms a photo in Python, session opened once")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
