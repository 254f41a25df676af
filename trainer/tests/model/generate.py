"""Writes the arrays that tests/model.rs compares with: a small captioner in plain PyTorch.

    python3 trainer/tests/model/generate.py    # needs torch 2.11, safetensors

Each file holds the weights, a batch of features and padded captions, and what PyTorch makes of
them: logits, loss, gradients, and the weights after three clipped AdamW steps.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

STEPS, LEARNING_RATE, WEIGHT_DECAY, MAX_NORM, SMOOTHING = 3, 1e-2, 0.1, 0.5, 0.1


@dataclass
class Sizes:
    feature: int = 6
    encoder: int = 5
    attention: int = 4
    decoder: int = 7
    embed: int = 8
    vocab: int = 11


class Captioner(nn.Module):
    """Show, Attend and Tell with soft attention; `best` adds what Glimpse's recipe of that name adds."""

    def __init__(self, best, sizes):
        super().__init__()
        self.best = best
        encoder = sizes.encoder if best else sizes.feature
        if best:
            self.projection = nn.Linear(sizes.feature, encoder)
            self.norm = nn.LayerNorm(encoder)
            self.rows = nn.Parameter(torch.randn(7, encoder))
            self.columns = nn.Parameter(torch.randn(7, encoder))
            self.gate = nn.Linear(sizes.decoder, encoder)
            self.deep_h = nn.Linear(sizes.decoder, sizes.embed)
            self.deep_z = nn.Linear(encoder, sizes.embed, bias=False)
            self.bias = nn.Parameter(torch.randn(sizes.vocab))
        else:
            self.vocab = nn.Linear(sizes.decoder, sizes.vocab)
        self.key = nn.Linear(encoder, sizes.attention)
        self.query = nn.Linear(sizes.decoder, sizes.attention, bias=False)
        self.score = nn.Linear(sizes.attention, 1, bias=False)
        self.init_h = nn.Linear(encoder, sizes.decoder)
        self.init_c = nn.Linear(encoder, sizes.decoder)
        self.embedding = nn.Embedding(sizes.vocab, sizes.embed)
        self.lstm = nn.LSTMCell(sizes.embed + encoder, sizes.decoder)

    def forward(self, features, image_of_row, words, free_running=False):
        """Logits [rows, steps, vocab] for the words read, padded; attention [rows, steps, 49].

        Free running, it reads the most probable word of each step in place of the next of `words`."""
        grid = features
        if self.best:
            positions = (self.rows[:, None] + self.columns[None]).reshape(49, -1)
            grid = self.norm(self.projection(features)) + positions
        grid = grid[image_of_row]
        keys, mean = self.key(grid), grid.mean(1)
        h, c = self.init_h(mean).tanh(), self.init_c(mean).tanh()
        logits, attentions = [], []
        for word in words.T:
            if free_running and logits:
                word = logits[-1].argmax(1)
            e = self.embedding(word)
            attention = self.score((keys + self.query(h)[:, None]).tanh()).squeeze(2).softmax(1)
            z = (attention[:, :, None] * grid).sum(1)
            if self.best:
                z = self.gate(h).sigmoid() * z
            h, c = self.lstm(torch.cat([e, z], 1), (h, c))
            if self.best:
                u = (self.deep_h(h) + self.deep_z(z) + e).tanh()
                logits.append(F.linear(u, self.embedding.weight, self.bias))
            else:
                logits.append(self.vocab(h))
            attentions.append(attention)
        return torch.stack(logits, 1), torch.stack(attentions, 1)


NAMES = {
    "projection": "encoder.projection", "norm": "encoder.norm", "rows": "encoder.row_positions",
    "columns": "encoder.column_positions", "key": "attention.key", "query": "attention.query",
    "score": "attention.score", "init_h": "decoder.init_h", "init_c": "decoder.init_c", "gate": "decoder.gate",
    "embedding": "decoder.embedding", "lstm": "decoder.lstm", "deep_h": "decoder.deep_h",
    "deep_z": "decoder.deep_z", "vocab": "decoder.vocab", "bias": "decoder.vocab.bias",
}


def glimpse_name(name):
    head, _, tail = name.partition(".")
    return NAMES[head] + (f".{tail}" if tail else "")


def generate(best):
    torch.manual_seed(7)
    sizes = Sizes()
    model = Captioner(best, sizes)
    features = torch.rand(3, 49, sizes.feature)
    image_of_row = torch.tensor([0, 2, 2, 1])
    captions = [[5, 6, 7, 4, 9], [8], [10, 4, 4], [6, 9, 5]]
    longest = max(map(len, captions)) + 1
    words = torch.tensor([[1, *c] + [0] * (longest - 1 - len(c)) for c in captions])
    targets = torch.tensor([[*c, 2] + [-100] * (longest - 1 - len(c)) for c in captions])
    arrays = {f"before/{glimpse_name(n)}": p.detach().clone() for n, p in model.named_parameters()}

    free, _ = model(features, image_of_row, words, free_running=True)
    free_loss = F.cross_entropy(free.flatten(0, 1), targets.flatten())
    arrays |= {"free_logits": free.detach(), "free_loss": free_loss.detach()[None]}

    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE)
    for step in range(STEPS):
        logits, attentions = model(features, image_of_row, words)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), label_smoothing=SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            arrays |= {f"gradient/{glimpse_name(n)}": p.grad.clone() for n, p in model.named_parameters()}
            arrays |= {"logits": logits.detach(), "attentions": attentions.detach(), "loss": loss.detach()[None]}
        norm = nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
        if step == 0:
            arrays["norm"] = norm[None].detach()
        optimizer.step()
    arrays |= {f"after/{glimpse_name(n)}": p.detach() for n, p in model.named_parameters()}
    arrays |= {"features": features, "image_of_row": image_of_row, "words": words}
    name = "best" if best else "report"
    save_file({k: v.contiguous() for k, v in arrays.items()}, Path(__file__).with_name(f"{name}.safetensors"))


if __name__ == "__main__":
    generate(best=True)
    generate(best=False)
