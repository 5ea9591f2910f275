"""Names in source: identifiers that Python takes, that stay what the reader knows, and that never meet."""

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import count

from chainrule.algebra.names import GREEK

RESERVED = frozenset((*keyword.kwlist, *dir(builtins), "np", "math"))

_SPELT = {letter: name for name, letter in GREEK.items()}  # the later, shorter names win: lam, eps
_SPELT |= {letter.upper(): name.capitalize() for letter, name in _SPELT.items() if letter not in "λες"}
_SPELT |= {"Λ": "Lambda", "Ε": "Epsilon", "ς": "sigma", "∂": "d", "∇": "grad", "′": "_prime", "'": "_prime"}
_MARKS = {
    "\N{COMBINING CIRCUMFLEX ACCENT}": "_hat",
    "\N{COMBINING TILDE}": "_tilde",
    "\N{COMBINING MACRON}": "_bar",
    "\N{COMBINING OVERLINE}": "_bar",
    "\N{COMBINING DOT ABOVE}": "_dot",
    "\N{COMBINING DIAERESIS}": "_ddot",
    "\N{COMBINING CARON}": "_check",
}


def identifier(name: str) -> str:
    """A name as Python writes it: δ₁ → delta1, ŷ → y_hat, λ → lam, lambda → lam; others as they are."""
    letters = "".join(_MARKS.get(c, c) for c in unicodedata.normalize("NFD", name))
    plain = unicodedata.normalize("NFKC", "".join(_SPELT.get(c, c) for c in letters))
    spelt = "".join(_SPELT.get(c, c) for c in plain)
    word = re.sub(r"\W+", "_", spelt).strip("_") or "v"
    word = {"lambda": "lam"}.get(word, word)
    if word[0].isdigit():
        word = "_" + word
    return word + "_" if word in RESERVED else word


class Names:
    """The identifiers of a function: its inputs first, then whatever else is asked for."""

    def __init__(self, inputs: Sequence[str], helpers: Iterable[str]) -> None:
        self._taken = set(helpers)
        self._numbers = count(1)
        self._by_name: dict[str, str] = {}
        self.sizes: dict[str, str] = {}
        self.inputs = [self.of(name) for name in inputs]

    def of(self, name: str) -> str:
        """The identifier of a variable or a line."""
        if name not in self._by_name:
            self._by_name[name] = self._free(identifier(name))
        return self._by_name[name]

    def of_size(self, dim: str) -> str:
        """The identifier of a dimension's size."""
        if dim not in self.sizes:
            word = identifier(dim)
            self.sizes[dim] = self._free(word if word not in self._taken else f"size_{word}")
        return self.sizes[dim]

    def new(self, stem: str) -> str:
        """An identifier that begins so and is free: z, z_2 …"""
        return self._free(identifier(stem))

    def fresh(self) -> str:
        """t1, t2 … the next that is free."""
        word = next(word for k in self._numbers if (word := f"t{k}") not in self._taken)
        return self._free(word)

    def _free(self, word: str) -> str:
        found, k = word, 2
        while found in self._taken:
            found, k = f"{word}_{k}", k + 1
        self._taken.add(found)
        return found
