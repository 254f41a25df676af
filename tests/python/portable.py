"""Captions photos with a bundle, by what any Python user has: onnxruntime, tokenizers, PIL, numpy.

    python portable.py caption BUNDLE PHOTO... [--num-beams 1 3] [--check]
    python portable.py one-image BUNDLE OUT

`caption` prints one line of JSON for each photo and number of beams, in the keys of
`glimpse caption --json`. It is also an example of how to use a bundle without Glimpse.
`--check` has the files checked by onnx and, where it is installed, by transformers. `one-image` copies a bundle and
lets its decoder fail when it is given more grids than one; it needs onnx too.
"""

import argparse
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tokenizers import Tokenizer

# Before it is loaded: since 1.29, ONNX Runtime reports its use to Microsoft unless it is told not to.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime  # noqa: E402


class Bundle:
    def __init__(self, folder):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Tests run beside each other: threads that spin would take the cores of the others.
        options.intra_op_num_threads = 1
        cpu = ["CPUExecutionProvider"]
        self.encoder = onnxruntime.InferenceSession(folder / "encoder_model.onnx", options, cpu)
        self.decoder = onnxruntime.InferenceSession(folder / "decoder_model.onnx", options, cpu)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.vocab_size = self.tokenizer.get_vocab_size()
        self.preprocessor = json.loads((folder / "preprocessor_config.json").read_text())
        self.generation = json.loads((folder / "generation_config.json").read_text())

    def pixel_values(self, photo):
        """f32 [1, 3, height, width], as transformers' image processors read the config"""
        config = self.preprocessor
        picture = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
        if config["do_resize"]:
            size = config["size"]
            picture = picture.resize((size["width"], size["height"]), Image.Resampling(config["resample"]))
        assert not config["do_center_crop"]
        pixels = np.asarray(picture, np.float64)
        if config["do_rescale"]:
            pixels = pixels * config["rescale_factor"]
        if config["do_normalize"]:
            pixels = (pixels - config["image_mean"]) / config["image_std"]
        return pixels.transpose(2, 0, 1)[None].astype(np.float32)

    def start(self, photo):
        grid, keys, h, c = self.encoder.run(
            ["last_hidden_state", "encoder_keys", "initial_h", "initial_c"],
            {"pixel_values": self.pixel_values(photo)},
        )
        return {"encoder_hidden_states": grid, "encoder_keys": keys, "past_h": h, "past_c": c}

    def step(self, state, words, rows, k):
        """Best words of each row with their log-probabilities; `rows` says which row each continues."""
        names = ["top_log_probs", "top_token_ids", "present_h", "present_c"]
        inputs = {"input_ids": np.array(words), "beam_idx": np.array(rows), "k": np.array(k), **state}
        log_probs, ids, state["past_h"], state["past_c"] = self.decoder.run(names, inputs)
        return log_probs, ids

    def repeats(self, words):
        """Words that would repeat an n-gram, as transformers' no_repeat_ngram_size forbids them."""
        size = self.generation.get("no_repeat_ngram_size", 0)
        tokens = [self.generation["decoder_start_token_id"], *words]
        if size == 0 or len(tokens) < size:
            return set()
        last = tokens[len(tokens) - size + 1 :]
        return {tokens[i + size - 1] for i in range(len(tokens) - size + 1) if tokens[i : i + size - 1] == last}

    def caption(self, photo, num_beams):
        config = self.generation
        eos, suppressed = config["eos_token_id"], set(config["suppress_tokens"])
        max_words = config["max_length"] - 1
        kept = 1 if num_beams == 1 else 2 * num_beams
        state = self.start(photo)
        beams = [([], [], 0)]  # words, log-probabilities, row of the last step
        finished = []

        def score(beam):
            return sum(beam[1]) / len(beam[0]) ** config["length_penalty"]

        while True:
            words = [words[-1] if words else config["decoder_start_token_id"] for words, _, _ in beams]
            forbidden = [suppressed | self.repeats(words) for words, _, _ in beams]
            k = min(kept + max(map(len, forbidden)), self.vocab_size)
            log_probs, ids = self.step(state, words, [row for _, _, row in beams], k)
            ranked = sorted(
                (
                    (words + [int(word)], sums + [float(log_prob)], row)
                    for row, (words, sums, _) in enumerate(beams)
                    for word, log_prob in zip(ids[row], log_probs[row])
                    if word not in forbidden[row]
                ),
                key=lambda beam: -sum(beam[1]),
            )[:kept]

            def ends(beam):
                return beam[0][-1] == eos or len(beam[0]) == max_words

            finished += [beam for beam in ranked[:num_beams] if ends(beam)]
            finished = sorted(finished, key=score, reverse=True)[:num_beams]
            beams = [beam for beam in ranked if not ends(beam)][:num_beams]
            full = len(finished) == num_beams
            if not beams or full and score(finished[-1]) >= score(beams[0]):
                words, log_probs, _ = finished[0]
                return {
                    "generated_text": self.tokenizer.decode(words),
                    "score": score(finished[0]),
                    "token_ids": words,
                    "token_logprobs": log_probs,
                }


def check(folder):
    """What onnx and, where it is installed, transformers make of the files."""
    import onnx

    for graph in sorted(folder.glob("*.onnx")):
        model = onnx.load(graph)
        onnx.checker.check_model(model, full_check=True)
        assert {entry.domain for entry in model.opset_import} == {""}, "a standard opset alone"
        assert model.opset_import[0].version >= 17
    try:
        from transformers import GenerationConfig
    except ImportError:
        return
    config = GenerationConfig.from_pretrained(folder)
    for key, value in json.loads((folder / "generation_config.json").read_text()).items():
        assert getattr(config, key) == value, key


def one_image(folder, out):
    import onnx

    shutil.copytree(folder, out)
    path = out / "decoder_model.onnx"
    model = onnx.load(path)
    for name in ("encoder_hidden_states", "encoder_keys"):
        grid = next(value for value in model.graph.input if value.name == name)
        shape = [1] + [axis.dim_value for axis in grid.type.tensor_type.shape.dim][1:]
        for node in model.graph.node:
            node.input[:] = [f"one_{used}" if used == name else used for used in node.input]
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(shape), f"shape_of_{name}"))
        reshape = onnx.helper.make_node("Reshape", [name, f"shape_of_{name}"], [f"one_{name}"])
        model.graph.node.insert(0, reshape)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    sums = out / "SHA256SUMS"
    lines = [line.split() for line in sums.read_text().splitlines()]
    for line in lines:
        line[0] = hashlib.sha256((out / line[1]).read_bytes()).hexdigest()
    sums.write_text("".join(f"{digest}  {name}\n" for digest, name in lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    caption = commands.add_parser("caption")
    caption.add_argument("bundle", type=Path)
    caption.add_argument("photos", nargs="+")
    caption.add_argument("--num-beams", type=int, nargs="+", default=[1, 3])
    caption.add_argument("--check", action="store_true", help="check the files first; needs onnx")
    altered = commands.add_parser("one-image")
    altered.add_argument("bundle", type=Path)
    altered.add_argument("out", type=Path)
    args = parser.parse_args()
    if args.command == "one-image":
        return one_image(args.bundle, args.out)
    if args.check:
        check(args.bundle)
    bundle = Bundle(args.bundle)
    for num_beams in args.num_beams:
        for photo in args.photos:
            caption = bundle.caption(photo, num_beams)
            print(json.dumps({"image": photo, "num_beams": num_beams, "captions": [caption]}))


if __name__ == "__main__":
    main()
