"""Names as they are printed: `lam` is λ, `mu0` is μ0; digits, and what follows an underscore, are subscripts."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

_SMALL = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu "
    "nu xi omicron pi rho - sigma tau upsilon phi chi psi omega"
)
_CAPITAL = {  # those that no Latin letter looks like
    "Gamma": "Γ",
    "Delta": "Δ",
    "Theta": "Θ",
    "Lambda": "Λ",
    "Xi": "Ξ",
    "Pi": "Π",
    "Sigma": "Σ",
    "Upsilon": "Υ",
    "Phi": "Φ",
    "Psi": "Ψ",
    "Omega": "Ω",
}
GREEK: Mapping[str, str] = {
    **{name: chr(0x3B1 + k) for k, name in enumerate(_SMALL.split()) if name != "-"},
    **_CAPITAL,
    "lam": "λ",
    "eps": "ε",
}
"""Greek letters by name: `lam` and `λ` are one name in a formula."""

_NAME = re.compile(r"([^\W\d_]+?)(\d*)((?:_[^\W_]+)*)")


class Name(NamedTuple):
    """A name taken apart: `dW1` is the differential d of W with subscript 1, `mu_max` is μ with subscript max."""

    base: str
    subscripts: tuple[str, ...] = ()
    differential: bool = False


@lru_cache(maxsize=4096)
def parts_of(name: str) -> Name:
    """The parts of a name; one that has no such parts is its own base."""
    match = _NAME.fullmatch(name)
    if match is None:
        return Name(name)
    word, digits, rest = match.groups()
    subscripts = (*((digits,) if digits else ()), *(GREEK.get(s, s) for s in rest.split("_")[1:]))
    letter = GREEK.get(word[1:], word[1:])
    if word[0] == "d" and word not in GREEK and len(letter) == 1:
        return Name(letter, subscripts, differential=True)
    return Name(GREEK.get(word, word), subscripts)


@lru_cache(maxsize=4096)
def spelt(name: str) -> str:
    """The name with Greek letters for their names, as one line of text has it: `mu0` → `μ0`, `lam_1` → `λ_1`."""
    match = _NAME.fullmatch(name)
    if match is None:
        return name
    word, digits, rest = match.groups()
    base, _, differential = parts_of(word)
    return "d" * differential + base + digits + "".join("_" + GREEK.get(s, s) for s in rest.split("_")[1:])
