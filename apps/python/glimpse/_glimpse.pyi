"""The native module, written in Rust: ``apps/python/src/``."""

import os
from collections.abc import Iterator
from typing import Any, final

__version__: str
OPTIONS: list[str]
"""The keys of decoding options that are obeyed."""

@final
class Options:
    """Decoding options that were checked."""

    def to_json(self) -> str: ...

@final
class Engine:
    """A bundle, opened and ready."""

    def __new__(
        cls,
        model: str | os.PathLike[str],
        device: str,
        precision: str,
        threads: int | None,
        library: str | os.PathLike[str] | None,
    ) -> Engine: ...
    def options(self, overrides: str) -> Options: ...
    def stream(
        self,
        photos: Iterator[str | bytes | tuple[bytes, int, int] | BaseException],
        options: list[Options],
        batch_size: int,
        threads: int | None,
    ) -> Stream: ...
    def tokens(self, token_ids: list[int]) -> list[str]: ...
    def describe(self) -> str: ...

@final
class Stream:
    """Answers in the order of the photos: ``(captions of each of the options, error, warning)``."""

    def __iter__(self) -> Stream: ...
    def __next__(self) -> tuple[list[list[dict[str, Any]]] | None, str | BaseException | None, str | None]: ...

def evaluate(results: list[tuple[str, str]], references: list[tuple[str, list[str]]]) -> list[tuple[str, float]]: ...
def run(arguments: list[str]) -> int: ...
def panic_for_test() -> None: ...
