"""What a user would run instead of Glimpse, one engine a process, driven over standard input.

    python peers.py pytorch BUNDLE PIXEL_VALUES --checkpoint FILE --backbone-weights FILE [--threads N]
    python peers.py onnxruntime BUNDLE PIXEL_VALUES [--decoder decoder_model_int8.onnx] [--spinning off]

PIXEL_VALUES is a .npy file, f32 [photos, 3, 224, 224]. A line of JSON on standard input asks for one
run: {"photos": 8, "num_beams": 5, "words": 16}, where 0 beams is the encoder alone. The answer is a
line too: {"seconds": 0.1, "token_ids": [[...], ...]}. The first line that the process writes names
its versions, once everything is loaded.

    python peers.py captioner BUNDLE PIXEL_VALUES
    python peers.py pillow BUNDLE PHOTO [--draft]

`captioner` runs the graph that holds the search too. `pillow` prepares a photo instead. With --once, PIXEL_VALUES is a photo: it is captioned by greedy search, and the process ends.

All engines write exactly `words` words: the special words are suppressed, <eos> among them.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

SUPPRESSED = [0, 1, 2, 3]
START = 1


class OnnxRuntime:
    """Two sessions and a loop in numpy; ONNX Runtime's defaults but for what the flags say."""

    def __init__(self, args):
        import onnxruntime

        self.version = f"onnxruntime {onnxruntime.__version__}"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if args.spinning == "off":
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")

        def session(name):
            return onnxruntime.InferenceSession(args.bundle / name, options, ["CPUExecutionProvider"])

        self.encoder, self.decoder = session(args.encoder), session(args.decoder)

    def encode(self, pixels):
        names = ["last_hidden_state", "encoder_keys", "initial_h", "initial_c"]
        return self.encoder.run(names, {"pixel_values": pixels})

    def caption(self, pixels, num_beams, words):
        grid, keys, h, c = self.encode(pixels)
        photos, k = len(pixels), max(1, num_beams) + len(SUPPRESSED)
        names = ["top_log_probs", "top_token_ids", "present_h", "present_c"]
        state = {"encoder_hidden_states": grid, "encoder_keys": keys, "k": np.array(k)}
        ids = np.full(photos, START)
        rows = np.arange(photos)
        sums = np.zeros((photos, 1), np.float32)
        sequences = np.zeros((photos, 1, 0), np.int64)
        for _ in range(words):
            inputs = {"input_ids": ids, "beam_idx": rows, "past_h": h, "past_c": c, **state}
            log_probs, top, h, c = self.decoder.run(names, inputs)
            beams = sums.shape[1]
            log_probs = np.where(np.isin(top, SUPPRESSED), -np.inf, log_probs)
            scores = (sums[..., None] + log_probs.reshape(photos, beams, k)).reshape(photos, -1)
            best = np.argsort(-scores, axis=1, kind="stable")[:, :num_beams]
            sums = np.take_along_axis(scores, best, 1)
            parents = best // k
            word = np.take_along_axis(top.reshape(photos, -1), best, 1)
            sequences = np.take_along_axis(sequences, parents[..., None], 1)
            sequences = np.concatenate([sequences, word[..., None]], 2)
            ids = word.reshape(-1)
            rows = (parents + np.arange(photos)[:, None] * beams).reshape(-1)
        return sequences[:, 0].tolist()


class Captioner:
    """captioner_model.onnx: encoder, loop and search in one graph, one call a batch."""

    def __init__(self, args):
        import onnxruntime

        self.version = f"onnxruntime {onnxruntime.__version__}"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        path = args.bundle / "captioner_model.onnx"
        self.session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])

    def caption(self, pixels, num_beams, words):
        inputs = {
            "pixel_values": pixels,
            "num_beams": np.array(num_beams),
            "max_length": np.array(words + 1),
            "length_penalty": np.array(1, np.float32),
        }
        (sequences,) = self.session.run(["sequences"], inputs)
        return sequences[:, 0].tolist()


