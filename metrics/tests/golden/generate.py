"""Writes the tokens and scores that pycocoevalcap 1.2 computes for the captions in cases.py and for Flickr8k.

    python -m venv .venv && .venv/bin/pip install pycocoevalcap==1.2
    .venv/bin/python metrics/tests/golden/generate.py --flickr8k ../shared/data/flickr8k

needs a `java` on the path (any from version 8) and a UTF-8 locale. Without --flickr8k only the files made from
cases.py are written. No caption of Flickr8k is written, only four bytes of a digest of each caption's tokens,
and scores.
"""

import argparse
import hashlib
import json
import os
import pathlib

# Java before version 18 reads and writes in the encoding of the locale.
os.environ["JAVA_TOOL_OPTIONS"] = "-Dfile.encoding=UTF-8 -Dstdout.encoding=UTF-8"

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

import cases

HERE = pathlib.Path(__file__).parent


def tokenize(captions_by_image):
    annotations = {image: [{"caption": c} for c in captions] for image, captions in captions_by_image.items()}
    return PTBTokenizer().tokenize(annotations)


def score(hypotheses, references):
    """Corpus and per-image scores of one hypothesis per image, all as raw text."""
    references = tokenize(references)
    hypotheses = tokenize({image: [caption] for image, caption in hypotheses.items()})
    corpus, per_image = {}, {}
    for scorer, names in [
        (Bleu(4), ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4"]),
        (Meteor(), ["METEOR"]),
        (Rouge(), ["ROUGE_L"]),
        (Cider(), ["CIDEr"]),
    ]:
        options = {"verbose": 0} if isinstance(scorer, Bleu) else {}
        total, each = scorer.compute_score(references, hypotheses, **options)
        if len(names) == 1:
            total, each = [total], [each]
        for name, one, many in zip(names, total, each):
            corpus[name] = round(float(one), 9)
            per_image[name] = [round(float(value), 9) for value in many]
    return {"corpus": corpus, "per_image": per_image}


def write_json(name, value, **options):
    (HERE / name).write_text(json.dumps(value, **options) + "\n", encoding="utf-8")


def flickr8k(folder):
    captions = {}
    for line in (folder / "Flickr8k.token.txt").read_text(encoding="utf-8").splitlines():
        key, caption = line.split("\t")
        image = key.split("#")[0]
        # One image of the file does not exist; its name ends otherwise.
        if image.endswith(".jpg"):
            captions.setdefault(image, []).append(caption)
    tokens = [caption for image in tokenize(captions).values() for caption in image]
    digests = b"".join(hashlib.sha256(caption.encode()).digest()[:4] for caption in tokens)
    (HERE / "flickr8k_tokens.bin").write_bytes(digests)
    test = (folder / "Flickr_8k.testImages.txt").read_text().split()
    scores = score({i: captions[i][0] for i in test}, {i: captions[i][1:] for i in test})
    write_json("flickr8k_scores.json", scores, separators=(",", ":"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flickr8k", type=pathlib.Path, help="folder with Flickr8k.token.txt and the split lists")
    arguments = parser.parse_args()

    tokens = tokenize({0: cases.CAPTIONS})[0]
    assert len(tokens) == len(cases.CAPTIONS)
    write_json("tokens.json", [list(pair) for pair in zip(cases.CAPTIONS, tokens)], indent=0)

    images = {str(i): case for i, case in enumerate(cases.IMAGES)}
    scores = score({i: h for i, (h, _) in images.items()}, {i: r for i, (_, r) in images.items()})
    write_json("scores.json", {"images": cases.IMAGES, **scores}, indent=0)

    if arguments.flickr8k:
        flickr8k(arguments.flickr8k)


if __name__ == "__main__":
    main()
