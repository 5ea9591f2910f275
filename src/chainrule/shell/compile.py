"""`chainrule compile`: the program of a formula and its gradients, every statement below its formula."""

from typing import Any

import click

from chainrule.display.program import listing
from chainrule.display.question import asked
from chainrule.shell.arguments import FormulaCommand, shapes as read_shapes

EPILOG = """\b
Examples:
  chainrule compile "u.T @ tanh(W @ x + b)"
  chainrule compile "u' * tanh(W*x + b)" W=n,m x=m b=n u=n --wrt W,b
  chainrule compile "h = tanh(W@x); s = u.T@h" --backend numpy
  chainrule compile "mean((X @ w - y)**2)" --wrt w > step.py
"""


@click.command(cls=FormulaCommand, epilog=EPILOG)
@click.argument("text", metavar="FORMULA")
@click.argument("shapes", nargs=-1, metavar="[NAME=AXES]...")
@click.option("--wrt", multiple=True, metavar="NAME,…", help="Variables to differentiate by [all].")
@click.option("--shape", "more", multiple=True, metavar="NAME=AXES", help="Shapes; those not given are found.")
@click.option(
    "--backend",
    type=click.Choice(["numba", "numpy"]),
    default="numba",
    show_default=True,
    help="numba: loops, as they are compiled; numpy: an array at a time.",
)
@click.option(
    "--syntax", type=click.Choice(["python", "matlab"]), help="Spelling, where the formula leaves it open."
)
def command(
    text: str, shapes: tuple[str, ...], wrt: tuple[str, ...], more: tuple[str, ...], backend: str, syntax: Any
) -> None:
    """Print the program that computes FORMULA, a number, and its gradients: forward, then backward.

    FORMULA is in Python's spelling (@ and .T) or MATLAB's (' and .*). This is what `cr.compile` makes machine code
    of; sizes are read off the arrays, so that it holds for all.
    """
    by = [name.strip() for names in wrt for name in names.split(",") if name.strip()]
    question = asked(text, by or None, None, read_shapes((*more, *shapes)), syntax, None, None)
    click.echo(listing(question, backend).rstrip("\n"))
