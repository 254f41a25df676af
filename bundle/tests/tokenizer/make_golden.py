"""Writes what NLTK's word_tokenize says, for tests/tokenizer.rs to compare with.

    pip install nltk==3.10.4
    python bundle/tests/tokenizer/make_golden.py [folder with flickr8k/ and flickr30k-sample/]

awkward.json: hand-written and random strings with NLTK's words in lower case.
*.digests: for each caption of a data set, in file order, the first 4 bytes of the SHA-256 of its
words joined by U+001F; no caption can be read from them. The folder is ../shared/data by default; its
data sets are left alone where it is absent.
"""

import csv
import hashlib
import json
import random
import sys
from pathlib import Path

import nltk
from nltk.tokenize import word_tokenize

HERE = Path(__file__).resolve().parent

AWKWARD = [
    "",
    "   ",
    "\t \n",
    ".",
    "...",
    "'",
    '"',
    "A man rides a horse.",
    "A man rides a horse .",
    "A dog runs.  ",
    "A dog runs.\n",
    "The dog doesn't bark, and the cat can't care.",
    "They'll say it's what they've seen; we'd agree, I'm sure they're right.",
    "DON'T stop! It'S He'Ll WE'VE",
    "She cannot swim but is gonna try, and she wanna",
    "wanna\u001cwanna\u0085 wanna.",
    "I wanna swim. Gimme that, lemme see, you gotta go.",
    "Cannot GONNA GOTTA cannots scannot can not",
    "D'ye know more'n me? 'Tis late, 'twas early.",
    "cannot'tis gonna'twas",
    "rock 'n' roll on a slip 'n slide",
    "slip n 'slide",
    "the boys' shirts and the dog's tail",
    "the girls ' coats are the girls '.",
    "It cost $3.50, or 1,000 yen, at 10:30: cheap!",
    "a ratio of 3:2, 4,5 ,6 : 7,",
    "commas,, many,,, more,,,, and:, mixed,:,: end,,",
    "wait:\n",
    "well,,\n",
    "Well... she waited.... then left..",
    "e.g. a dog, i.e. a pet, in the U.S.",
    "Mr. Smith went to Washington D.C.",
    "He said (quietly) [to himself] {really} <so>.",
    "He left (at once.)",
    'He said "come here."',
    '"Stop," he said. "Go."',
    "a sign that says \" Welcome \" above the door",
    'the ("quoted") word ["again"] {"x"} <"y">',
    "``old style'' quotes and '' empty ''",
    "``` three ```` four ` one",
    "A “curly” sign, a ‘single’ one, «French» and „German“ ones.",
    "the man’s hat isn’t red",
    "dashes - here -- there --- and---there, T-shirt",
    "en–dash, em—dash, figure‒dash, bar―dash",
    "an ellipsis… here …",
    "100% of #hashtags @home & away; 50*2 = 100",
    "Really?! No!!! Why???",
    "it's 'quoted' and ''double quoted''",
    "'single' at the start and at the 'end'",
    "'s 'm 'd 'll 're 've n't '",
    "don't's isn't've",
    "O'Neil and rock'n'roll d'Artagnan",
    "Café Zoë naïve ÉCOLE",
    "ΑΒΓ \u0391\u0301bc 'e\u0301tude",
    "a\u00a0non-breaking\u00a0space\u2003and\u2009others",
    "a\tb\nc\r\nd\u0085e\u001cf",
    "日本語 の 看板 。",
    "emoji 🐶 dog's 🐕's",
    "x² 'x² x'² '² can²not cannot²",
    "under_score _'s cannot_ _cannot",
    "<pad> <sos> <eos> <unk>",
    "the word <eos> is spelled out",
    ".hidden .5 5. a.b.c",
    "end.) end.'] end.\" end.''  end.”",
    "end.)",
    "end.']",
    'end."',
    "end.”",
    "end.’ ) ",
    "/slash\\back|pipe~tilde^caret+plus=equals",
    "a,b a:b 1,2 1:2 a,1 1,a",
    "it costs 3,\u0663 and \u0663:4",
]

PIECES = """a s m t b3 5 1 _ ' ' " ` . . , , : n't N'T 'll 'LL 'Ll re cannot Gonna wanna 'tis d'ye more'n gimme
    ( ) [ ] { } < > - -- “ ” ‘ ’ « » „ — … ? ! $ % * & # ; @ é É ² ٣ 犬""".split()
PIECES += [" "] * 8 + ["\t", "\n", "\u00a0", "\u0085", "\u0301", "\u001c"]


def random_texts(count):
    rng = random.Random(1)
    return ["".join(rng.choice(PIECES) for _ in range(rng.randint(1, 14))) for _ in range(count)]


def words(text):
    return [word.lower() for word in word_tokenize(text, preserve_line=True)]


def digest(text):
    return hashlib.sha256("\x1f".join(words(text)).encode()).digest()[:4]


def flickr8k(folder):
    with open(folder / "flickr8k/captions.txt", newline="", encoding="utf-8") as file:
        yield from (row[1] for row in list(csv.reader(file))[1:])


def flickr30k_sample(folder):
    with open(folder / "flickr30k-sample/results.csv", newline="", encoding="utf-8") as file:
        yield from (row[2] for row in list(csv.reader(file))[1:] if len(row) > 2)


def main():
    cases = [{"text": text, "words": words(text)} for text in AWKWARD + random_texts(300)]
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases)
    (HERE / "awkward.json").write_text(f'{{"nltk": "{nltk.__version__}", "cases": [\n{lines}\n]}}\n', encoding="utf-8")

    data = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[2] / "../shared/data"
    for name, captions in {"flickr8k": flickr8k, "flickr30k-sample": flickr30k_sample}.items():
        if not (data / name).is_dir():
            print(f"{data / name} is absent: {name}.digests stays as it is", file=sys.stderr)
            continue
        digests = [digest(caption) for caption in captions(data)]
        (HERE / f"{name}.digests").write_bytes(b"".join(digests))
        print(f"{name}: {len(digests)} captions")


if __name__ == "__main__":
    main()
