"""Compares a bundle's graphs in ONNX Runtime with a plain PyTorch model of the same weights.

    python3 parity.py BUNDLE CHECKPOINT BACKBONE_WEIGHTS [--shared DIR] [--known-grid] [--tolerance 1e-5]

Nothing here is shared with the exporter: the trunk is torchvision's or written from the layer
table of the paper, batch norms are not folded, LSTM gates come from torch.nn.LSTMCell, and beams
repeat the grid. Exits with 1 when an output differs by more than the tolerance, relative to the
largest number of that output. Prints one line an output.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file


def resnet50_grid(weights, pixels):
    from torchvision.models import resnet50

    model = resnet50()
    keys = model.load_state_dict(weights, strict=False)
    missing = [key for key in keys.missing_keys if not key.startswith("fc.") and "num_batches" not in key]
    assert not missing, missing
    model = torch.nn.Sequential(*list(model.children())[:-2]).eval()
    return model(pixels)


def efficientnet_lite0_grid(w, pixels):
    def conv(x, name, stride=1, depthwise=False):
        weight = w[f"{name}.weight"]
        kernel, side = weight.shape[-1], x.shape[-1]
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        x = F.pad(x, (total // 2, total - total // 2) * 2)
        return F.conv2d(x, weight, stride=stride, groups=x.shape[1] if depthwise else 1)

    def norm(x, name):
        parts = (w[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *parts, eps=1e-3)

    x = F.relu6(norm(conv(pixels, "_conv_stem", 2), "_bn0"))
    strides = {1: 2, 3: 2, 5: 2, 11: 2}
    for block in range(16):
        name, before = f"_blocks.{block}.", x
        if block:
            x = F.relu6(norm(conv(x, name + "_expand_conv"), name + "_bn0"))
        x = F.relu6(norm(conv(x, name + "_depthwise_conv", strides.get(block, 1), True), name + "_bn1"))
        x = norm(conv(x, name + "_project_conv"), name + "_bn2")
        if x.shape == before.shape:
            x = x + before
    return F.relu6(norm(conv(x, "_conv_head"), "_bn1"))


PICTURES = 2
GRIDS = {"resnet50": resnet50_grid, "efficientnet-lite0": efficientnet_lite0_grid}


def encoder(config, w, features):
    """grid, keys, h, c of features [batch, cells, channels]"""
    grid = features
    if config["project_features"]:
        grid = F.linear(grid, w["encoder.projection.weight"], w["encoder.projection.bias"])
        grid = F.layer_norm(grid, grid.shape[-1:], w["encoder.norm.weight"], w["encoder.norm.bias"], 1e-5)
        rows, columns = w["encoder.row_positions"], w["encoder.column_positions"]
        grid = grid + torch.stack([rows[i // 7] + columns[i % 7] for i in range(49)])
    keys = F.linear(grid, w["attention.key.weight"], w["attention.key.bias"])
    mean = grid.mean(1)
    states = [
        torch.tanh(F.linear(mean, w[f"decoder.init_{state}.weight"], w[f"decoder.init_{state}.bias"]))
        for state in "hc"
    ]
    return grid, keys, *states


def step(config, w, words, h, c, grid, keys):
    """log-probabilities, h, c, attention of rows; one grid a row"""
    word = w["decoder.embedding.weight"][words]
    query = F.linear(h, w["attention.query.weight"])
    scores = F.linear(torch.tanh(keys + query[:, None]), w["attention.score.weight"])[..., 0]
    attention = scores.softmax(-1)
    context = (attention[..., None] * grid).sum(1)
    if config["gated_context"]:
        context = torch.sigmoid(F.linear(h, w["decoder.gate.weight"], w["decoder.gate.bias"])) * context
    cell = torch.nn.LSTMCell(word.shape[1] + context.shape[1], h.shape[1], dtype=h.dtype)
    cell.load_state_dict({key: w[f"decoder.lstm.{key}"] for key in cell.state_dict()})
    h, c = cell(torch.cat([word, context], 1), (h, c))
    output = h
    if config["deep_output"]:
        deep = F.linear(h, w["decoder.deep_h.weight"], w["decoder.deep_h.bias"])
        output = torch.tanh(deep + F.linear(context, w["decoder.deep_z.weight"]) + word)
    tied = config["tie_word_embeddings"]
    vocab = w["decoder.embedding.weight" if tied else "decoder.vocab.weight"]
    return F.linear(output, vocab, w["decoder.vocab.bias"]).log_softmax(-1), h, c, attention


class Comparison:
    def __init__(self, tolerance):
        self.tolerance, self.failed = tolerance, False

    def check(self, name, found, expected):
        expected = np.asarray(expected)
        scale = np.abs(expected).max()
        difference = np.abs(found - expected).max()
        relative = difference / scale
        bad = found.shape != expected.shape or not relative <= self.tolerance
        self.failed |= bad
        verdict = "FAILED" if bad else "ok"
        print(f"{name:34} largest {scale:9.4f}  difference {difference:.1e}  relative {relative:.1e}  {verdict}")


def pictures(shared):
    """RGB pixels of two photos whose EfficientNet grids are known, or random ones."""
    listing = shared / "weights/efficientnet-lite0.expected-grid.txt"
    if not listing.exists():
        print(f"{listing} is absent: random pictures")
        return np.random.default_rng(0).integers(0, 256, (PICTURES, 224, 224, 3))
    from PIL import Image

    folder = shared / "data/flickr8k/images"
    names = listing.read_text().split()[:PICTURES]
    return np.stack([np.array(Image.open(folder / name).convert("RGB")) for name in names])


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("backbone_weights", type=Path)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--known-grid", action="store_true", help="the weights are the trained ones of --shared")
    parser.add_argument("--tolerance", type=float, default=1e-5)
    args = parser.parse_args()
    comparison = Comparison(args.tolerance)
    # Spinning thread pools of two libraries starve each other on a busy machine.
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)

    for name in ("encoder_model", "decoder_model"):
        model = onnx.load(args.bundle / f"{name}.onnx")
        onnx.checker.check_model(model, full_check=True)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    config = json.loads((args.bundle / "config.json").read_text())
    with safe_open(args.checkpoint, "pt") as file:
        written = json.loads(file.metadata()["config"])
        assert {**config, "provenance": 0} == {**written, "provenance": 0}
    preprocessor = json.loads((args.bundle / "preprocessor_config.json").read_text())
    # Double precision: what differs is the graph's own rounding.
    weights = {name: tensor.double() for name, tensor in load_file(args.checkpoint).items()}
    trunk = {name: tensor.double() for name, tensor in load_file(args.backbone_weights).items()}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    sessions = {
        name: onnxruntime.InferenceSession(args.bundle / f"{name}_model.onnx", options, ["CPUExecutionProvider"])
        for name in ("encoder", "decoder")
    }

    pixels = pictures(args.shared) / 255 - preprocessor["image_mean"]
    pixels = (pixels / preprocessor["image_std"]).transpose(0, 3, 1, 2).astype(np.float32)
    features = GRIDS[config["backbone"]](trunk, torch.from_numpy(pixels).double()).flatten(2).transpose(1, 2)
    if args.known_grid:
        known = np.load(args.shared / "weights/efficientnet-lite0.expected-grid.npy")[:PICTURES]
        comparison.check("reference against known grid", features.float().numpy(), known)
    found = dict(zip(ENCODER_OUTPUTS, sessions["encoder"].run(ENCODER_OUTPUTS, {"pixel_values": pixels})))
    for name, expected in zip(ENCODER_OUTPUTS, encoder(config, weights, features)):
        comparison.check(name, found[name], expected)
    if args.known_grid and not config["project_features"]:
        comparison.check("graph against known grid", found["last_hidden_state"], known)
    single = sessions["encoder"].run(ENCODER_OUTPUTS, {"pixel_values": pixels[1:2]})
    for name, alone in zip(ENCODER_OUTPUTS, single):
        comparison.check(f"{name} alone", alone, found[name][1:2])

    # The first step continues one row per image, then beams wander between the rows of an image.
    batch, beams, k = len(pixels), 3, 7
    grid, keys = found["last_hidden_state"], found["encoder_keys"]
    h, c = found["initial_h"], found["initial_c"]
    random = np.random.default_rng(1)
    rows = np.repeat(np.arange(batch), beams)
    repeated = [torch.from_numpy(array).double()[rows] for array in (grid, keys)]
    for index in range(3):
        beam_idx = rows if index == 0 else rows * beams + random.integers(0, beams, batch * beams)
        words = random.integers(0, config["vocab_size"], batch * beams)
        state = [torch.from_numpy(array[beam_idx]).double() for array in (h, c)]
        log_probs, *expected = step(config, weights, torch.from_numpy(words), *state, *repeated)
        inputs = {
            "input_ids": words,
            "beam_idx": beam_idx,
            "past_h": h,
            "past_c": c,
            "encoder_hidden_states": grid,
            "encoder_keys": keys,
            "k": np.array(k),
        }
        top, ids, h, c, attentions = sessions["decoder"].run(DECODER_OUTPUTS, inputs)
        best = log_probs.topk(k)
        prefix = f"step {index} "
        comparison.check(prefix + "top_log_probs", top, best.values)
        comparison.check(prefix + "log_probs of top_token_ids", top, log_probs.gather(1, torch.from_numpy(ids)))
        for name, found_, expected_ in zip(DECODER_OUTPUTS[2:], (h, c, attentions), expected):
            comparison.check(prefix + name, found_, expected_)
        comparison.check(prefix + "sum of attentions", attentions.sum(1), np.ones(len(rows)))
    return int(comparison.failed)


ENCODER_OUTPUTS = ["last_hidden_state", "encoder_keys", "initial_h", "initial_c"]
DECODER_OUTPUTS = ["top_log_probs", "top_token_ids", "present_h", "present_c", "attentions"]

if __name__ == "__main__":
    sys.exit(main())
