"""Writes metrics/src/nouns.txt: English nouns that name what a photo can show, one a line.

    apt-get download wordnet-base scowl
    for package in *.deb; do dpkg --extract "$package" lists; done
    python metrics/scripts/make_nouns.py --wordnet lists/usr/share/wordnet --scowl lists/usr/share/dict/scowl

needs only Python. Both lists may be used, changed and passed on freely as long as their notices stay with them
(metrics/NOTICE has them).

A noun of WordNet 3.0 is kept if
- it is one lower-case word of three letters or more and among the common words of SCOWL (size 60 or smaller);
- at least half of its uses in WordNet's sense-tagged texts, verbs and adjectives of the same spelling included, are
  of a sense in CONCRETE (the first sense of the noun counts as one more use). If the texts do not have the word, its
  first sense must be such a sense, and it must have at most as many senses as a verb, adjective or adverb as it has
  as a noun.
ADDED and REMOVED correct the result where captions use a word in another way than those texts do. A plural is left
out if its singular is kept. Lines with two words are plurals that no rule of `singular` gives, and their singular.
"""

import argparse
import collections
import pathlib
import re

HEADER = """\
# Nouns that name what a photo can show, and irregular plurals with their singular.
# Made by metrics/scripts/make_nouns.py from WordNet 3.0 and SCOWL 2020.12.07; do not edit.
# WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved.
# SCOWL Copyright 2000-2011 by Kevin Atkinson. Both licences: metrics/NOTICE.
"""

# WordNet's files of nouns: animal, artifact, body, food, group, location, object, person, phenomenon, plant, substance.
CONCRETE = {"05", "06", "08", "13", "14", "15", "17", "18", "19", "20", "27"}

SCOWL_SIZE = 60

# Captions name the thing; running text, which WordNet's counts come from, has the verb or another sense more often.
ADDED = """
animal bandana baseball basketball bat beanie bear biker book bow-tie bowtie bungee cafe camo carabiner countertop
disc dish donut double-decker dress duffel eyeshadow fan fire fireman firework floatation food football frisbee fry
game gear go-cart go-kart goal guard hockey hotdog hula-hoop innertube jean kite lacrosse light mask match meter
mohawk net obstacle paddle paper parasail peacoat person picnic picture pinata pinscher plane plant popsicle puddle
pumpkin racket racquet reflection rollerblade rollerblader rugby saddle savannah scrubland seed ship shoe shop shower
sign sink ski slide snow soccer spray stockcar store streambed surf surfboarder swing t-shirt teepee television tennis
tie topping trail train tv unicyclist video volleyball wakeboard wave yard
""".split()

# Words for a place in the photo, an amount or a kind, words that are mostly verbs or adjectives in captions, and words
# that may mean anything.
REMOVED = """
air area back batman ben blonde bottom brick bunch can cell center centre christ circle closeup co-ed color colour
cooking corner country cream downhill eats edge end facing female front giant grey hanging hind home inside item
knee-high lap left life light line look-alike lot male matter may metal midair middle mini moving object outside pair
part party piece place plaid plastic point public raw right row scene section set side space stainless surface teddy
thing top two-piece upside view way whole will work world
""".split()


def read_nouns(wordnet):
    """The files of the senses of every noun, the commonest first; senses that are names are left out."""
    file_of_sense, spelling = {}, collections.defaultdict(dict)
    for fields in read_entries(wordnet / "data.noun"):
        sense, count = fields[0], int(fields[3], 16)
        file_of_sense[sense] = fields[1]
        for word in fields[4 : 4 + 2 * count : 2]:
            spelling[word.lower()].setdefault(sense, word)
    nouns = {}
    for fields in read_entries(wordnet / "index.noun"):
        noun, senses = fields[0], fields[-int(fields[2]) :]
        files = [file_of_sense[sense] for sense in senses if spelling[noun].get(sense) == noun]
        if files:
            nouns[noun] = files
    return nouns


def read_entries(path):
    for line in path.read_text(encoding="ascii").splitlines():
        if not line.startswith(" "):
            yield line.split()


def read_other_senses(wordnet):
    """How many senses each word has as a verb, an adjective or an adverb."""
    senses = collections.Counter()
    for part in ("verb", "adj", "adv"):
        for fields in read_entries(wordnet / f"index.{part}"):
            senses[fields[0]] += int(fields[2])
    return senses


def read_uses(wordnet):
    """How often the tagged texts have each word, by part of speech (1 is a noun, 2 a verb) and file."""
    uses = collections.defaultdict(collections.Counter)
    for fields in read_entries(wordnet / "cntlist.rev"):
        word, sense = fields[0].split("%")
        part, file = sense.split(":")[:2]
        uses[word][part, file] += int(fields[2])
    return uses


def read_irregular(path):
    """Irregular forms with their base forms."""
    forms = collections.defaultdict(list)
    for fields in read_entries(path):
        forms[fields[0]] += [base for base in fields[1:] if base != fields[0]]
    return forms


def read_common_words(scowl):
    words = set()
    for spelling in ("english", "american", "british"):
        for path in scowl.glob(f"{spelling}-words.*"):
            if int(path.suffix[1:]) <= SCOWL_SIZE:
                words.update(path.read_text(encoding="latin-1").split())
    return words


def singular(word):
    """What a regular plural may be the plural of, in the order of WordNet's rules."""
    endings = [("ies", "y"), ("men", "man"), ("ches", "ch"), ("shes", "sh"), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("s", "")]
    return [word[: -len(end)] + other for end, other in endings if word.endswith(end)]


def concrete(noun, files, other_senses, uses, verb_forms):
    used = sum(uses[noun].values())
    for base in verb_forms[noun]:
        used += sum(count for (part, _), count in uses[base].items() if part == "2")
    if not used:
        return files[0] in CONCRETE and other_senses[noun] <= len(files)
    shown = sum(count for (part, file), count in uses[noun].items() if part == "1" and file in CONCRETE)
    return 2 * (shown + (files[0] in CONCRETE)) >= used + 1


def choose(wordnet, scowl):
    nouns, common = read_nouns(wordnet), read_common_words(scowl)
    other_senses, uses, verb_forms = read_other_senses(wordnet), read_uses(wordnet), read_irregular(wordnet / "verb.exc")
    kept = {
        noun
        for noun, files in nouns.items()
        if noun in common
        and re.fullmatch(r"[a-z][a-z-]+[a-z]", noun)
        and concrete(noun, files, other_senses, uses, verb_forms)
    }
    kept = (kept | set(ADDED)) - set(REMOVED)
    exceptions = read_irregular(wordnet / "noun.exc")
    kept -= {noun for noun in kept if any(base in kept for base in singular(noun) + exceptions[noun])}
    irregular = {}
    for form, bases in exceptions.items():
        base = next((base for base in bases if base in kept), None)
        if base and form in common and base not in singular(form):
            irregular[form] = base
    return sorted(kept), irregular


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wordnet", type=pathlib.Path, required=True, help="folder with index.noun and noun.exc")
    parser.add_argument("--scowl", type=pathlib.Path, required=True, help="folder with english-words.10")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path(__file__).parents[1] / "src/nouns.txt")
    arguments = parser.parse_args()

    nouns, irregular = choose(arguments.wordnet, arguments.scowl)
    lines = sorted(nouns + [f"{form} {base}" for form, base in irregular.items()])
    arguments.output.write_text(HEADER + "\n".join(lines) + "\n", encoding="ascii")
    print(f"{len(nouns)} nouns and {len(irregular)} irregular plurals, {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
