"""`chainrule convert`: annotated text from one format to another; every name that does not fit is reported."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.cells import cell_len
from rich.text import Text

from chainrule.compute.files import written_whole
from chainrule.errors import DataError, counted
from chainrule.ner.formats import Conversion, convert_file
from chainrule.ner.formats_fit import POLICIES, UNITS_OF_TEXT
from chainrule.ner.formats_record import AUTO, UNITS, Misfit
from chainrule.ner.formats_table import formats
from chainrule.ner.tags import SCHEMES
from chainrule.shell.terminal import console

EPILOG = """\b
Examples:
  chainrule convert annotations.jsonl train.conll
  chainrule convert eng.train train.jsonl --to prodigy
  chainrule convert train.conll - --scheme BIOES
  chainrule convert export.json train.conll --misaligned error
  chainrule convert train.conll corpus/ --to brat

\b
Formats:
""" + "\n".join(f"  {name:<14}  {form.says}" for name, form in formats().items())

SEPARATORS: Mapping[str, str] = {"tab": "\t", "blank": " ", "comma": ",", "semicolon": ";"}
SHOWN = 10  # names that do not fit, in the terminal
PATH = click.Path(path_type=Path, allow_dash=True)


@click.command(epilog=EPILOG)
@click.argument("source", metavar="IN", type=PATH)
@click.argument("target", metavar="OUT", type=str)
@click.option(
    "--from",
    "form",
    metavar="FORMAT",
    type=click.Choice(list(formats())),
    help="One of the formats below [by name and content of IN].",
)
@click.option(
    "--to",
    metavar="FORMAT",
    type=click.Choice(list(formats())),
    help="Likewise [by the name of OUT; for - that of IN].",
)
@click.option(
    "--scheme",
    type=click.Choice(SCHEMES),
    default="IOB2",
    show_default=True,
    help="Tags in OUT, where it has tags.",
)
@click.option("--separator", type=click.Choice(list(SEPARATORS)), help="Between columns of OUT.")
@click.option("--columns", metavar="TOKEN,TAG", help="Columns of IN, from 1; from the end with -1.")
@click.option(
    "--tokens", type=click.Choice(list(UNITS_OF_TEXT)), help="What text is cut into, or what the tokens of IN are."
)
@click.option("--whole", is_flag=True, help="Each text is one sentence, and is not cut into several.")
@click.option(
    "--offsets",
    type=click.Choice([AUTO, *UNITS]),
    default=AUTO,
    show_default=True,
    help="What the offsets of IN count.",
)
@click.option(
    "--misaligned",
    type=click.Choice(list(POLICIES)),
    default="cut",
    show_default=True,
    help="; ".join(f"{name}: {says}" for name, says in POLICIES.items()) + ".",
)
@click.option("--strict", "misaligned", flag_value="error", help="The same as --misaligned error.")
@click.option("--rename", "pairs", multiple=True, metavar="OLD=NEW", help="A label of IN; =O leaves it out.")
@click.option(
    "--report", type=click.Path(path_type=Path), help="Write every name that does not fit as JSON lines."
)
@click.option("--quiet", "-q", is_flag=True, help="No report in the terminal.")
@click.option("--json", "as_json", is_flag=True, help="Figures as JSON on standard output.")
def command(
    source: Path,
    target: str,
    columns: str | None,
    separator: str | None,
    pairs: tuple[str, ...],
    report: Path | None,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Write the annotated text IN as OUT, in another format; - is standard input or output, .gz is packed.

    What IN is, is found out and said. A token that holds the border of a name is cut there; what else does not
    fit is left out, and every such name is reported. OUT is written whole or not at all.
    """
    if as_json and target == "-":
        raise click.UsageError("--json and OUT would both be standard output; name a file for OUT")
    with _told(report) as watch:
        done = convert_file(
            source,
            target,
            columns=_columns(columns),
            separator=None if separator is None else SEPARATORS[separator],
            rename=dict(map(_pair, pairs)),
            watch=watch,
            **settings,
        )
    if as_json:
        click.echo(json.dumps(_figures(done), ensure_ascii=False))
    if not (quiet or as_json):
        _say(done, str(source), target, settings["scheme"], report)


