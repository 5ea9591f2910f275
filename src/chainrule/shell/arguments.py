"""Arguments that several commands read alike."""

from collections.abc import Sequence

import click


def shape(written: str) -> tuple[str, Sequence[str | int]]:
    """The name and the axes of `W=n,m`; of a number, `lam=`."""
    name, sign, axes = written.partition("=")
    if not (name and sign):
        raise click.UsageError(f"{written!r}: a shape is written NAME=AXES, as in W=n,m, and of a number NAME=")
    if any(mark.isspace() for mark in axes):
        raise click.UsageError(f"{written!r}: axes are separated by commas, as in x=n,m")
    return name, [int(a) if a.isdigit() else a for a in axes.split(",") if a]
