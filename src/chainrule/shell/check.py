"""`chainrule check`: the numeric proof of the gradients of a formula, or of a gradient made by hand."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from chainrule.algebra.node import Node
from chainrule.algebra.parse import Formula, formula
from chainrule.algebra.signature import FLOATS, Binding, shape_text
from chainrule.calculus.facts import read_facts
from chainrule.compute.check import Check, check
from chainrule.compute.claim import Claim, judge
from chainrule.compute.interpret import evaluate
from chainrule.errors import DataError, counted
from chainrule.learn.batches import rng_for

EPILOG = """\b
Examples:
  chainrule check "u.T @ tanh(W @ x + b)"
  chainrule check "u' * tanh(W*x + b)" W=n,m x=m b=n u=n
  chainrule check "h = tanh(W@x); s = u.T@h" --claim "W: u * (1 - h) @ x.T"
  chainrule check "z = W@x; s = sum(tanh(z))" --claim "delta = 1 - tanh(z)**2; W: delta @ x.T; x: W @ delta"
  chainrule check "sum(log(x))" --at values.json
"""


@click.command(epilog=EPILOG)
@click.argument("text", metavar="FORMULA")
@click.argument("shapes", nargs=-1, metavar="[NAME=AXES]...")
@click.option("--at", type=click.Path(path_type=Path), help="JSON file: name → number or nested lists.")
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="NAME: FORMULA",
    help="A gradient made by hand, to be judged: what is wrong is underlined, and mended.",
)
@click.option("--fact", "facts", multiple=True, metavar="NAME: FACT", help='For claims, as "y: sums to one".')
@click.option(
    "--syntax", type=click.Choice(["python", "matlab"]), help="Spelling, where the formula does not show it."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the values that are drawn.")
def command(
    text: str,
    shapes: tuple[str, ...],
    at: Path | None,
    claims: tuple[str, ...],
    facts: tuple[str, ...],
    syntax: Any,
    seed: int,
) -> int:
    """Compare the gradients of FORMULA with finite differences, entry by entry, and the claims with the gradients;
    exit code 1 if one is wrong.

    FORMULA is in Python's spelling (@ and .T) or MATLAB's (' and .*). Shapes that are not given are found.
    """
    read = formula(text, dict(map(_shape, shapes)), syntax=syntax)
    given = _values(at)
    values = _drawn(read, given, seed)
    judged = check(read.result, values)
    known = read_facts(facts, read.variables)
    found = [claim for written in claims for claim in judge(read, written, given, known, seed=seed)]
    click.echo(_report(read, judged))
    for claim in found:
        click.echo(f"{claim}\n")
    if found:
        click.echo(_tally(found))
    return 0 if judged.ok and all(found) else 1


def _shape(written: str) -> tuple[str, Sequence[str | int]]:
    name, sign, axes = written.partition("=")
    if not (name and sign):
        raise click.UsageError(f"{written!r}: a shape is written NAME=AXES, as in W=n,m, and of a number NAME=")
    if any(mark.isspace() for mark in axes):
        raise click.UsageError(f"{written!r}: axes are separated by commas, as in x=n,m")
    return name, [int(a) if a.isdigit() else a for a in axes.split(",") if a]


def _values(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        held = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give a JSON file") from None
    except ValueError as error:
        raise DataError(f'{path}: is no JSON ({error}); write names and numbers, as in {{"x": [1, 2]}}') from None
    if not isinstance(held, dict):
        raise DataError(f'{path}: holds no names; write names and numbers, as in {{"x": [1, 2]}}')
    return held


def _drawn(read: Formula, given: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The given values, and random ones for the rest: normal, or above ½ where the formula is undefined else."""
    shapes = _sizes(read.variables.values(), given)
    normal = {name: rng_for(seed, name).normal(size=shape) for name, shape in shapes.items()}
    values = {**normal, **given}
    if np.isfinite(evaluate(read.result, values)).all():
        return values
    return {**{name: 0.5 + np.abs(value) for name, value in normal.items()}, **given}


def _sizes(variables: Iterable[Node], given: Mapping[str, Any]) -> dict[str, list[int]]:
    """A shape in numbers for each variable without a value; free dimensions get sizes 2, 3, 4 … of their own."""
    nodes = [node for node in variables if node.dtype in FLOATS]
    binding = Binding()
    for node in nodes:
        if (name := node.attrs["name"]) in given:
            binding.meet(name, node.shape, np.shape(given[name]))
    names = dict.fromkeys(
        d for node in nodes for a in node.shape if not isinstance(a, int) for d in sorted(a.names)
    )
    free = iter(range(2, 2 + len(names)))
    sizes = {d: binding.sizes[d] if d in binding.sizes else next(free) for d in names}
    full = Binding(sizes)
    return {name: [full.size(a) for a in n.shape] for n in nodes if (name := n.attrs["name"]) not in given}


def _report(read: Formula, judged: Check) -> str:
    shapes = "   ".join(f"{name}: {shape_text(node.shape)}" for name, node in read.variables.items())
    return f"\n  {read.result}\n  {shapes}\n\n{judged}\n"


def _tally(found: Sequence[Claim]) -> str:
    wrong = sum(claim.verdict == "wrong" for claim in found)
    if wrong:
        return f"  {wrong} of {counted(len(found), 'claim')} WRONG"
    right = sum(map(bool, found))
    more = "" if right == len(found) else ", each of the others under a fact; state it with --fact"
    return f"  {right} of {counted(len(found), 'claim')} right{more}"
