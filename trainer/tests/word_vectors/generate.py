"""Word vectors in word2vec's binary and text layouts, as gensim writes and reads them.

    pip install gensim==4.4.0 && python generate.py

writes golden.bin, golden.txt and golden.json (what gensim reads from both) beside this file.
"""

import json
from pathlib import Path

import numpy as np
from gensim.models import KeyedVectors

FOLDER = Path(__file__).parent
WORDS = ["</s>", "Frisbee", "Dog", "dog", "café", "7", ".", "in", "New_York", "don't"]
DIMENSION = 6

vectors = KeyedVectors(DIMENSION)
values = np.random.default_rng(7).normal(scale=0.3, size=(len(WORDS), DIMENSION)).astype(np.float32)
vectors.add_vectors(WORDS, values)
read = {}
for name, binary in [("golden.bin", True), ("golden.txt", False)]:
    path = FOLDER / name
    vectors.save_word2vec_format(path, binary=binary)
    found = KeyedVectors.load_word2vec_format(path, binary=binary)
    read[name] = {word: [float(value) for value in found[word]] for word in WORDS}
assert read["golden.bin"] == read["golden.txt"], "gensim writes every digit"
(FOLDER / "golden.json").write_text(json.dumps(read["golden.bin"], ensure_ascii=False, indent=1) + "\n")
