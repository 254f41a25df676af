"""Scores of captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from glimpse import _glimpse

Result: TypeAlias = str | Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""A caption: text, a caption's dict, or the list of dicts that a captioner gives for a photo: its first counts."""


def evaluate(
    results: Mapping[Any, Result] | Sequence[Result],
    references: Mapping[Any, str | Sequence[str]] | Sequence[str | Sequence[str]],
) -> dict[str, float]:
    """Scores one caption a photo against its reference captions, as pycocoevalcap does, without Java.

    Args:
        results: the caption of each photo, by image id, or in the order of ``references``. Its values may be texts or
            what ``Captioner`` returns for the photo.
        references: the reference captions of each photo, raw text, by image id or in order.

    Returns:
        ``Bleu_1`` to ``Bleu_4``, ``ROUGE_L``, ``CIDEr`` and ``NounRecall``, as fractions: 0 to 1, CIDEr 0 to 10.

    Raises:
        TypeError: one of both is by image id and the other is not, or a caption is no text.
        ValueError: photos without a caption or without references.
    """
    if isinstance(results, Mapping) != isinstance(references, Mapping):
        raise TypeError("give results and references both by image id, or both as lists in the same order")
    if not isinstance(references, Mapping) and len(results) != len(references):
        raise ValueError(f"{len(results)} results for {len(references)} photos with references: one each is scored")
    hypotheses = [(key, _text(key, result)) for key, result in _items(results)]
    return dict(_glimpse.evaluate(hypotheses, [(key, _texts(key, texts)) for key, texts in _items(references)]))


def _items(values: Mapping[Any, Any] | Sequence[Any]) -> list[tuple[str, Any]]:
    items = values.items() if isinstance(values, Mapping) else enumerate(values)
    return [(str(key), value) for key, value in items]


def _text(key: str, result: Any) -> str:
    if isinstance(result, Sequence) and not isinstance(result, str) and result:
        result = result[0]
    if isinstance(result, Mapping):
        result = result.get("generated_text", result.get("caption"))
    if not isinstance(result, str):
        raise TypeError(f"the result of image {key} is no caption: give a text, or what a Captioner returns")
    return result


def _texts(key: str, texts: Any) -> list[str]:
    captions = [texts] if isinstance(texts, str) else list(texts)
    if not all(isinstance(caption, str) for caption in captions):
        raise TypeError(f"the references of image {key} are no texts: give a list of captions")
    return captions
