"""A text in two languages: both stand in the page, and the page shows one."""

from html import escape
from typing import Any, Literal, NamedTuple

Language = Literal["en", "ko"]
LANGUAGES: tuple[Language, ...] = ("en", "ko")


class Words(NamedTuple):
    """The same said in English and in Korean."""

    en: str
    ko: str

    def filled(self, **values: Any) -> "Words":
        """With values in the places that stand in braces; values in two languages go each to its own."""
        return Words(*(text.format(**_each(values, k)) for k, text in enumerate(self)))


Text = str | Words
"""What is written: the same in every language, or in each its own."""


def _each(values: dict[str, Any], k: int) -> dict[str, Any]:
    return {name: value[k] if isinstance(value, Words) else value for name, value in values.items()}


def in_html(text: Text, element: str = "span") -> str:
    """The text as HTML, escaped; one element for each language."""
    if isinstance(text, str):
        return escape(text)
    return "".join(f'<{element} lang="{k}">{escape(t)}</{element}>' for k, t in zip(LANGUAGES, text, strict=True))


def in_svg(text: Text) -> str:
    """The text as the inside of an SVG `<text>`, escaped."""
    return in_html(text, "tspan")


def plain(text: Text) -> str:
    """The text in one line for attributes and titles, which know one language or both: `loss · 손실`; escaped."""
    return escape(text if isinstance(text, str) else " · ".join(dict.fromkeys(text)))
