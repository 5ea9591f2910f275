"""`chainrule check`: the numeric proof of the gradients of a formula, or of a gradient made by hand."""

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from chainrule.algebra.names import spelt
from chainrule.algebra.node import Node
from chainrule.algebra.parse import Formula
from chainrule.algebra.signature import shape_text
from chainrule.calculus.facts import read_facts
from chainrule.compute.check import Check, check
from chainrule.compute.claim import Claim, judge
from chainrule.compute.draw import draw
from chainrule.display.question import meant
from chainrule.errors import DataError, counted
from chainrule.shell.arguments import FormulaCommand, shapes as read_shapes

EPILOG = """\b
Examples:
  chainrule check "u.T @ tanh(W @ x + b)"
  chainrule check "u' * tanh(W*x + b)" W=n,m x=m b=n u=n
  chainrule check "h = tanh(W@x); s = u.T@h" --claim "W: u * (1 - h) @ x.T"
  chainrule check "z = W@x; s = sum(tanh(z))" --claim "d = 1 - tanh(z)**2; W: d @ x.T"
  chainrule check "sum(log(x))" --at values.json
"""


@click.command(cls=FormulaCommand, epilog=EPILOG)
@click.argument("text", metavar="FORMULA")
@click.argument("shapes", nargs=-1, metavar="[NAME=AXES]...")
@click.option("--shape", "more", multiple=True, metavar="NAME=AXES", help="Shapes; those not given are found.")
@click.option("--at", type=click.Path(path_type=Path), help="JSON file: name → number or nested lists.")
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="NAME: FORMULA",
    help="A gradient made by hand, to be judged: what is wrong is underlined, and mended.",
)
@click.option("--fact", "facts", multiple=True, metavar="NAME: FACT", help="As in 'y: sums to one'.")
@click.option(
    "--syntax", type=click.Choice(["python", "matlab"]), help="Spelling, where the formula does not show it."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the values that are drawn.")
def command(
    text: str,
    shapes: tuple[str, ...],
    more: tuple[str, ...],
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
    read, remarks = meant(text, read_shapes((*more, *shapes)), syntax)
    given = _values(at, read.variables)
    known = read_facts(facts, read.variables)
    values = draw(read.variables.values(), known, np.random.default_rng(seed), s=read.result, given=given)
    judged = check(read.result, values)
    found = [claim for written in claims for claim in judge(read, written, given, known, seed=seed)]
    click.echo(_report(read, judged, remarks))
    for claim in found:
        click.echo(f"{claim}\n")
    if found:
        click.echo(_tally(found))
    return 0 if judged.ok and all(found) else 1


def _values(path: Path | None, variables: Mapping[str, Node]) -> dict[str, Any]:
    """The values of a file by the names of variables, in any spelling of these: `λ` is `lam`."""
    if path is None:
        return {}
    names = {spelt(name): name for name in variables}
    found: dict[str, Any] = {}
    for key, value in _read(path):
        name = names.get(spelt(key))
        if name is None:
            near = difflib.get_close_matches(key, variables, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise DataError(f"{path}: has values for {key}, and the formula has {', '.join(variables)}{hint}")
        if name in found:
            raise DataError(f"{path}: has values for {name} twice; leave one out")
        _refuse_what_is_no_number(path, name, value)
        found[name] = value
    return found


def _read(path: Path) -> list[tuple[str, Any]]:
    """Names and values of a JSON file in their order, also where a name comes twice."""
    pairs: list[tuple[str, Any]] = []

    def kept(found: list[tuple[str, Any]]) -> dict[str, Any]:
        pairs[:] = found  # the outermost is the last
        return dict(found)

    example = 'write names and numbers, as in {"x": [1, 2]}'
    try:
        held = json.loads(path.read_bytes(), object_pairs_hook=kept)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give a JSON file") from None
    except ValueError as error:
        raise DataError(f"{path}: is no JSON ({error}); {example}") from None
    except RecursionError:
        raise DataError(f"{path}: lists stand in lists too deeply to be read; {example}") from None
    if not isinstance(held, dict):
        raise DataError(f"{path}: holds no names; {example}")
    return pairs


def _refuse_what_is_no_number(path: Path, name: str, value: Any) -> None:
    try:
        array = np.asarray(value)
    except ValueError:
        raise DataError(f"{path}: {name} has rows of unequal length; give as many numbers in each") from None
    if array.dtype.kind not in "biuf":
        raise DataError(f"{path}: {name} holds what is no number, or too large for one; give numbers in lists")
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        place = name + (str(wrong[0].tolist()) if array.ndim else "")
        raise DataError(f"{path}: {place} is {array[tuple(wrong[0])]}; gradients are checked at finite values")


def _report(read: Formula, judged: Check, remarks: Sequence[str]) -> str:
    shapes = "   ".join(f"{name}: {shape_text(node.shape)}" for name, node in read.variables.items())
    notes = "".join(f"  note: {remark}\n" for remark in remarks)
    return f"\n  {read.result}\n  {shapes}\n{notes}\n{judged}\n"


def _tally(found: Sequence[Claim]) -> str:
    wrong = sum(claim.verdict == "wrong" for claim in found)
    if wrong:
        return f"  {wrong} of {counted(len(found), 'claim')} WRONG"
    right = sum(map(bool, found))
    more = "" if right == len(found) else ", each of the others under a fact; state it with --fact"
    return f"  {right} of {counted(len(found), 'claim')} right{more}"
