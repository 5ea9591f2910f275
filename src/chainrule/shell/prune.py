"""`chainrule prune`: a smaller model that finds the same names."""

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import click
from rich.cells import cell_len

from chainrule.display.axes import figure, percent
from chainrule.ner.corpus import Corpus
from chainrule.ner.folder import BITS
from chainrule.ner.formats import read_any
from chainrule.ner.prune import NEGLIGIBLE, Change, compared, counts, folder_size, prune
from chainrule.ner.tagger import Tagger
from chainrule.shell.evaluate import note_units
from chainrule.shell.train import TRY

EPILOG = """\b
Examples:
  chainrule prune runs/mine --out runs/small
  chainrule prune runs/mine --out runs/small --size 5MB --test test.conll
  chainrule prune runs/mine --out runs/small --words 30000 --data a.conll --data b.jsonl --json
"""

USUAL = "15MB"
UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")
PATH = click.Path(path_type=Path)
Row = tuple[str, ...]


def _bytes(written: str) -> int:
    """A number of bytes, such as 15MB or 800 KiB; a usage error for anything else."""
    match = SIZE.fullmatch(written.strip())
    if match is None or match[2].upper() not in UNITS or not float(match[1]):
        raise click.BadParameter(f"{written!r} is no size; write it as in 15MB, 800KB or 2MiB")
    return int(float(match[1]) * UNITS[match[2].upper()])


@click.command(epilog=EPILOG)
@click.argument("model", type=PATH)
@click.option("--out", type=PATH, required=True, help="Folder for the smaller model.")
@click.option("--size", type=_bytes, metavar="SIZE", help=f"What its files may take [{USUAL}, without --words].")
@click.option(
    "--words", type=click.IntRange(min=0), help="How many words stay, the commonest of the training first."
)
@click.option(
    "--data", type=PATH, multiple=True, help="Tagged data whose words stay, compared by too; repeatable."
)
@click.option(
    "--test", type=PATH, multiple=True, help="Tagged data to compare by, whose words may go; repeatable."
)
@click.option(
    "--bits",
    type=click.Choice([str(bits) for bits in BITS]),
    default="16",
    show_default=True,
    help="Of the numbers in tables of which rows are looked up.",
)
@click.option(
    "--negligible",
    type=click.FloatRange(min=0),
    default=NEGLIGIBLE,
    show_default=True,
    help="Rows of features' own scores within so much of the middle become one; 0 leaves all.",
)
@click.option("--json", "as_json", is_flag=True, help="Figures as JSON.")
def command(
    model: Path,
    out: Path,
    size: int | None,
    words: int | None,
    data: tuple[Path, ...],
    test: tuple[Path, ...],
    bits: str,
    negligible: float,
    as_json: bool,
) -> None:
    """Write MODEL as a smaller one: 16 bits, no vectors of rare words, no scores that are next to nothing.

    Words of the training data stay before those that only the vectors have, and frequent ones before rare ones.
    """
    if size is not None and words is not None:
        raise click.UsageError("give --words or --size, not both")
    if out.resolve() == model.resolve():
        raise click.UsageError(f"--out {out} is MODEL itself; name another folder, for this would lose numbers")
    if size is None and words is None:
        size = _bytes(USUAL)
    tagger = Tagger.load(model)
    kept, others = ({path: read_any(path) for path in paths} for paths in (data, test))
    prune(tagger, words=words, size=size, data=kept.values(), bits=int(bits), negligible=negligible).save(out)
    small = Tagger.load(out)
    done = Done(
        model,
        out,
        tagger,
        small,
        {path: _judged(tagger, small, corpus) for path, corpus in (kept | others).items()},
    )
    click.echo(json.dumps(done.as_dict(), ensure_ascii=False) if as_json else done.text())
    if not as_json:
        click.echo(f'  try: chainrule tag {shlex.quote(str(out))} "{TRY[tagger.config.tokenizer]}"', err=True)


def _judged(before: Tagger, after: Tagger, corpus: Corpus) -> Change:
    note_units(before, corpus)
    return compared(before, after, corpus)


class Done(NamedTuple):
    """A model, the smaller one, and what they say of data."""

    model: Path
    out: Path
    before: Tagger
    after: Tagger
    changes: dict[Path, Change]

    def as_dict(self) -> dict[str, object]:
        """For JSON: pairs of before and after."""
        sizes = [_sizes(self.model, self.before), _sizes(self.out, self.after)]
        return {
            "model": str(self.model),
            "out": str(self.out),
            **{name.replace(" ", "_"): [s[name] for s in sizes] for name in sizes[0]},
            "data": {str(path): change.as_dict() for path, change in self.changes.items()},
        }

    def text(self) -> str:
        """Tables for a terminal."""
        before, after = _sizes(self.model, self.before), _sizes(self.out, self.after)
        rows = [
            (name, _shown(name, before[name]), _shown(name, after[name]))
            for name in before
            if before[name] or after[name]
        ]
        lines = ["", *_table([("", "before", "after"), *rows])]
        for path, change in self.changes.items():
            lines += ["", *_table(_compared(path.name, change))]
        return "\n".join([*lines, ""])


def _sizes(folder: Path, tagger: Tagger) -> dict[str, int]:
    return {"bytes": folder_size(folder), **counts(tagger), "bits of tables": tagger.config.bits}


def _shown(name: str, count: int) -> str:
    return f"{count / 1e6:.1f} MB" if name == "bytes" else f"{count:,}"


def _compared(name: str, change: Change) -> Iterable[Row]:
    both, old, new = change.names
    yield (name, "before", "after")
    yield ("F1", f"{100 * change.before.f1:.2f}", f"{100 * change.after.f1:.2f}")
    yield ("names", f"{both + old:,}", f"{both + new:,}")
    yield ("names that only it has", f"{old:,}", f"{new:,}")
    yield ("unknown tokens, %", *map(percent, change.unknown))
    yield ("change of a probability: largest, mean", *(figure(p, 1) for p in change.probability))


def _table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows below a head with a rule, the first column to the left, the others to the right."""
    listed = list(rows)
    widths = [max(map(cell_len, column)) for column in zip(*listed, strict=True)]
    lines = []
    for first, *others in listed:
        cells = [" " * (w - cell_len(cell)) + cell for cell, w in zip(others, widths[1:], strict=True)]
        lines.append("   ".join([first + " " * (widths[0] - cell_len(first)), *cells]))
    return [f"  {line}" for line in (lines[0], "─" * (sum(widths) + 3 * (len(widths) - 1)), *lines[1:])]
