"""What the figures were measured on."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LIBRARIES = (
    *("chainrule", "numpy", "scipy", "numba", "torch", "jax", "jaxlib", "autograd", "gensim"),
    *("python-crfsuite", "spacy"),
)


def described() -> dict[str, Any]:
    """The processor, its cores, and the versions of the libraries that are there."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "versions": {name: found for name in LIBRARIES if (found := _version(name))},
    }


def processor() -> str:
    """The name of the processor, and how wide its vectors are."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    facts = {name.strip(): value.strip() for name, value in told.items()}
    widest = next((f for f in ("avx512f", "avx2", "avx", "asimd") if f in facts.get("flags", "").split()), "")
    return f"{facts.get('model name', platform.machine())} {widest}".strip()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def line(about: Mapping[str, Any]) -> str:
    """One line of it."""
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    return f"{about['processor']}, {about['cores']} cores, Python {about['python']}, {versions}"
