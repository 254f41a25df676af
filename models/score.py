"""Scores a bundle with pycocoevalcap (which needs Java), the tool behind published caption scores.

    pip install pycocoevalcap
    python3 models/score.py --model models/flickr8k-edge --images flickr8k/images \
        --references flickr8k/Flickr8k.token.txt --split flickr8k/Flickr_8k.testImages.txt --num-beams 1 3 5 --no-repeat-ngram-size 0 2

Prints a table (0-1 scale); `--write-config` adds the scores to the bundle's config.json and seals it again.
"""

import argparse
import collections
import contextlib
import hashlib
import io
import itertools
import json
import subprocess
from pathlib import Path

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer


def read_references(path):
    references = collections.defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        name, caption = line.split("\t")
        references[name.split("#")[0]].append({"caption": caption})
    return references


def caption(args, names, num_beams, length_penalty, no_repeat_ngram_size):
    """Captions by file name, as the program writes them."""
    command = [
        args.glimpse, "caption", *(str(args.images / name) for name in names), "--model", str(args.model),
        "--num-beams", str(num_beams), "--length-penalty", str(length_penalty),
        "--no-repeat-ngram-size", str(no_repeat_ngram_size), "--json",
    ]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    lines = [json.loads(line) for line in output.splitlines()]
    return {Path(line["image"]).name: line["captions"][0]["generated_text"] for line in lines}


def score(references, captions, with_meteor):
    scorers = [(Bleu(4), ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4"]), (Rouge(), ["ROUGE_L"]), (Cider(), ["CIDEr"])]
    if with_meteor:
        scorers.append((Meteor(), ["METEOR"]))
    scores = {}
    with contextlib.redirect_stdout(io.StringIO()):
        tokenizer = PTBTokenizer()
        gts = tokenizer.tokenize({name: references[name] for name in captions})
        res = tokenizer.tokenize({name: [{"caption": text}] for name, text in captions.items()})
        for scorer, names in scorers:
            values, _ = scorer.compute_score(gts, res)
            scores |= dict(zip(names, values if isinstance(values, list) else [values]))
    return {name: round(float(value), 4) for name, value in scores.items()}


def write_config(model, scores):
    path = model / "config.json"
    config = json.loads(path.read_text())
    config["scores"] = scores
    path.write_text(json.dumps(config, indent=2) + "\n")
    sums = model / "SHA256SUMS"
    lines = [line.split("  ") for line in sums.read_text().splitlines()]
    fresh = {name: hashlib.sha256((model / name).read_bytes()).hexdigest() for _, name in lines}
    sums.write_text("".join(f"{fresh[name]}  {name}\n" for _, name in lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/flickr8k-edge"))
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--references", type=Path, required=True, help="Flickr8k.token.txt")
    parser.add_argument("--split", type=Path, required=True, help="names of the photos, one a line")
    parser.add_argument("--name", help="what the scores are called [default: the split file's name]")
    parser.add_argument("--num-beams", type=int, nargs="+", default=[1, 3, 5])
    parser.add_argument("--length-penalty", type=float, nargs="+", default=[1.0])
    parser.add_argument("--no-repeat-ngram-size", type=int, nargs="+", default=[0])
    parser.add_argument("--glimpse", default="target/release/glimpse")
    parser.add_argument("--no-meteor", action="store_true")
    parser.add_argument("--write-config", action="store_true")
    args = parser.parse_args()

    references = read_references(args.references)
    names = args.split.read_text().split()
    scores = {}
    for num_beams, length_penalty, ngram_size in itertools.product(
        args.num_beams, args.length_penalty, args.no_repeat_ngram_size
    ):
        if num_beams == 1 and length_penalty != args.length_penalty[0]:
            continue  # Greedy search compares no lengths.
        captions = caption(args, names, num_beams, length_penalty, ngram_size)
        row = score(references, captions, not args.no_meteor)
        label = f"{args.name or args.split.stem}, " + (
            "greedy" if num_beams == 1 else f"beam {num_beams}, length penalty {length_penalty:g}")
        label += f", no repeated {ngram_size}-gram" if ngram_size else ""
        if not scores:
            print(f"{'':65}" + "".join(f"{name:>9}" for name in row))
        print(f"{label:65}" + "".join(f"{value:9.4f}" for value in row.values()), flush=True)
        scores[label] = row
    if args.write_config:
        write_config(args.model, scores)


main()
