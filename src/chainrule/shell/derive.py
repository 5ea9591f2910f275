"""`chainrule derive`: the derivatives of a formula in textbook form, step by step, proved by numbers."""

import json
import shutil
import sys
from typing import Any

import click

from chainrule.display.derivation import Derivation, derive
from chainrule.shell.arguments import FormulaCommand, alternatives, shapes as read_shapes

EPILOG = """\b
Examples:
  chainrule derive "u' * tanh(W*x + b)" --shape W=n,m x=m b=n u=n
  chainrule derive "u.T @ tanh(W @ x + b)" --wrt W --steps
  chainrule derive "h = tanh(W@x); s = u.T@h" --python > gradient.py
  chainrule derive "logsumexp(z) - y.T @ z" --wrt z --fact "y: sums to one" --hessian
  chainrule derive "A @ X @ B" --wrt X --vec --latex
"""

FORMS = ("latex", "python", "mathml", "json")


class _Command(FormulaCommand):
    """A command whose --steps may stand without a number, wherever it stands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write `--steps` and `--steps 3` as `--steps=2` and `--steps=3`."""
        alternatives(self.get_params(ctx), args[: args.index("--")] if "--" in args else args)
        found: list[str] = []
        for before, argument in zip([None, *args], args, strict=False):
            if before == "--steps" and argument in ("1", "2", "3"):
                found[-1] = f"--steps={argument}"
            else:
                found.append("--steps=2" if argument == "--steps" else argument)
        return super().parse_args(ctx, found)


@click.command(cls=_Command, epilog=EPILOG)
@click.argument("text", metavar="FORMULA")
@click.argument("shapes", nargs=-1, metavar="[NAME=AXES]...")
@click.option("--wrt", multiple=True, metavar="NAME,…", help="Variables to differentiate by [all].")
@click.option("--shape", "more", multiple=True, metavar="NAME=AXES", help="Shapes; those not given are found.")
@click.option("--fact", "facts", multiple=True, metavar="NAME: FACT", help="As in 'A: symmetric, positive'.")
@click.option("--jacobian", "kind", flag_value="jacobian", help="m×n, rows as the value, columns as the variable.")
@click.option("--hessian", "kind", flag_value="hessian", help="By one variable; by two, the mixed one.")
@click.option("--vec", is_flag=True, help="Matrices stacked column upon column: Kronecker products.")
@click.option(
    "--steps",
    type=click.Choice(["1", "2", "3"]),
    metavar="[=1|2|3]",
    help="The derivation, in less or more detail.",
)
@click.option("--solve", is_flag=True, help="Set the gradient to zero and solve: ridge, normal equations …")
@click.option("--latex", "form", flag_value="latex", help="Print an aligned environment of LaTeX.")
@click.option("--python", "form", flag_value="python", help="Print a NumPy function.")
@click.option("--mathml", "form", flag_value="mathml", help="Print a <math> element.")
@click.option("--json", "form", flag_value="json", help="Print everything as JSON.")
@click.option(
    "--syntax", type=click.Choice(["python", "matlab"]), help="Spelling, where the formula leaves it open."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the values that are tried.")
def command(
    text: str,
    shapes: tuple[str, ...],
    wrt: tuple[str, ...],
    more: tuple[str, ...],
    facts: tuple[str, ...],
    kind: Any,
    vec: bool,
    steps: str | None,
    solve: bool,
    form: str | None,
    syntax: Any,
    seed: int,
) -> None:
    """Differentiate FORMULA by its variables, name what repeats, and prove the answer by numbers.

    FORMULA is in Python's spelling (@ and .T) or MATLAB's (' and .*); lines, or parts between semicolons, may
    define names. Gradients of scalars, Jacobians of vectors and matrices. Every answer is tried on random numbers
    before it is printed. With --latex, --python, --mathml and --json standard output has nothing else.
    """
    by = [name.strip() for names in wrt for name in names.split(",") if name.strip()]
    found = derive(
        text,
        by or None,
        kind=kind,
        vec=vec,
        facts=facts,
        shapes=read_shapes((*more, *shapes)),
        syntax=syntax,
        seed=seed,
    )
    click.echo(_written(found, form, int(steps or 0), solve))
    if form is not None:
        click.echo(_remarks(found), err=True)


def _written(found: Derivation, form: str | None, detail: int, solve: bool) -> str:
    match form:
        case "latex":
            return f"\\[\n{found.latex(detail, solve=solve)}\n\\]"
        case "python":
            return found.python().rstrip("\n")
        case "mathml":
            return found.mathml(detail, solve=solve)
        case "json":
            return json.dumps(found.to_dict(detail, solve=solve), ensure_ascii=False, indent=2)
    live = sys.stdout.isatty()
    width = min(max(shutil.get_terminal_size().columns - 4, 60), 120) if live else 100
    hints = "\n\n  print as: --latex  --python  --mathml  --json" + ("" if detail else "      how: --steps")
    return f"\n{found.text(detail, solve=solve, width=width)}{hints if live else ''}\n"


def _remarks(found: Derivation) -> str:
    page = found.page()
    said = [*([f"facts used: {', '.join(page.facts)}"] if page.facts else []), *page.notes, page.verdict]
    return "\n".join(f"  {line}" for line in said)
