"""Expected outputs of the two graphs for two tiny models, from PyTorch.

    python3 export/tests/golden/generate.py

writes full.safetensors and plain.safetensors beside this file; `cargo test -p glimpse-export` compares the
exported graphs with them. Weights and inputs are not stored: both sides draw them from SplitMix64
(Steele et al. 2014), seeded by the tensor's name. The model itself is the one of ../parity.py.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import parity  # noqa: E402

FEATURES, EMBED, ATTENTION, DECODER, VOCAB = 1280, 6, 5, 4, 11
FULL = dict(
    encoder_dim=3, project_features=True, gated_context=True, deep_output=True, tie_word_embeddings=True
)
PLAIN = dict(
    encoder_dim=FEATURES,
    project_features=False,
    gated_context=False,
    deep_output=False,
    tie_word_embeddings=False,
)


def draw(name, *shape):
    """Uniform in [-1, 1), scaled by 2 / sqrt(inputs)."""
    with np.errstate(over="ignore"):
        state = np.arange(1, np.prod(shape) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = state + np.uint64(sum(name.encode()))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    uniform = (z >> np.uint64(40)).astype(np.float64) / 2**23 - 1
    return torch.from_numpy((uniform * 2 / np.sqrt(shape[-1])).astype(np.float32)).double().reshape(shape)


def weights(config):
    encoder = config["encoder_dim"]
    shapes = {
        "attention.key.weight": (ATTENTION, encoder),
        "attention.key.bias": (ATTENTION,),
        "attention.query.weight": (ATTENTION, DECODER),
        "attention.score.weight": (1, ATTENTION),
        "decoder.init_h.weight": (DECODER, encoder),
        "decoder.init_h.bias": (DECODER,),
        "decoder.init_c.weight": (DECODER, encoder),
        "decoder.init_c.bias": (DECODER,),
        "decoder.embedding.weight": (VOCAB, EMBED),
        "decoder.lstm.weight_ih": (4 * DECODER, EMBED + encoder),
        "decoder.lstm.weight_hh": (4 * DECODER, DECODER),
        "decoder.lstm.bias_ih": (4 * DECODER,),
        "decoder.lstm.bias_hh": (4 * DECODER,),
        "decoder.vocab.bias": (VOCAB,),
    }
    if config["project_features"]:
        shapes |= {
            "encoder.projection.weight": (encoder, FEATURES),
            "encoder.projection.bias": (encoder,),
            "encoder.norm.weight": (encoder,),
            "encoder.norm.bias": (encoder,),
            "encoder.row_positions": (7, encoder),
            "encoder.column_positions": (7, encoder),
        }
    if config["gated_context"]:
        shapes |= {"decoder.gate.weight": (encoder, DECODER), "decoder.gate.bias": (encoder,)}
    if config["deep_output"]:
        shapes |= {
            "decoder.deep_h.weight": (EMBED, DECODER),
            "decoder.deep_h.bias": (EMBED,),
            "decoder.deep_z.weight": (EMBED, encoder),
        }
    if not config["tie_word_embeddings"]:
        shapes["decoder.vocab.weight"] = (VOCAB, EMBED if config["deep_output"] else DECODER)
    return {name: draw(name, *shape) for name, shape in shapes.items()}


@torch.no_grad()
def main():
    torch.set_default_dtype(torch.float64)
    for case, config in {"full": FULL, "plain": PLAIN}.items():
        w = weights(config)
        # Two images, three rows each, which continue four rows of the step before.
        features = draw("features", 2, 49, FEATURES)
        grid, keys, h, c = parity.encoder(config, w, features)
        arrays = {"encoder_keys": keys, "initial_h": h, "initial_c": c}
        if config["project_features"]:
            arrays["last_hidden_state"] = grid
        words = torch.tensor([1, 4, 9, 10, 0, 4])
        beam_idx = torch.tensor([0, 1, 0, 3, 2, 2])
        past = [draw(name, 4, DECODER) for name in ("past_h", "past_c")]
        repeated = [array.repeat_interleave(3, 0) for array in (grid, keys)]
        log_probs, h, c, attentions = parity.step(
            config, w, words, *(state[beam_idx] for state in past), *repeated
        )
        top = log_probs.topk(3)
        arrays |= {
            "top_log_probs": top.values,
            "top_token_ids": top.indices,
            "present_h": h,
            "present_c": c,
            "attentions": attentions,
        }
        arrays = {name: array.float().numpy() for name, array in arrays.items()}
        save_file(arrays, HERE / f"{case}.safetensors")


if __name__ == "__main__":
    main()
