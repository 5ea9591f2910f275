"""Options that several commands have."""

import click

from chainrule.display.language import LANGUAGES
from chainrule.learn.backends import BACKENDS

backend = click.option(
    "--backend",
    type=click.Choice(list(BACKENDS)),
    default="auto",
    show_default=True,
    help="Who computes: code that Numba compiles, NumPy code, or array by array; results differ by rounding.",
)

language = click.option(
    "--lang", type=click.Choice(LANGUAGES), default="en", show_default=True, help="Language of the report."
)
