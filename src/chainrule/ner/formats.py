"""Annotated text from one format to another, and from any format into a corpus.

Everything passes through `Record`, a text with names; `formats_table` says what there is, `formats_detect` which
a file is in; `formats_fit` makes names fit, and reports each that did not.
"""

import gzip
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from chainrule.compute.files import written_whole
from chainrule.errors import DataError, WriteError, counted
from chainrule.learn.choose import choose
from chainrule.ner.corpus import Corpus, Sentence, corpus_in
from chainrule.ner.formats_brat import write_brat
from chainrule.ner.formats_conll import BLANKS, TABS, Reading, Writing, tags_in
from chainrule.ner.formats_detect import Detected, brat_evidence, detect_format, target_format
from chainrule.ner.formats_fit import POLICIES, UNITS_OF_TEXT, Demands, Fitting, fitted
from chainrule.ner.formats_record import AUTO, UNITS, Misfit, Record, Report
from chainrule.ner.formats_table import TAGS, claimed, formats
from chainrule.ner.source import Source, StrPath, opened, place_of
from chainrule.ner.tags import SCHEMES, Scheme

# ── reading ───────────────────────────────────────────────────────────────────────────────────────────


class Opened(NamedTuple):
    """A file whose format is known, and its records as they are read."""

    found: Detected
    records: Iterator[Record]
    source: Source | None


@contextmanager
def records_in(path: StrPath, form: str | None = None, reading: Reading | None = None) -> Iterator[Opened]:
    """The records of a file, folder or standard input (`-`), in the format given or detected; DataError."""
    path, reading = Path(path), reading or Reading()
    if form is not None:
        choose("format", form, formats())
    whole = Detected(form, "as asked") if form else _by_path(path)
    fetch = formats()[whole.form].fetch if whole else None
    if whole and fetch:
        yield Opened(whole, fetch(path, reading), None)
        return
    with opened(path) as source:
        found = whole or detect_format(source)
        read = formats()[found.form].read
        yield Opened(found, iter(()) if read is None else read(source, reading), source)


def _by_path(path: Path) -> Detected | None:
    """The format of what is no one text, if it is one of these."""
    if str(path) == "-":
        return None
    if standoff := brat_evidence(path):
        return Detected("brat", standoff)
    return Detected(*known) if (known := claimed(path)) else None


def read_any(path: StrPath, *, form: str | None = None, tokens: str = "words") -> Corpus:
    """Read tagged sentences from a file in any format, detected from its name and content; `-` for standard input.

    Text that has no tokens is cut into `tokens`, words or characters, and where names begin and end.  The notes
    of the corpus say which format it is, why, and what did not fit.  Raises DataError, `path:line: cause; repair`.
    """
    choose("kind of token", tokens, UNITS_OF_TEXT)
    with records_in(path, form) as given:
        if given.found.form in ("conll", "conll2003") and given.source is not None:
            return corpus_in(given.source)
        report = Report()
        demands = replace(TAGS, apart=TABS)
        sentences = tuple(
            Sentence(record.words(), tags_in(record, "IOB2"), _line(record.place), record.document)
            for record in fit_all(given.records, demands, Fitting(tokens=tokens), report, {})
        )
    if not sentences:
        raise DataError(f"{path}: no sentences; write texts and their names")
    corpus = Corpus(Path(path), sentences, "IOB2")
    counts = {"sentence": len(sentences), "token": corpus.tokens, "name": corpus.entities}
    size = ", ".join(counted(count, noun) for noun, count in counts.items())
    kinds = [f"{counted(n, 'name')}: {cause}, {done}" for (cause, done), n in report.kinds.most_common(5)]
    return replace(corpus, notes=(size, f"{given.found.form}: {given.found.evidence}", *kinds, *report.remarks()))


def read_parts(path: StrPath) -> dict[str, Corpus]:
    """What a name stands for: train, and dev and test where it has these, each as `read_any` reads it."""
    known = claimed(path)
    parts = formats()[known[0]].parts if known else None
    named = parts(Path(path)) if parts else {"train": path}
    return {part: read_any(name) for part, name in named.items()}


def _line(place: str) -> int:
    number = place.rpartition(":")[2]
    return int(number) if number.isdigit() else 1


# ── from one to another ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Conversion:
    """What was read and written in which format, and the report of it."""

    read: Detected
    written: str
    report: Report = field(default_factory=Report)


