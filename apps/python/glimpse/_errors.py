"""The exception for one photo."""

from __future__ import annotations


class PhotoError(ValueError):
    """A photo cannot be captioned.

    Attributes:
        index: the photo's place in the call, from 0.
        reason: what is wrong with it and what to do.
        results: the captions of the photos before it. Only where the call raised the error: ``errors="return"`` puts it
            in the photo's place instead.
    """

    index: int
    reason: str
    results: list[object]

    def __init__(self, index: int, name: str, reason: str) -> None:
        super().__init__(index, name, reason)
        self.index = index
        self.name = name
        self.reason = reason
        self.results = []

    def __str__(self) -> str:
        return f"photo {self.index} ({self.name}): {self.reason}"
