"""`chainrule speed`: the gradients of many examples, one after another or in a batch, with NumPy and compiled."""

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import click
import numpy as np

from chainrule.algebra.node import Node
from chainrule.algebra.notation import write
from chainrule.algebra.signature import shape_text
from chainrule.calculus.facts import read_facts
from chainrule.compute.compile import has_numba
from chainrule.compute.draw import draw
from chainrule.compute.vectorised import Values, Ways, paces, ways
from chainrule.display.question import meant
from chainrule.errors import ProofError
from chainrule.shell.arguments import FormulaCommand, shapes as read_shapes

NETWORK, SHAPES = "s = u.T @ tanh(W @ x + b)", ("W=100,250", "x=250", "b=100", "u=100")
BACKENDS = {"numpy": "NumPy", "numba": "compiled"}
DIFFERENT = 16  # examples, of which a larger batch is made
NEAR = 1e-8  # by which both ways may differ, relative to the largest entry
EPILOG = """\b
Examples:
  chainrule speed
  chainrule speed --sizes 1,32,1024
  chainrule speed "J = log(1 + exp(-y * (w.T @ x)))" w=50 x=50 y= --over x,y
"""


class Pace(NamedTuple):
    """Examples a second with one backend: one by one, and in a batch."""

    looped: float
    batched: float

    @property
    def ratio(self) -> float:
        """How many times as many in a batch."""
        return self.batched / self.looped

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return {**self._asdict(), "ratio": self.ratio}


def sizes_of(context: click.Context, parameter: click.Parameter, text: str) -> list[int]:
    """Numbers between commas, from 1 on."""
    found = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and 0 < int(part) <= 1 << 20 for part in found):
        raise click.BadParameter(f"{text!r}: write numbers from 1 on, as in 1,32,1024")
    return [int(part) for part in found]


@click.command(cls=FormulaCommand, epilog=EPILOG)
@click.argument("text", metavar="[FORMULA]", required=False)
@click.argument("shapes", nargs=-1, metavar="[NAME=AXES]...")
@click.option("--over", default="x", show_default=True, metavar="NAME,…", help="What differs between examples.")
@click.option("--sizes", callback=sizes_of, default="1,4,16,64,256,1024", show_default=True, metavar="B,…",
              help="Examples in a batch.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(0), default=0.5, show_default=True, help="For each size.")
@click.option(
    "--syntax", type=click.Choice(["python", "matlab"]), help="Spelling, where the formula does not show it."
)
@click.option("--json", "as_json", is_flag=True, help="Figures as JSON.")
def command(
    text: str | None,
    shapes: tuple[str, ...],
    over: str,
    sizes: list[int],
    seconds: float,
    syntax: Any,
    as_json: bool,
) -> None:
    """Time FORMULA and all its gradients, example by example in a loop against a batch, on this machine.

    Without FORMULA it is the lecture's network: the score of a window of five words. The batch is made of the
    formula of one example, and both are found to give the same numbers.
    """
    read, _ = meant(text or NETWORK, read_shapes(shapes or ([] if text else SHAPES)), syntax)
    varied = _named(read.variables, over)
    _refuse_letters(read.variables)
    backends = [name for name in BACKENDS if name != "numba" or has_numba()]
    both = {name: ways(read.result, varied, name) for name in backends}
    if not as_json:
        click.echo("\n".join(_head(read.result, list(read.variables.values()), varied, backends)))
    found = []
    for size in sizes:
        found.append(_measured(both, _values(read.result, read.variables, varied, size), size, seconds))
        if not as_json:
            click.echo(_line(size, found[-1]))
    if as_json:
        records = [
            {"size": size, **{n: p.as_dict() for n, p in row.items()}}
            for size, row in zip(sizes, found, strict=True)
        ]
        click.echo(
            json.dumps({"formula": write(read.result), "over": [write(v) for v in varied], "speed": records})
        )
    else:
        click.echo(_end(sizes, found))


def _named(variables: Any, over: str) -> list[Node]:
    names = [name.strip() for name in over.split(",") if name.strip()]
    for name in names:
        if name not in variables:
            near = difflib.get_close_matches(name, variables, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(variables)}"
            raise click.UsageError(f"--over {name}: the formula has no such variable; {hint}")
    return [variables[name] for name in dict.fromkeys(names)]


def _refuse_letters(variables: Any) -> None:
    for name, v in variables.items():
        if any(not isinstance(axis, int) for axis in v.shape):
            axes = ",".join("100" for _ in v.shape)
            raise click.UsageError(f"{name} is {shape_text(v.shape)}: a time needs numbers; write {name}={axes}")


def _values(s: Node, variables: Any, varied: Sequence[Node], size: int) -> Values:
    """Values of what is shared, and of so many examples."""
    rng, facts, nodes = np.random.default_rng(size), read_facts((), variables), list(variables.values())
    first = draw(nodes, facts, rng, s=s)
    names = [v.attrs["name"] for v in varied]
    shared = {name: np.asarray(value) for name, value in first.items() if name not in names}
    more = [draw(nodes, facts, rng, s=s, given=shared) for _ in range(min(size, DIFFERENT) - 1)]
    several = {n: np.stack([np.asarray(values[n]) for values in (first, *more)]) for n in names}
    return {**shared, **{n: np.resize(rows, (size, *rows.shape[1:])) for n, rows in several.items()}}


def _measured(both: dict[str, Ways], values: Values, size: int, seconds: float) -> dict[str, Pace]:
    """The pace of every backend. ProofError where two ways give other numbers."""
    results = [way(values) for pair in both.values() for way in pair]
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            if not np.allclose(a, b, rtol=0, atol=NEAR * max(1.0, float(np.abs(a).max(initial=0)))):
                raise ProofError(
                    f"a loop and a batch of {size:,} give other numbers: that is our mistake, tell us"
                )
    runs = {f"{n} {k}": (lambda way=way: way(values)) for n, pair in both.items() for k, way in enumerate(pair)}
    times = paces(runs, seconds)
    return {name: Pace(*(size / times[f"{name} {k}"] for k in (0, 1))) for name in both}


def _head(s: Node, variables: Sequence[Node], varied: Sequence[Node], backends: Sequence[str]) -> Iterator[str]:
    shapes = [(f"{v.attrs['name']}: {shape_text(v.shape)}", v in varied) for v in variables]
    shared, own = ["   ".join(told for told, differs in shapes if differs is which) for which in (False, True)]
    yield f"\n  {write(s)}{f'   with {shared}' if shared else ''}, and of each example {own}"
    yield "  the value and all gradients, examples a second on one thread\n"
    yield (" " * 9 + "".join(f"{BACKENDS[name]:^36}" for name in backends)).rstrip()
    yield f"  {'B':>5}  " + "   ".join([f"{'one by one':>12}{'a batch':>13}{'ratio':>8}"] * len(backends))
    yield "  " + "─" * (4 + 36 * len(backends))


def _line(size: int, row: dict[str, Pace]) -> str:
    cells = (f"{p.looped:>12,.0f}{p.batched:>13,.0f}{p.ratio:>7.3g}×" for p in row.values())
    return f"  {size:>5,}  " + "   ".join(cells)


def _end(sizes: Sequence[int], found: Sequence[dict[str, Pace]]) -> str:
    size, row = max(zip(sizes, found, strict=True), key=lambda pair: pair[0])
    first, *_, last = (row["numpy"], *row.values())
    best = f"a batch of {size:,}, {BACKENDS[list(row)[-1]]}, against one by one with NumPy"
    return f"\n  all ways give the same numbers · {best}: {last.batched / first.looped:.3g}×\n"
