"""Formulas with verified derivatives, shared by tests; what their reference expressions are written in."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

DATA = Path(os.environ.get("CHAINRULE_DATA", Path(__file__).parents[1].parent / "shared" / "data"))


def entries(name="formulas.json"):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is not here: the shared formulas are read in place", allow_module_level=True)
    return load(path)


def load(path):
    """The entries of a file of this format."""
    held = json.loads(Path(path).read_text(encoding="utf-8"))
    return held["entries"] if isinstance(held, dict) else held


def shapes(entry):
    return {name: tuple(shape) for name, shape in entry["vars"].items()}


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _commutation(m, n):
    K = np.zeros((m * n, m * n))
    for i in range(m):
        for j in range(n):
            K[i * n + j, j * m + i] = 1
    return K


REFERENCE = {
    "np": np,
    **{
        name: getattr(np, name)
        for name in [
            "tanh",
            "exp",
            "log",
            "sin",
            "cos",
            "sqrt",
            "abs",
            "sign",
            "maximum",
            "outer",
            "kron",
            "diag",
            "eye",
        ]
    },
    **{name: getattr(np, name) for name in ["ones", "zeros", "sum", "mean", "max", "min", "minimum", "where"]},
    "solve": np.linalg.solve,
    "tr": np.trace,
    "det": np.linalg.det,
    "inv": np.linalg.inv,
    "matpow": np.linalg.matrix_power,
    "logdet": lambda X: np.linalg.slogdet(X)[1],
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "softmax": _softmax,
    "log_softmax": lambda x: np.log(_softmax(x)),
    "logsumexp": lambda x: np.log(np.exp(x).sum(-1)),
    "norm1": lambda x: np.abs(x).sum(),
    "norm2": lambda x: np.sqrt((x**2).sum()),
    "vec": lambda X: X.flatten("F"),
    "concat": lambda *parts: np.concatenate(parts),
    "commutation": _commutation,
}


KINDS = {
    None: lambda x, rng: x,
    "pos": lambda x, rng: np.abs(x) + 0.5,
    "big": lambda x, rng: np.abs(x) + 5,
    "eps": lambda x, rng: np.full(x.shape, 1e-3),
    "sym": lambda x, rng: (x + x.T) / 2,
    "spd": lambda x, rng: x @ x.T + np.eye(len(x)),
    **dict.fromkeys(("well", "welldet", "well8"), lambda x, rng: 0.3 * x + 2 * np.eye(*x.shape)),
    "small": lambda x, rng: 0.1 * x,
    "onehot": lambda x, rng: np.eye(len(x))[rng.integers(len(x))],
    "rows_onehot": lambda x, rng: np.eye(x.shape[1])[rng.integers(0, x.shape[1], len(x))],
    "simplex": lambda x, rng: _softmax(x),
    "pm1": lambda x, rng: np.where(x > 0, 1.0, -1.0),
    "mask": lambda x, rng: np.where(x > 0, 1.0, 0.0),
}


def drawn(kind, shape, rng):
    """A value of one of the kinds that the shared file names."""
    return KINDS[kind](np.asarray(rng.normal(size=shape)), rng)


_SPELT = {"×": " x ", "⊗": "kron", "ᵀ": "^t", "²": "^2", "′": "'", "σ'": "sigmoid'"}


def _plain(text):
    """The text in small letters without blanks, `×` as x, superscripts as on a keyboard, no plural of forms."""
    for sign, spelt in _SPELT.items():
        text = text.replace(sign, spelt)
    return re.sub(r"\s+", "", text.lower().replace("forms", "form"))


def names(message, asked):
    """Whether a message names what the shared file asks for: a phrase, or each thing that it should offer.

    A single letter, the name of a dimension, has to stand by itself in the message.
    """
    if asked.startswith("offer:"):
        return all(
            names(message, part) for part in re.split(r",\s*(?:or\s+)?", asked.removeprefix("offer:").strip())
        )
    if len(asked) == 1:
        return re.search(rf"(?<![^\W_]){re.escape(asked)}(?![^\W_])", message) is not None
    return _plain(re.sub(r"^an? ", "", asked)) in _plain(message)
