"""What people see while work goes on: live on a terminal, one plain line at a time elsewhere.

Data goes to standard output, progress and remarks to standard error. NO_COLOR, FORCE_COLOR and TERM=dumb are
obeyed.
"""

import os
import sys
from collections.abc import Mapping
from typing import TextIO

from rich.console import Console

BARS = " ▁▂▃▄▅▆▇█"


def console(stream: TextIO | None = None) -> Console:
    """A console on standard error (or another stream) that never wraps numbers or marks them up."""
    return Console(file=stream or sys.stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def is_live(stream: TextIO) -> bool:
    """Whether a person watches: a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def bar(share: float) -> str:
    """A share from 0 to 1 as a block of that height."""
    return BARS[round(min(max(share, 0.0), 1.0) * (len(BARS) - 1))]


def ribbon(share: float, width: int = 25) -> str:
    """A share from 0 to 1 as a line of that length."""
    filled = round(min(max(share, 0.0), 1.0) * width)
    return "━" * max(filled - 1, 0) + ("╸" if 0 < filled < width else "━" * bool(filled)) + "─" * (width - filled)


def clock(seconds: float) -> str:
    """Seconds as m:ss, the first ten with a decimal: `0.6 s`, `1:05`."""
    return f"{seconds:.1f} s" if seconds < 10 else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def pairs(values: Mapping[str, object]) -> str:
    """`epoch=4 train_loss=0.1172`: one line that people and programs read."""
    return " ".join(f"{key}={value}" for key, value in values.items())
