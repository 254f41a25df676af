"""Writes draws.json: bootstrap intervals and p-values of two systems on given draws, by pycocoevalcap and NumPy.

    python -m venv .venv && .venv/bin/pip install pycocoevalcap==1.2 numpy==2.4.6
    .venv/bin/python metrics/tests/golden/bootstrap/generate.py

BLEU and ROUGE-L of every drawn set are computed by pycocoevalcap from the captions of that set, not from sums. CIDEr
is the mean of the scores that pycocoevalcap gives the images within the full set. The captions were made up for this
test; they are lower case and have no punctuation, so that their tokens are the words between the spaces.
"""

import contextlib
import io
import json
import pathlib
import random

import numpy
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

NUM_IMAGES, NUM_DRAWS, CONFIDENCE = 12, 200, 0.95

SUBJECTS = ["dog", "child", "woman", "cyclist", "horse", "boat"]
VERBS = ["runs", "waits", "jumps", "rests"]
PLACES = ["near the lake", "on wet grass", "in the street", "beside a red wall"]


def captions(rng):
    """A reference triple, a caption that follows it closely and one that mostly does not."""
    subject, verb, place = rng.choice(SUBJECTS), rng.choice(VERBS), rng.choice(PLACES)
    references = [f"a {subject} {verb} {place}", f"the small {subject} {verb}", f"{place} a {subject} {rng.choice(VERBS)}"]
    close = f"a {subject} {verb} {rng.choice([place, rng.choice(PLACES)])}"
    loose = f"a {rng.choice([subject, rng.choice(SUBJECTS)])} {rng.choice(VERBS)} {rng.choice([place, rng.choice(PLACES)])}"
    return references, close, loose


def corpus_scores(hypotheses, references, cider, draw):
    """Scores of the images at the positions `draw`, which may repeat."""
    drawn_hypotheses = {i: [hypotheses[image]] for i, image in enumerate(draw)}
    drawn_references = {i: references[image] for i, image in enumerate(draw)}
    with contextlib.redirect_stdout(io.StringIO()):
        bleu, _ = Bleu(4).compute_score(drawn_references, drawn_hypotheses, verbose=0)
    rouge, _ = Rouge().compute_score(drawn_references, drawn_hypotheses)
    return [*bleu, rouge, numpy.mean([cider[image] for image in draw])]


def main():
    rng = random.Random(7)
    references, *systems = zip(*(captions(rng) for _ in range(NUM_IMAGES)))
    draws = [[rng.randrange(NUM_IMAGES) for _ in range(NUM_IMAGES)] for _ in range(NUM_DRAWS)]
    by_image = dict(enumerate(references))
    scores = []
    for system in systems:
        _, cider = Cider().compute_score(by_image, {i: [caption] for i, caption in enumerate(system)})
        scores.append(
            [corpus_scores(system, references, cider, draw) for draw in [list(range(NUM_IMAGES)), *draws]]
        )
    estimates, *values = numpy.array(scores[0]) - numpy.array(scores[1])
    values = numpy.array(values)
    tail = (1 - CONFIDENCE) / 2
    lower, upper = numpy.quantile(values, [tail, 1 - tail], axis=0, method="nearest")
    not_better = (numpy.sum(values <= 0, axis=0) + 1) / (NUM_DRAWS + 1)
    not_worse = (numpy.sum(values >= 0, axis=0) + 1) / (NUM_DRAWS + 1)
    p_values = numpy.minimum(1, 2 * numpy.minimum(not_better, not_worse))
    keys = ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "ROUGE_L", "CIDEr"]
    result = {
        "references": references,
        "system": systems[0],
        "baseline": systems[1],
        "draws": draws,
        "differences": {
            key: dict(zip(["estimate", "lower", "upper", "p_value"], map(float, numbers)))
            for key, *numbers in zip(keys, estimates, lower, upper, p_values)
        },
    }
    text = json.dumps(result, indent=None).replace("], [", "],\n[").replace('"draws"', '\n"draws"')
    pathlib.Path(__file__).with_name("draws.json").write_text(text + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