def _columns(written: str | None) -> tuple[int, int] | None:
    if written is None:
        return None
    try:
        token, tag = map(int, written.split(","))
    except ValueError:
        raise click.UsageError(
            f"--columns {written}: write the numbers of two columns, as in 1,4 or 2,-1"
        ) from None
    return token, tag


def _pair(text: str) -> tuple[str, str]:
    old, sign, new = text.partition("=")
    if not (old and sign and new):
        raise click.UsageError(f"--rename {text}: write OLD=NEW, as in person=PER")
    return old, new


@contextmanager
def _told(report: Path | None) -> Iterator[Callable[[Misfit], None]]:
    """What is called with every name that does not fit; written even where the conversion is refused."""
    if report is None:
        yield lambda _: None
        return
    refused: DataError | None = None
    with written_whole(report) as file:
        try:
            yield lambda m: _write(file.write, m)
        except DataError as error:
            refused = error
    if refused is not None:
        raise refused from None


def _write(write: Callable[[bytes], object], misfit: Misfit) -> None:
    write(json.dumps(misfit._asdict(), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")


def _figures(done: Conversion) -> dict[str, Any]:
    report = done.report
    return {
        "from": done.read.form,
        "evidence": done.read.evidence,
        "to": done.written,
        "records": report.records,
        "sentences": report.sentences,
        "tokens": report.tokens,
        "names": dict(sorted(report.labels.items())),
        "misfits": [{"cause": c, "done": d, "count": n} for (c, d), n in report.kinds.most_common()],
        "left_out": dict(report.lost),
    }


# ── what is said ──────────────────────────────────────────────────────────────────────────────────────


def _say(done: Conversion, source: str, target: str, scheme: str, path: Path | None) -> None:
    """What was read and written, and what did not fit, on standard error."""
    report, out = done.report, console()
    tags = f", {scheme}" if formats()[done.written].demands.sentences else ""
    rows = [
        ("read", done.read.form, "standard input" if source == "-" else source, done.read.evidence),
        (
            "written",
            done.written,
            "standard output" if target == "-" else target,
            formats()[done.written].says + tags,
        ),
    ]
    out.print()
    for row in _aligned(rows):
        out.print(Text(f"  {row}"))
    sizes = [counted(report.records, "record")]
    sizes += [counted(report.sentences, "sentence")] * (report.sentences != report.records)
    sizes += [counted(report.tokens, "token")] * bool(report.tokens)
    labels = ", ".join(f"{_shown(label)} {count:,}" for label, count in report.labels.most_common(12))
    sizes += [counted(report.names, "name") + (f": {labels}" if labels else "")]
    out.print(Text(f"\n  {' · '.join(sizes)}"))
    if report.kinds:
        _say_misfits(done, path)
    for remark in report.remarks():
        out.print(Text(f"\n  {remark}"))
    out.print()


def _say_misfits(done: Conversion, path: Path | None) -> None:
    report, out = done.report, console()
    total = sum(report.kinds.values())
    lost = f", {report.left_out:,} of them left out" if report.left_out else ", none is lost"
    verb = "does" if total == 1 else "do"
    out.print(Text(f"\n  {counted(total, 'name')} {verb} not fit{lost}", style="yellow"))
    rows = [
        (
            _tail(m.place),
            _shown(m.text),
            _shown(m.label),
            f"{m.start}–{m.end}",
            _shown(m.cause),
            _shown(m.tokens),
            m.done,
        )
        for m in report.misfits[:SHOWN]
    ]
    for row in _aligned(rows):
        out.print(Text(f"    {row}"))
    if total > SHOWN:
        where = f"see {path}" if path else "--report FILE lists all"
        out.print(Text(f"    … {total - SHOWN:,} more; {where}", style="dim"))


def _tail(place: str) -> str:
    """A place without the folders in front."""
    return place.rpartition("/")[2]


def _shown(text: str) -> str:
    """A text that moves no cursor, and is short."""
    shown = "".join(c if c.isprintable() else "·" for c in text)
    return shown if len(shown) <= 32 else shown[:31] + "…"


def _aligned(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows with their columns under one another, empty columns left out."""
    listed = list(rows)
    widths = [max(map(cell_len, column)) for column in zip(*listed, strict=True)]
    for row in listed:
        cells = [cell + " " * (w - cell_len(cell)) for cell, w in zip(row, widths, strict=True) if w]
        yield "  ".join(cells).rstrip()
