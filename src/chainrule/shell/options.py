"""Options that several commands have."""

import click

from chainrule.learn.backends import BACKENDS

backend = click.option(
    "--backend",
    type=click.Choice(list(BACKENDS)),
    default="auto",
    show_default=True,
    help="Who computes: code that Numba compiles, NumPy code, or array by array; results differ by rounding.",
)
