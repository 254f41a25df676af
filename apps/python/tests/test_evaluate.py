"""Scores are pycocoevalcap's."""

import json

import pytest

import glimpse
from conftest import PROJECT


def test_scores_are_those_of_pycocoevalcap():
    golden = json.loads((PROJECT / "metrics/tests/golden/scores.json").read_text())
    results = [result for result, _ in golden["images"]]
    found = glimpse.evaluate(results, [references for _, references in golden["images"]])
    # METEOR is a program in Java; NounRecall has no counterpart there.
    expected = {key: score for key, score in golden["corpus"].items() if key != "METEOR"}
    assert set(found) - {"NounRecall"} == set(expected)
    for key, score in expected.items():
        assert found[key] == pytest.approx(score, abs=1e-6), key


def test_results_may_be_what_a_captioner_returns(captioner, photos):
    captions = captioner(photos, num_beams=1)
    texts = [caption[0]["generated_text"] for caption in captions]
    references = [["a dog runs in the woods", text] for text in texts]
    by_dicts = glimpse.evaluate(captions, references)
    assert by_dicts == glimpse.evaluate(dict(enumerate(texts)), dict(enumerate(references)))
    assert by_dicts["ROUGE_L"] == pytest.approx(1)


def test_wrong_pairs_are_told():
    with pytest.raises(ValueError, match="no reference caption"):
        glimpse.evaluate({"a": "a dog"}, {"a": []})
    with pytest.raises(ValueError, match="1 images have references but no hypothesis"):
        glimpse.evaluate({}, {"a": ["a dog"]})
    with pytest.raises(ValueError, match="2 results for 1 photos"):
        glimpse.evaluate(["a", "b"], [["a"]])
    with pytest.raises(TypeError, match="both by image id"):
        glimpse.evaluate({"a": "a dog"}, [["a dog"]])
    with pytest.raises(TypeError, match="image a is no caption"):
        glimpse.evaluate({"a": None}, {"a": ["a dog"]})
