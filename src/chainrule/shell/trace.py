"""`chainrule trace`: every value and every gradient of a formula, upstream × local = downstream."""

import json
import os
import re
import shutil
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from chainrule.display.language import LANGUAGES, Language
from chainrule.display.trace import Trace, trace
from chainrule.display.trace_json import as_json, poke_to_dict
from chainrule.display.trace_poke import poke_text
from chainrule.display.trace_steps import steps_text
from chainrule.display.trace_table import Paint, Style, plain, table
from chainrule.display.trace_tree import tree
from chainrule.errors import BindingError, ChainruleError, DataError
from chainrule.shell.arguments import FormulaCommand, alternatives
from chainrule.shell.terminal import is_live

EPILOG = """\b
Examples:
  chainrule trace "(x + y) * max(y, z)" x=1 y=2 z=0
  chainrule trace "1/(1+exp(-(w0*x0+w1*x1+w2)))" w0=2 x0=-1 w1=-3 x1=-2 w2=-3 --combine
  chainrule trace "(2*apple + 3*orange) * tax" apple=100 orange=150 tax=1.1 --poke apple=101
  chainrule trace "h = relu(W*x); s = u' * h" W='[[1,0],[2,-1]]' x='[1,2]' u='[1,1]' --tree
  chainrule trace "u.T @ tanh(W @ x + b)" --values arrays.npz --html graph.html
  chainrule trace "sum(sigmoid(W @ x))" W=3,4 --seed 0 --steps --lang ko
"""

FILES = ("html", "svg", "tikz", "tex", "dot")
MOST_BYTES = 1 << 28


class _Command(FormulaCommand):
    """A command whose values may follow its options, as in `--poke x=1.1`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse two of --tree, --steps and --json."""
        alternatives(self.get_params(ctx), args[: args.index("--")] if "--" in args else args)
        return super().parse_args(ctx, args)


