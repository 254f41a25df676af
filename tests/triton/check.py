"""Compares the configurations of a Triton repository with what Triton would find, and runs its graph.

    pip install numpy onnx onnxruntime pillow protobuf && pip install --no-deps tritonclient
    glimpse bundle --triton repository
    python3 tests/triton/check.py models/flickr8k-edge repository --glimpse target/release/glimpse

Names, types and shapes are compared by the rules of Triton's ONNX Runtime backend (`ValidateInputs`, `ValidateOutputs` in
src/onnxruntime.cc). The graph captions photos of 224x224 in onnxruntime, alone and in batches: the words have to be those
of `glimpse`. Exits with 1 on a difference.
"""

import argparse
import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
from google.protobuf import text_format
from PIL import Image

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests/captioner"))

import compare  # noqa: E402

TYPES = {"tensor(float)": "TYPE_FP32", "tensor(int64)": "TYPE_INT64"}


def messages():
    """The messages of Triton's model_config.proto. The package around them needs gRPC; the file does not."""
    package = Path(importlib.util.find_spec("tritonclient").origin).parent
    spec = importlib.util.spec_from_file_location("model_config_pb2", package / "grpc/model_config_pb2.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tensors(triton, listed):
    """Name: (type, dims) of a configuration."""
    return {one.name: (triton.DataType.Name(one.data_type), list(one.dims)) for one in listed}


def declared(nodes):
    """Name: (type, dims without the batch) of a graph; -1 where an axis varies."""
    found = {}
    for node in nodes:
        shape = [size if isinstance(size, int) else -1 for size in node.shape]
        assert shape[0] == -1, f"{node.name}: {shape} has no batch axis, and Triton could not batch"
        found[node.name] = (TYPES[node.type], shape[1:])
    return found


def check_captioner(triton, repository, session):
    config = text_format.Parse((repository / "glimpse_captioner/config.pbtxt").read_text(), triton.ModelConfig())
    assert config.name == "glimpse_captioner" and config.platform == "onnxruntime_onnx"
    assert config.max_batch_size == 8 and config.HasField("dynamic_batching")
    assert tensors(triton, config.input) == declared(session.get_inputs())
    assert tensors(triton, config.output) == declared(session.get_outputs())
    # Triton refuses these beside batches, or they would let a batch run with the options of its first request.
    assert not any(one.optional or one.allow_ragged_batch or one.is_shape_tensor for one in config.input)
    assert not session.get_overridable_initializers()


def check_photos(triton, repository):
    config = text_format.Parse((repository / "glimpse/config.pbtxt").read_text(), triton.ModelConfig())
    assert config.name == "glimpse" and config.backend == "python"
    assert tensors(triton, config.input) == {"image": ("TYPE_STRING", [1])}
    assert tensors(triton, config.output) == {
        "generated_text": ("TYPE_STRING", [-1]),
        "score": ("TYPE_FP32", [-1]),
        "error": ("TYPE_STRING", [1]),
    }
    return config.parameters["precision"].string_value


def check_words(args, session, precision):
    config = json.loads((args.bundle / "generation_config.json").read_text())
    files = compare.pictures([args.photos], None)
    with tempfile.TemporaryDirectory() as folder:
        prepared, pixels = [], []
        for number, path in enumerate(files):
            photo = Image.open(path).convert("RGB").resize((compare.SIDE,) * 2, Image.Resampling.BILINEAR)
            prepared.append(Path(folder) / f"{number}.png")
            photo.save(prepared[-1])
            pixels.append(compare.pixel_values(args.bundle, photo))
        program = SimpleNamespace(glimpse=args.glimpse, precision=precision, bundle=args.bundle)
        expected = compare.by_glimpse(program, prepared, config["num_beams"])
    for batch in (1, 3, len(files)):
        found = []
        for first in range(0, len(files), batch):
            values = np.stack(pixels[first : first + batch])
            sequences, scores, attentions = session.run(
                ["sequences", "scores", "attentions"], {"pixel_values": values}
            )
            assert sequences.shape == (len(values), config["num_beams"], config["max_length"] - 1)
            assert attentions.shape[:3] == sequences.shape
            found += [compare.captions_of(*row, config["pad_token_id"]) for row in zip(sequences, scores)]
        assert compare.compare(f"batches of {batch}", found, expected) == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("repository", type=Path)
    parser.add_argument("--photos", type=Path, default=PROJECT / "assets/photos")
    parser.add_argument("--glimpse", required=True)
    args = parser.parse_args()
    triton = messages()
    graph = args.repository / "glimpse_captioner/1/model.onnx"
    onnx.checker.check_model(graph, full_check=True)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    check_captioner(triton, args.repository, session)
    check_words(args, session, check_photos(triton, args.repository))
    compile((args.repository / "glimpse/1/model.py").read_text(), "model.py", "exec")


if __name__ == "__main__":
    main()
