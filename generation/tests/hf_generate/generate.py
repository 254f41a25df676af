"""Writes the results of Hugging Face's `generate` for toy decoders: cases.json and warped.json, or groups.json.

    python3 -m venv /tmp/hf && /tmp/hf/bin/pip install torch transformers==5.23.0
    /tmp/hf/bin/python generation/tests/hf_generate/generate.py
    python3 -m venv /tmp/hf4 && /tmp/hf4/bin/pip install torch transformers==4.52.4
    /tmp/hf4/bin/python generation/tests/hf_generate/generate.py groups

Written with torch 2.11.0. transformers removed diverse beam search in 4.57, so groups.json needs an older version.

A toy decoder is a table: the logits of the next token given the last two tokens. Its state is one token per row and
has to follow the beams. It is an ordinary `GenerationMixin` model; the whole search is transformers' own.
"""

import itertools
import json
import pathlib
import sys

import torch
import transformers
from transformers import GenerationConfig, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

PAD, BOS, EOS, UNK = range(4)
VOCAB = 12
HERE = pathlib.Path(__file__).parent


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
    """Logits in thirty-seconds: exact in f32 and short in JSON. No two tokens of a row have equal logits, because
    `torch.topk` does not define the order of equal ones: they differ by a sixteenth, and <eos> by an odd thirty-second."""
    generator = torch.Generator().manual_seed(seed)
    rows = [torch.randperm(81, generator=generator)[:VOCAB] - 40 for _ in range(VOCAB * VOCAB)]
    logits = torch.stack(rows).reshape(VOCAB, VOCAB, VOCAB) / 16
    logits[..., EOS] += eos_bias + 1 / 32
    return logits


TABLES = [table(seed, eos_bias) for seed, eos_bias in [(1, 0.0), (2, 1.5), (3, 3.0)]]


def generate(logits, start, **options):
    config = GenerationConfig(
        **options,
        use_cache=False,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
        return_dict_in_generate=True,
        output_scores=True,
    )
    return Table(logits).eval().generate(torch.tensor([[start]]), generation_config=config)


def case(index, **options):
    """A search over one table; `options` are written to the file."""
    logits = TABLES[index]
    beams, groups = options["num_beams"], options.get("num_beam_groups", 1)
    penalised = "repetition_penalty" in options
    if beams == 1 and penalised:
        # Greedy search penalises logits. Of a decoder that gives log-probabilities these are the logits.
        logits = logits.log_softmax(-1)
    out = generate(logits, BOS, suppress_tokens=[PAD, BOS, UNK], do_sample=False, **options)
    captions = []
    for sequence in out.sequences[:, 1:].tolist():
        length = sequence.index(EOS) + 1 if EOS in sequence else len([t for t in sequence if t != PAD])
        captions.append({"token_ids": sequence[:length]})
    if beams > 1:
        for caption, score in zip(captions, out.sequences_scores.tolist()):
            caption["score"] = round(score, 6)
    if beams > 1 and groups == 1 and not penalised:
        # They are not written to the file: the table has them.
        logprobs = Table(logits).compute_transition_scores(out.sequences, out.scores, out.beam_indices)
        for caption, row in zip(captions, logprobs):
            ids = [PAD, BOS, *caption["token_ids"]]
            found = torch.stack([logits.log_softmax(-1)[ids[t], ids[t + 1], ids[t + 2]] for t in range(len(ids) - 2)])
            torch.testing.assert_close(found, row[: len(found)], atol=1e-5, rtol=0)
    return {"table": index, "options": options, "captions": captions}


def searches():
    for index in range(len(TABLES)):
        for beams, max_length in itertools.product((1, 2, 3, 5), (2, 6, 12)):
            sizes = {"num_beams": beams, "max_length": max_length}
            if beams > 1:
                sizes["num_return_sequences"] = beams - (max_length == 6)
            yield case(index, **sizes)
            yield case(index, **sizes, no_repeat_ngram_size=2)
            if max_length == 2:
                continue
            yield case(index, **sizes, min_length=4 if max_length == 6 else 10)
            for penalty in (1.5, 0.6):
                yield case(index, **sizes, repetition_penalty=penalty)
            if beams > 1:
                penalties = (0.0, 0.7, 2.0, -1.0) if max_length == 12 else (1.0,)
                for stop, penalty in itertools.product((False, True, "never"), penalties):
                    yield case(index, **sizes, length_penalty=penalty, early_stopping=stop)
                yield case(
                    index, **sizes, repetition_penalty=1.2, no_repeat_ngram_size=1, min_length=5, early_stopping="never"
                )


def groups():
    for index in range(len(TABLES)):
        for (beams, groups), max_length in itertools.product(((2, 2), (4, 2), (6, 3), (6, 2)), (2, 5, 12)):
            sizes = {"num_beams": beams, "num_beam_groups": groups, "max_length": max_length}
            sizes["num_return_sequences"] = beams if groups == 2 else 3
            yield case(index, **sizes, diversity_penalty=0.4)
            if max_length == 2:
                continue
            for stop in (False, True, "never"):
                yield case(index, **sizes, diversity_penalty=2.0, early_stopping=stop)
            for length_penalty, stop in ((0.0, False), (2.0, "never"), (-1.0, False)):
                yield case(
                    index, **sizes, diversity_penalty=1.0, length_penalty=length_penalty, early_stopping=stop
                )
            yield case(
                index, **sizes, diversity_penalty=0.7, repetition_penalty=1.3, no_repeat_ngram_size=2, min_length=4
            )


def warped():
    """The distribution of the first token after each token, by temperature, top-k and top-p."""
    grid = itertools.product((0.5, 1.0, 1.7), (0, 1, 4, 50), (0.0, 0.3, 0.9, 1.0))
    for number, (temperature, top_k, top_p) in enumerate(grid):
        index, start = number % len(TABLES), number % VOCAB
        options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        out = generate(TABLES[index], start, do_sample=True, max_length=2, **options)
        probabilities = out.scores[0][0].softmax(-1).tolist()
        options["do_sample"] = True
        yield {"table": index, "start": start, "options": options, "probabilities": [round(p, 7) for p in probabilities]}


def write(name, cases, tables=()):
    cases = list(cases)
    parts = {"transformers": transformers.__version__, "vocab_size": VOCAB}
    head = "".join(f'"{key}":{json.dumps(value)},\n' for key, value in parts.items())
    if tables:
        rows = (json.dumps([int(x * 32) for x in t.flatten().tolist()], separators=(",", ":")) for t in tables)
        head += '"logits_times_32":[\n' + ",\n".join(rows) + "],\n"
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    path = HERE / name
    path.write_text(f'{{{head}"cases":[\n{lines}]}}\n')
    print(name, len(cases), "cases,", path.stat().st_size, "bytes")


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:] == ["groups"]:
        write("groups.json", groups())
    else:
        write("cases.json", searches(), TABLES)
        write("warped.json", warped())
