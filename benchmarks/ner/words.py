"""What several systems do with words; nothing is imported here, so that it weighs nothing."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

Sentences: TypeAlias = Sequence[Sequence[str]]
Tags: TypeAlias = list[list[str]]
Tagging: TypeAlias = Callable[[Sentences], Tags]

_ZERO = str.maketrans("123456789", "0" * 9)


def normal(word: str) -> str:
    """A word as it is written among the vectors: in lower case, every digit 0."""
    return word.lower().translate(_ZERO)