def convert_file(
    source: StrPath,
    target: StrPath,
    *,
    form: str | None = None,
    to: str | None = None,
    scheme: Scheme = "IOB2",
    separator: str | None = None,
    columns: tuple[int, int] | None = None,
    tokens: str | None = None,
    whole: bool = False,
    offsets: str = AUTO,
    misaligned: str = "cut",
    rename: Mapping[str, str] | None = None,
    watch: Callable[[Misfit], None] = lambda _: None,
) -> Conversion:
    """Write annotated text in another format; `-` is standard input or output, `.gz` is packed.

    `form` and `to` are names of formats: by default what is detected, and what the name of the target says; on
    standard output the same again.  `tokens`
    is what a text is cut into, `words`, `characters` or at `spaces`; `whole` takes each text for one sentence.
    `misaligned` says what becomes of names whose ends are not those of tokens; the report lists them.  `rename`
    gives labels other names, and leaves out what it calls O.  The target is written whole or not at all.

    Raises DataError for what cannot be read or held, SettingError for an unknown name, WriteError.
    """
    choose("scheme", scheme, {s: s for s in SCHEMES})
    choose("policy", misaligned, POLICIES)
    choose("unit of offsets", offsets, {AUTO: "", **UNITS})
    if tokens is not None:
        choose("kind of token", tokens, UNITS_OF_TEXT)
    to = to or (None if str(target) == "-" else target_format(target))
    if to is not None:
        choose("format", to, formats())
    report = Report(watch=watch)
    with records_in(source, form, Reading(columns, tokens, offsets)) as given:
        to = to or given.found.form
        demands = formats()[to].demands
        if demands.apart is TABS and separator == " ":
            demands = replace(demands, apart=BLANKS)
        fitting = Fitting(misaligned, tokens or "words", whole)
        reads_text = "text" in formats()[given.found.form].holds
        records = given.records
        if tokens is not None and reads_text:
            records = (replace(record, tokens=None, columns=()) for record in records)
        kept = _kept(fit_all(records, demands, fitting, report, rename or {}), formats()[to].holds, report)
        checked = _refusing(kept, misaligned, report, place_of(source))
        if to == "brat":
            if str(target) == "-":
                raise DataError("standard output: brat is files; give the name of a folder")
            write_brat(checked, Path(target))
        else:
            write = formats()[to].write
            if write is None:
                raise DataError(f"{place_of(target)}: {to} is read, but not written; name another format")
            with _sink(target) as stream:
                write(checked, stream, Writing(scheme, separator))
    return Conversion(given.found, to, report)


def fit_all(
    records: Iterable[Record], demands: Demands, fitting: Fitting, report: Report, rename: Mapping[str, str]
) -> Iterator[Record]:
    """Records as a format asks for them, and a report of what did not fit."""
    for record in records:
        report.read(record)
        names = tuple(
            name._replace(label=rename.get(name.label, name.label))
            for name in record.names
            if rename.get(name.label) != "O"
        )
        parts, misfits, lost = fitted(replace(record, names=names), demands, fitting)
        report.add(misfits)
        report.lost.update(lost)
        for part in parts:
            report.written(part)
            yield part


def _kept(records: Iterable[Record], holds: frozenset[str], report: Report) -> Iterator[Record]:
    """Take note of what a format cannot hold; DataError for what no reader of it would take."""
    for record in records:
        if "\0" in record.text and "nul" not in holds:
            raise DataError(f"{record.place}: the text holds a NUL character, which the format cannot; remove it")
        has = {
            "score": sum(name.score is not None for name in record.names),
            "id": record.key is not None,
            "meta": bool(record.meta),
            "columns": bool(record.columns),
        }
        for what, count in has.items():
            if count and what not in holds:
                report.lost[what] += int(count)
        yield record


def _refusing(records: Iterable[Record], policy: str, report: Report, place: str) -> Iterator[Record]:
    """At the end of all records, an error if there were none, or one did not fit that had to."""
    yield from records
    if not report.sentences:
        raise DataError(f"{place}:1: no sentences; give texts with their names, or tokens with their tags")
    if policy == "error" and report.kinds:
        shown = "\n".join(f"  {m.place}  {m.text!r} {m.label}  {m.cause}" for m in report.misfits[:10])
        more = sum(report.kinds.values()) - 10
        raise DataError(
            f"{counted(sum(report.kinds.values()), 'name')} do not fit, nothing is written:\n{shown}"
            + (f"\n  and {more:,} more" if more > 0 else "")
        )


@contextmanager
def _sink(target: StrPath) -> Iterator[BinaryIO]:
    """Where bytes go: standard output, or a file that takes its name at the end; packed if it ends in .gz."""
    if str(target) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if Path(target).is_dir():
        raise WriteError(f"{target}: is a folder; name a file in it")
    with written_whole(target) as file:
        if not str(target).endswith(".gz"):
            yield file
            return
        with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
            yield cast("BinaryIO", packed)
