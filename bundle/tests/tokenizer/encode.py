"""Encodes and decodes with Python's tokenizers, for tests/tokenizer_python.rs.

    python encode.py tokenizer.json < texts.json > answers.json

Reads a JSON list of texts; writes a list of [ids, decoded text].
"""

import json
import sys

from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(sys.argv[1])
# Text that spells a special word is text.
tokenizer.encode_special_tokens = True
answers = []
for text in json.load(sys.stdin):
    ids = tokenizer.encode(text).ids
    answers.append([ids, tokenizer.decode(ids)])
json.dump(answers, sys.stdout)