class PyTorch:
    """Eager PyTorch as a tutorial has it: a trunk, nn.LSTMCell, and the grid repeated for each beam."""

    def __init__(self, args):
        import torch
        from safetensors.torch import load_file

        self.torch = torch
        self.version = f"torch {torch.__version__.split('+')[0]}"
        if args.threads:
            torch.set_num_threads(args.threads)
        self.device = torch.device(args.device)
        self.dtype = torch.float16 if args.half else torch.float32
        config = json.loads((args.bundle / "config.json").read_text())
        trunk = load_file(args.backbone_weights)
        self.trunk = TRUNKS[config["backbone"]](torch, trunk).to(self.device, self.dtype).eval()
        self.decoder = decoder(torch, config, load_file(args.checkpoint)).to(self.device, self.dtype).eval()

    def encode(self, pixels):
        with self.torch.inference_mode():
            # A copy: the others take theirs to ONNX Runtime too.
            pixels = self.torch.from_numpy(pixels).to(self.device, self.dtype)
            grid = self.decoder.start(self.trunk(pixels))
            grid[0][0, 0, 0].item()  # Waits for a GPU.
            return grid

    def caption(self, pixels, num_beams, words):
        torch = self.torch
        with torch.inference_mode():
            pixels = torch.from_numpy(pixels).to(self.device, self.dtype)
            grid, keys, h, c = self.decoder.start(self.trunk(pixels))
            photos = len(pixels)
            # As Hugging Face's generate does it: everything once for each beam.
            grid, keys, h, c = (x.repeat_interleave(num_beams, 0) for x in (grid, keys, h, c))
            ids = torch.full((photos * num_beams,), START, device=self.device)
            sums = torch.full((photos, num_beams), -1e9, device=self.device)
            sums[:, 0] = 0
            sequences = torch.empty((photos * num_beams, 0), dtype=torch.long, device=self.device)
            first_rows = torch.arange(photos, device=self.device)[:, None] * num_beams
            for _ in range(words):
                logits, h, c = self.decoder(ids, h, c, grid, keys)
                log_probs = logits.float().log_softmax(-1)
                log_probs[:, SUPPRESSED] = -torch.inf
                if num_beams == 1:
                    ids = log_probs.argmax(-1)
                    sequences = torch.cat([sequences, ids[:, None]], 1)
                    continue
                scores = (sums.reshape(-1, 1) + log_probs).reshape(photos, -1)
                sums, best = scores.topk(num_beams, -1)
                rows = (first_rows + best // logits.shape[1]).reshape(-1)
                ids = (best % logits.shape[1]).reshape(-1)
                sequences = torch.cat([sequences[rows], ids[:, None]], 1)
                h, c = h[rows], c[rows]
            return sequences.reshape(photos, num_beams, -1)[:, 0].tolist()


class Pillow:
    """From a file to pixel values, with PIL and numpy; a draft is what its JPEG decoder scales itself."""

    def __init__(self, args):
        import PIL

        self.version = f"pillow {PIL.__version__}"
        self.args = args

    def prepare(self):
        return pixel_values_of(self.args.bundle, self.args.pixel_values, self.args.draft)


ENGINES = {"pytorch": PyTorch, "onnxruntime": OnnxRuntime, "captioner": Captioner, "pillow": Pillow}


def resnet50(torch, weights):
    from torchvision.models import resnet50

    model = resnet50()
    missing = model.load_state_dict(weights, strict=False).missing_keys
    assert all(key.startswith("fc.") or "num_batches" in key for key in missing), missing
    return torch.nn.Sequential(*list(model.children())[:-2])


def efficientnet_lite0(torch, weights):
    nn = torch.nn

    class Layer(nn.Module):
        """Convolution with TensorFlow's "same" padding, batch norm, ReLU6."""

        def __init__(self, conv, norm, stride=1, depthwise=False, active=True):
            super().__init__()
            kernel = weights[f"{conv}.weight"]
            outputs, inputs, side, _ = kernel.shape
            groups = outputs if depthwise else 1
            self.conv = nn.Conv2d(inputs * groups, outputs, side, stride, groups=groups, bias=False)
            self.conv.weight.data = kernel
            # All inputs have even sides: a stride of 2 pads less before than after.
            before, after = (side - stride) // 2, (side - stride + 1) // 2
            self.pad = nn.ZeroPad2d((before, after, before, after)) if before != after else nn.Identity()
            if before == after:
                self.conv.padding = (before, before)
            self.norm = nn.BatchNorm2d(outputs, eps=1e-3)
            names = ("weight", "bias", "running_mean", "running_var")
            self.norm.load_state_dict({key: weights[f"{norm}.{key}"] for key in names}, strict=False)
            self.active = active

        def forward(self, x):
            x = self.norm(self.conv(self.pad(x)))
            return nn.functional.relu6(x, inplace=True) if self.active else x

    class Block(nn.Module):
        def __init__(self, index):
            super().__init__()
            name = f"_blocks.{index}."
            stride = 2 if index in (1, 3, 5, 11) else 1
            layers = [Layer(name + "_expand_conv", name + "_bn0")] if index else []
            layers.append(Layer(name + "_depthwise_conv", name + "_bn1", stride, depthwise=True))
            layers.append(Layer(name + "_project_conv", name + "_bn2", active=False))
            self.layers = nn.Sequential(*layers)

        def forward(self, x):
            y = self.layers(x)
            return x + y if x.shape == y.shape else y

    stem, head = Layer("_conv_stem", "_bn0", 2), Layer("_conv_head", "_bn1")
    return nn.Sequential(stem, *(Block(index) for index in range(16)), head)


TRUNKS = {"resnet50": resnet50, "efficientnet-lite0": efficientnet_lite0}


def decoder(torch, config, weights):
    nn = torch.nn

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()

            def linear(name, bias=True):
                outputs, inputs = weights[f"{name}.weight"].shape
                layer = nn.Linear(inputs, outputs, bias)
                layer.weight.data = weights[f"{name}.weight"]
                if bias:
                    layer.bias.data = weights[f"{name}.bias"]
                return layer

            self.embedding = nn.Embedding.from_pretrained(weights["decoder.embedding.weight"])
            self.key, self.query = linear("attention.key"), linear("attention.query", False)
            self.score = nn.Linear(self.query.out_features, 1, bias=False)
            self.score.weight.data = weights["attention.score.weight"].reshape(1, -1)
            self.init_h, self.init_c = linear("decoder.init_h"), linear("decoder.init_c")
            hidden, inputs = self.query.in_features, weights["decoder.lstm.weight_ih"].shape[1]
            self.lstm = nn.LSTMCell(inputs, hidden)
            self.lstm.load_state_dict({key: weights[f"decoder.lstm.{key}"] for key in self.lstm.state_dict()})
            self.gate = linear("decoder.gate") if config["gated_context"] else None
            self.deep_h = linear("decoder.deep_h") if config["deep_output"] else None
            self.deep_z = linear("decoder.deep_z", False) if config["deep_output"] else None
            if config["tie_word_embeddings"]:
                weights["decoder.vocab.weight"] = weights["decoder.embedding.weight"]
            self.vocab = linear("decoder.vocab")
            self.projection = None
            if config["project_features"]:
                self.projection = linear("encoder.projection")
                self.norm = nn.LayerNorm(self.projection.out_features)
                self.norm.weight.data = weights["encoder.norm.weight"]
                self.norm.bias.data = weights["encoder.norm.bias"]
                rows, columns = weights["encoder.row_positions"], weights["encoder.column_positions"]
                positions = (rows[:, None] + columns[None]).flatten(0, 1)
                self.register_buffer("positions", positions)

        def start(self, maps):
            grid = maps.flatten(2).transpose(1, 2)
            if self.projection is not None:
                grid = self.norm(self.projection(grid)) + self.positions
            mean = grid.mean(1)
            return grid, self.key(grid), self.init_h(mean).tanh(), self.init_c(mean).tanh()

        def forward(self, ids, h, c, grid, keys):
            word = self.embedding(ids)
            scores = self.score((keys + self.query(h)[:, None]).tanh()).squeeze(-1)
            context = (scores.softmax(-1)[..., None] * grid).sum(1)
            if self.gate is not None:
                context = self.gate(h).sigmoid() * context
            h, c = self.lstm(torch.cat([word, context], 1), (h, c))
            output = h
            if self.deep_h is not None:
                output = (self.deep_h(h) + self.deep_z(context) + word).tanh()
            return self.vocab(output), h, c

    return Decoder()


def pixel_values_of(bundle, photo, draft=False):
    """f32 [1, 3, height, width]"""
    from PIL import Image

    config = json.loads((bundle / "preprocessor_config.json").read_text())
    size = (config["size"]["width"], config["size"]["height"])
    picture = Image.open(photo)
    if draft:
        picture.draft("RGB", (2 * size[0], 2 * size[1]))
    picture = picture.convert("RGB").resize(size, Image.Resampling(config["resample"]))
    pixels = np.asarray(picture, np.float32) * np.float32(config["rescale_factor"])
    pixels = (pixels - np.float32(config["image_mean"])) / np.float32(config["image_std"])
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def caption_photo(engine, bundle, photo):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(bundle / "tokenizer.json"))
    words = json.loads((bundle / "generation_config.json").read_text())["max_length"] - 1
    token_ids = engine.caption(pixel_values_of(bundle, photo), 1, words)
    return tokenizer.decode(token_ids[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("pixel_values", type=Path)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--backbone-weights", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--half", action="store_true", help="16-bit floats")
    parser.add_argument("--encoder", default="encoder_model.onnx")
    parser.add_argument("--decoder", default="decoder_model.onnx")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--draft", action="store_true")
    parser.add_argument("--spinning", choices=["default", "off"], default="default")
    args = parser.parse_args()
    engine = ENGINES[args.engine](args)
    if args.once:
        return print(caption_photo(engine, args.bundle, args.pixel_values), flush=True)
    pixel_values = None if args.engine == "pillow" else np.load(args.pixel_values)
    print(json.dumps({"version": engine.version}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        token_ids = None
        start = time.perf_counter()
        if args.engine == "pillow":
            engine.prepare()
        elif request["num_beams"] == 0:
            engine.encode(pixel_values[: request["photos"]])
        else:
            token_ids = engine.caption(pixel_values[: request["photos"]], request["num_beams"], request["words"])
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "token_ids": token_ids}), flush=True)


if __name__ == "__main__":
    main()
