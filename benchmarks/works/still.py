"""A system that does nothing, to try the contests themselves; `python -m benchmarks` has no such work."""

from benchmarks.contestant import Contestant, nothing


def system(value: float) -> Contestant:
    """It has this value."""
    held = float(value)
    return Contestant(nothing, lambda: {"the value": held})


def absent() -> Contestant:
    """Its library is not installed."""
    raise ModuleNotFoundError("No module named 'nothing'")
