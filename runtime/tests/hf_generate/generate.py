"""Writes cases.json: what Hugging Face's `generate` says of toy decoders.

    python runtime/tests/hf_generate/generate.py

Written with transformers 5.23.0 and torch 2.11.0 (any 4.57 or later should do). A toy decoder is a
table: the logits of the next word given the last two words, so that its state is one word per row and
has to follow the beams. It is an ordinary `GenerationMixin` model; nothing of the search is ours.
"""

import json
import pathlib

import torch
import transformers
from transformers import GenerationConfig, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

PAD, BOS, EOS, UNK = range(4)
VOCAB = 12


class TableConfig(PretrainedConfig):
    model_type = "table"


class Table(PreTrainedModel, GenerationMixin):
    config_class = TableConfig

    def __init__(self, logits):
        super().__init__(TableConfig(vocab_size=VOCAB))
        self.table = torch.nn.Parameter(logits, requires_grad=False)

    def prepare_inputs_for_generation(self, input_ids, **_):
        return {"input_ids": input_ids}

    def forward(self, input_ids, **_):
        last = input_ids[:, -1]
        before = input_ids[:, -2] if input_ids.shape[1] > 1 else torch.full_like(last, PAD)
        return CausalLMOutput(logits=self.table[before, last][:, None])


def table(seed, eos_bias):
    """Logits in thirty-seconds: exact in f32 and short in JSON. No two words of a row tie, as ties are
    left open by `torch.topk`: words differ by a sixteenth, and <eos> by an odd thirty-second."""
    generator = torch.Generator().manual_seed(seed)
    rows = [torch.randperm(81, generator=generator)[:VOCAB] - 40 for _ in range(VOCAB * VOCAB)]
    logits = torch.stack(rows).reshape(VOCAB, VOCAB, VOCAB) / 16
    logits[..., EOS] += eos_bias + 1 / 32
    return logits


def run(model, num_beams, num_return_sequences, length_penalty, max_length, no_repeat_ngram_size):
    config = GenerationConfig(
        num_beams=num_beams,
        num_return_sequences=num_return_sequences,
        # Greedy search knows no length penalty and warns of one.
        length_penalty=length_penalty if num_beams > 1 else 1.0,
        max_length=max_length,
        no_repeat_ngram_size=no_repeat_ngram_size,
        suppress_tokens=[PAD, BOS, UNK],
        do_sample=False,
        early_stopping=False,
        use_cache=False,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
        return_dict_in_generate=True,
        output_scores=True,
    )
    out = model.generate(torch.tensor([[BOS]]), generation_config=config)
    beam_indices = out.beam_indices if num_beams > 1 else None
    logprobs = model.compute_transition_scores(out.sequences, out.scores, beam_indices, normalize_logits=num_beams == 1)
    captions = []
    for i, sequence in enumerate(out.sequences[:, 1:].tolist()):
        length = sequence.index(EOS) + 1 if EOS in sequence else len([t for t in sequence if t != PAD])
        caption = {"token_ids": sequence[:length]}
        if num_beams > 1:
            caption["token_logprobs"] = [round(x, 6) for x in logprobs[i, :length].tolist()]
            caption["score"] = round(out.sequences_scores[i].item(), 6)
        captions.append(caption)
    return captions


def main():
    torch.manual_seed(0)
    tables, cases = [], []
    for seed, eos_bias in [(1, 0.0), (2, 1.5), (3, 3.0)]:
        logits = table(seed, eos_bias)
        tables.append([int(x * 32) for x in logits.flatten().tolist()])
        model = Table(logits).eval()
        for num_beams in (1, 2, 3, 5):
            for length_penalty in (0.0, 0.7, 1.0, 2.0, -1.0):
                for max_length in (2, 6, 12):
                    for ngram in (0, 2) if length_penalty == 1.0 else (0,):
                        if num_beams == 1 and length_penalty != 1.0:
                            continue
                        returned = 1 if num_beams == 1 else num_beams - (max_length == 6)
                        cases.append(
                            {
                                "table": len(tables) - 1,
                                "num_beams": num_beams,
                                "num_return_sequences": returned,
                                "length_penalty": length_penalty,
                                "max_length": max_length,
                                "no_repeat_ngram_size": ngram,
                                "captions": run(model, num_beams, returned, length_penalty, max_length, ngram),
                            }
                        )
    path = pathlib.Path(__file__).with_name("cases.json")
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    tables = ",\n".join(json.dumps(t, separators=(",", ":")) for t in tables)
    path.write_text(
        f'{{"transformers":"{transformers.__version__}","vocab_size":{VOCAB},\n"logits_times_32":[\n{tables}],\n"cases":[\n{lines}]}}\n'
    )
    print(len(cases), "cases,", path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
