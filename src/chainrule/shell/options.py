"""Options that several commands have."""

import click

from chainrule.display.language import LANGUAGES
from chainrule.learn.backends import BACKENDS
from chainrule.ports.together import CARRIERS

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

parallel = click.option(
    "--parallel",
    type=click.Choice(list(CARRIERS)),
    help="Train in all processes that this command is begun in: mpiexec -n 4 chainrule … --parallel mpi.",
)