def _files(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that write a file, `-` for standard output."""
    said = {
        "html": "Write the page that steps through the passes.",
        "svg": "Write the drawing.",
        "tikz": "Write the drawing for LaTeX.",
        "tex": "Write the passes as formulas of LaTeX.",
        "dot": "Write the graph for Graphviz.",
    }
    for form in reversed(FILES):
        function = click.option(
            f"--{form}",
            type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
            metavar="FILE",
            help=f"{said[form]}",
        )(function)
    return function


@click.command(cls=_Command, epilog=EPILOG)
@click.argument("text", metavar="FORMULA")
@click.argument("given", nargs=-1, metavar="[NAME=VALUE]...")
@click.option(
    "--values", "file", type=click.Path(path_type=Path), help="File of values: .npz, or .json with lists."
)
@click.option(
    "--poke", "pokes", multiple=True, metavar="NAME=VALUE", help="What if: move an input; W[0,1]=2 an entry."
)
@click.option("--combine", is_flag=True, help="σ, softmax, logsumexp … as one gate where they are written out.")
@click.option("--tree", "form", flag_value="tree", help="The graph as a tree.")
@click.option("--steps", "form", flag_value="steps", help="Both passes step by step, in words.")
@click.option("--json", "form", flag_value="json", help="The records as JSON.")
@click.option("--full", is_flag=True, help="All entries of arrays, and all repetitions.")
@_files
@click.option("--upstream", metavar="VALUE", help="The gradient to begin with [1, and ones for an array].")
@click.option("--lang", type=click.Choice(LANGUAGES), default="en", show_default=True, help="The language.")
@click.option("--seed", type=click.IntRange(0), help="Draw the values that are missing.")
@click.option(
    "--syntax", type=click.Choice(["python", "matlab"]), help="Spelling, where the formula leaves it open."
)
def command(
    text: str,
    given: tuple[str, ...],
    file: Path | None,
    pokes: tuple[str, ...],
    combine: bool,
    form: str | None,
    full: bool,
    upstream: str | None,
    lang: Any,
    seed: int | None,
    syntax: Any,
    **files: Path | None,
) -> None:
    """Compute FORMULA forward and backward, and show every value and gradient: upstream × local = downstream.

    FORMULA is in Python's spelling (@ and .T) or MATLAB's (' and .*); lines, or parts between semicolons, define
    names. A VALUE is a number or nested lists, as in x=1 and W='[[1,2],[3,4]]'; with --seed, W=3,4 says a shape
    alone (of a vector x=4, with the comma). The gradients of an array are those of the sum of its entries, unless
    --upstream says otherwise.
    """
    values, shapes = _given(given)
    if shapes and seed is None:
        name = next(iter(shapes))
        written = ",".join(map(str, shapes[name]))
        raise click.UsageError(
            f"{name}={written} says the shape {written} of {name}, whose entries are then drawn: "
            f"add --seed 0, or give a value as in {name}=1.5 or {name}='[1, 2]'"
        )
    asked = [(where, kind) for kind, where in files.items() if where is not None]
    _apart(asked)
    found = trace(
        text,
        {**_values(file), **values},
        shapes=shapes,
        combine=combine,
        upstream=None if upstream is None else _number("--upstream", upstream),
        syntax=syntax,
        seed=seed,
    )
    moved = found.poke(_poked(pokes, found)) if pokes else None
    for where, kind in asked:
        _write(found, where, kind, lang)
    if any(str(where) == "-" for where, _ in asked):
        return
    if form == "json":
        also = {"poke": poke_to_dict(moved)} if moved else {}
        click.echo(as_json({**found.to_dict(), **also}), nl=False)
        return
    style = Style(_width(), full, _paint(), LANGUAGES.index(lang))
    blocks = [SHOWN[form](found, style)] if form or not (asked or moved) else []
    blocks += [poke_text(moved, style)] if moved else []
    if blocks:
        click.echo("\n" + "\n\n".join(blocks) + "\n")


def _apart(asked: Iterable[tuple[Path, str]]) -> None:
    """UsageError where two forms would be written to one place."""
    first: dict[str, str] = {}
    for where, kind in asked:
        place = "standard output" if str(where) == "-" else os.path.abspath(where)
        other = first.setdefault(place, kind)
        if other != kind:
            raise click.UsageError(
                f"--{other} and --{kind} would both be written to {place}; give each a file of its own"
            )


def _write(found: Trace, where: Path, kind: str, language: Language) -> None:
    if str(where) == "-":
        click.echo(found.written(kind, language), nl=False)
    else:
        found.save(where, kind, language)
        click.echo(f"  {where}", err=True)


SHOWN: Mapping[str | None, Callable[[Trace, Style], str]] = {None: table, "tree": tree, "steps": steps_text}


# ── how it is set ─────────────────────────────────────────────────────────────────────────────────────

_COLOURS: Mapping[str, dict[str, Any]] = {
    "value": {"fg": "green"},
    "gradient": {"fg": "red"},
    "local": {"fg": "magenta"},
    "mute": {"dim": True},
}


def _paint() -> Paint:
    """Colours on a terminal; NO_COLOR, FORCE_COLOR and TERM=dumb are obeyed."""
    wanted = bool(os.environ.get("FORCE_COLOR")) or (is_live(sys.stdout) and not os.environ.get("NO_COLOR"))
    return (lambda text, kind: click.style(text, **_COLOURS[kind])) if wanted else plain


def _width() -> int:
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100


# ── values ────────────────────────────────────────────────────────────────────────────────────────────

_SHAPE = re.compile(r"(?:\d+|[^\W\d]\w*)(?:[,×](?:\d+|[^\W\d]\w*))*,?")
_ENTRY = re.compile(r"\s*([^\W\d]\w*)\s*\[([-\d,\s]+)\]\s*=(.*)", re.DOTALL)


def _given(written: Iterable[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values, and the shapes, by name; UsageError for what is neither, or twice there."""
    values: dict[str, Any] = {}
    shapes: dict[str, Any] = {}
    for text in written:
        name, sign, value = text.strip().partition("=")
        name, value = name.strip(), value.strip()
        if not (name and sign and value):
            raise click.UsageError(f"{text!r}: a value is written NAME=VALUE, as in x=1 or x='[1, 2]'")
        if name in values or name in shapes:
            raise click.UsageError(f"{name} is given twice; leave one out")
        if _SHAPE.fullmatch(value) and not _is_number(value):
            shapes[name] = [int(a) if a.isdigit() else a for a in re.split("[,×]", value) if a]
        else:
            values[name] = _number(name, value)
    return values, shapes


def _is_number(text: str) -> bool:
    return isinstance(_json(text), (int, float)) or text.lower() in _SPECIAL


_SPECIAL = {"nan": float("nan"), "inf": float("inf"), "infinity": float("inf"), "true": True, "false": False}


def _number(name: str, written: str) -> Any:
    """A number or nested lists; BindingError that shows how they are written."""
    text = written.replace("−", "-")
    sign = -1 if text.startswith("-") else 1
    if text.lower().lstrip("+-") in _SPECIAL:
        special = _SPECIAL[text.lower().lstrip("+-")]
        return special if isinstance(special, bool) else sign * special
    value = _json(text.removeprefix("+"))
    if value is None:
        raise BindingError(
            f"the value of {name}, {written[:40]!r}, is neither a number nor lists of numbers; "
            f"write {name}=1.5 or {name}='[[1, 2], [3, 4]]'"
        )
    return _array(name, value)


def _json(text: str) -> Any:
    """What a text says as JSON, or in the spellings `.5`, `nan`, `[1 2; 3 4]`; None if it is nothing."""
    for written in (text, _as_json(text)):
        try:
            return json.loads(written)
        except RecursionError:
            return None
        except ValueError:
            continue
    return None


_NUMBER = re.compile(
    r"(?<![\w.])([-+]?)(\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|nan|inf(?:inity)?)(?![\w.])", re.I
)


def _as_json(text: str) -> str:
    """Numbers as JSON spells them, and the rows of MATLAB as lists; a column, [1; 2], is a vector."""
    text = _NUMBER.sub(lambda m: json.dumps(float(m[0])), text)
    flat = re.fullmatch(r"\[([^\[\]]*)\]", text.strip())
    if flat is None:
        return text
    rows = [", ".join(re.split(r"[,\s]+", row.strip())) for row in flat[1].split(";") if row.strip()]
    if len(rows) > 1 and any("," in row for row in rows):
        rows = [f"[{row}]" for row in rows]
    return f"[{', '.join(rows)}]"


def _array(name: str, value: Any) -> Any:
    """The value itself, if it is numbers in rows of equal length; BindingError otherwise."""
    try:
        array = np.array(value)
        array = array.astype(float) if array.dtype == object else array  # whole numbers of many digits
    except (TypeError, OverflowError):
        raise BindingError(f"the value of {name} holds what is no number; give numbers in lists") from None
    except ValueError:
        raise BindingError(
            f"the value of {name} has rows of unequal length; give as many numbers in each"
        ) from None
    if array.dtype.kind not in "biuf":
        raise BindingError(f"the value of {name} holds what is no number; give numbers in lists")
    return array if array.ndim else array[()]


def _values(path: Path | None) -> dict[str, Any]:
    """The arrays of an .npz file, or of a JSON file, by name."""
    if path is None:
        return {}
    if path.suffix.lower() == ".npy":
        raise DataError(
            f"{path}: holds one array without a name; save it with np.savez({str(path.stem)!r}, x=array)"
        )
    return _from_json(path) if path.suffix.lower() == ".json" else _from_npz(path)


def _from_json(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give an .npz or a JSON file") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f'{path}: is no JSON ({error}); write names and numbers, as in {{"x": [1, 2]}}') from None
    if not isinstance(held, dict):
        raise DataError(f'{path}: holds no names; write names and numbers, as in {{"x": [1, 2]}}')
    return {name: _array(name, value) for name, value in held.items()}


def _from_npz(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(info.file_size for info in packed.infolist())
        if size > MOST_BYTES:
            raise DataError(f"{path}: holds {size:,} bytes; {MOST_BYTES:,} are the most")
        with np.load(path, allow_pickle=False) as held:
            return {name: _array(name, held[name]) for name in held.files}
    except ChainruleError:
        raise
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}); give an .npz or a JSON file"
        ) from None
    except (ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"{path}: is no .npz file of numbers ({error}); write it with np.savez") from None


def _poked(written: Iterable[str], found: Trace) -> dict[str, Any]:
    """The values that inputs are moved to; `W[0,1]=2` moves an entry."""
    values: dict[str, Any] = {}
    for text in written:
        entry = _ENTRY.fullmatch(text)
        if entry is None:
            more, shapes = _given([text])
            if shapes:
                raise click.UsageError(f"--poke {text}: gives a shape; move an input to a number or to lists")
            values.update(more)
            continue
        name, places, value = entry.groups()
        row = next((r for r in found.inputs if r.name == name), None)
        if row is None:
            raise BindingError(f"{name} is no input; there are {', '.join(r.name for r in found.inputs)}")
        moved = np.array(values.get(name, row.value))
        place = tuple(int(p) for p in places.split(",") if p.strip())
        try:
            if len(place) != moved.ndim:
                raise IndexError
            moved[place] = _number(name, value)
        except (TypeError, ValueError):
            raise BindingError(
                f"{name}[{places}] is one entry; move it to a number, as in {name}[0]=1.5"
            ) from None
        except IndexError:
            raise BindingError(f"{name}[{places}] is no entry of {name}, which is {list(moved.shape)}") from None
        values[name] = moved
    return values
