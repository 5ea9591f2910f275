"""Options that several commands have."""

import re
from pathlib import Path

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


def _lists(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, Path]:
    """NAME=FILE, or FILE, whose list is called as the file."""
    found: dict[str, Path] = {}
    for text in given:
        name, sign, file = text.partition("=")
        path = Path(file if sign else text)
        if (name := name if sign else re.sub(r"\W", "_", path.stem)) in found:
            raise click.UsageError(f"--gazetteer: two lists are called {name}; write NAME=FILE")
        found[name] = path
    return found


gazetteers = click.option(
    "--gazetteer",
    "gazetteers",
    multiple=True,
    metavar="[NAME=]FILE",
    callback=_lists,
    help="A list of names, one on a line; in its place another one, where a model is used.",
)
