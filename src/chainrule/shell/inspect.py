"""`chainrule inspect`: what tagged data holds, and which of its labels look wrong."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.cells import cell_len

from chainrule.display.axes import percent
from chainrule.errors import counted
from chainrule.ner.formats import read_any
from chainrule.ner.inspect import Conflict, Inspection, Overlap, Place, Unknown, overlap, unknown
from chainrule.ner.inspect_folds import Doubt, Doubts, doubts_by_folds, doubts_of
from chainrule.ner.tagger import Tagger
from chainrule.ner.vectors import read_vectors
from chainrule.shell.evaluate import note_units

EPILOG = """\b
Examples:
  chainrule inspect train.conll
  chainrule inspect train.jsonl --no-folds
  chainrule inspect test.conll --against train.conll --vectors vectors.bin
  chainrule inspect new.conll --model runs/mine --top 50
  chainrule inspect train.conll --format json > facts.json
"""
PATH = click.Path(path_type=Path)
AROUND = 4  # tokens of the sentence on both sides of what is in doubt
PLACES = 3  # in a row of the terminal
LISTED = 5  # conflicts, copies, odd tokens of a kind
TEXT, JSON = "text", "json"
Row = Sequence[str]


@click.command(epilog=EPILOG)
@click.argument("data", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--against", type=PATH, help="Other tagged data, such as what a model is trained on.")
@click.option("--vectors", type=PATH, help="Word vectors: which words have none; the judging taggers use them.")
@click.option(
    "--model", type=PATH, help="A model folder: its words, its F1, and its doubts in place of the folds'."
)
@click.option(
    "--folds", type=click.IntRange(min=2), default=5, show_default=True, help="Parts that are judged in turn."
)
@click.option("--no-folds", is_flag=True, help="Train nothing: leave suspicious labels out, the slow part.")
@click.option(
    "--top", type=click.IntRange(min=0), default=20, show_default=True, help="Suspicious labels to list."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the folds and taggers.")
@click.option("--format", "form", type=click.Choice([TEXT, JSON]), default=TEXT, show_default=True, help="Output.")
def command(
    data: Path,
    against: Path | None,
    vectors: Path | None,
    model: Path | None,
    folds: int,
    no_folds: bool,
    top: int,
    seed: int,
    form: str,
) -> None:
    """Look at tagged DATA, in any format that convert reads: sizes, copies, odd tokens, labels at odds.

    Labels are suspicious where taggers that were trained on the rest of DATA contradict them with confidence.
    """
    found = Inspection(read_any(data))
    given = None if vectors is None else read_vectors(vectors)
    tagger = None if model is None else Tagger.load(model)
    other = None if against is None else Inspection(read_any(against))
    known = {
        "against": None if other is None else other.corpus,
        "vectors": given,
        "model": None if tagger is None else tagger.vocabulary,
    }
    doubts: Doubts | None = None
    if tagger is not None:
        note_units(tagger, found.corpus)
        doubts = doubts_of(tagger, found.corpus)
    elif not no_folds and found.corpus.entities and len(found.corpus.sentences) > 1:
        doubts = doubts_by_folds(found.corpus, folds, vectors=given, seed=seed, watch=_said(folds))
    told = Told(
        found,
        {name: unknown(found, what) for name, what in known.items() if what is not None},
        None if other is None else overlap(found, other),
        doubts,
        top,
    )
    click.echo(json.dumps(told.as_dict(), ensure_ascii=False) if form == JSON else told.text())


def _said(folds: int) -> Any:
    return lambda fold: click.echo(f"  training on all but part {fold} of {folds} …", err=True)


class Told(NamedTuple):
    """Everything that was found out."""

    found: Inspection
    unknown: dict[str, Unknown]
    overlap: Overlap | None
    doubts: Doubts | None
    top: int

    # ── JSON ──────────────────────────────────────────────────────────────────────────────────────────

    def as_dict(self) -> dict[str, Any]:
        """Everything, with every place; suspicious labels as many as were asked for."""
        found, corpus = self.found, self.found.corpus
        lengths = found.lengths
        return {
            "file": str(corpus.path),
            "notes": list(corpus.notes),
            "scheme": corpus.scheme,
            "unit": "characters" if corpus.characters else "words",
            "documents": corpus.documents,
            "sentences": len(corpus.sentences),
            "tokens": corpus.tokens,
            "names": corpus.entities,
            "labels": [label._asdict() for label in found.labels],
            "lengths": {**lengths._asdict(), "where": found.at(lengths.where)},
            "copies": [{"places": list(map(found.at, c.sentences)), "alike": c.alike} for c in found.copies],
            "illegal": [{"place": found.at(m.place), "before": m.before, "after": m.after} for m in found.illegal],
            "odd": [{"kind": odd.kind, "places": self._at(odd.places)} for odd in found.odd],
            "several_labels": [self._conflict(c) for c in found.several],
            "partly_labelled": [self._conflict(c) for c in found.partly],
            "unknown": {name: what._asdict() for name, what in self.unknown.items()},
            "overlap": self._overlap(),
            "suspicious": self._suspicious(),
        }

    def _at(self, places: Iterable[Place]) -> list[str]:
        return [self.found.at(place) for place in places]

    def _conflict(self, conflict: Conflict) -> dict[str, Any]:
        return {"text": conflict.text, "places": {label: self._at(at) for label, at in conflict.places.items()}}

    def _overlap(self) -> dict[str, Any] | None:
        if self.overlap is None:
            return None
        return {**self.overlap._asdict(), "sentences": list(map(self.found.at, self.overlap.sentences))}

    def _suspicious(self) -> dict[str, Any] | None:
        if self.doubts is None:
            return None
        return {
            "by": "folds" if self.doubts.folds else "model",
            "folds": self.doubts.folds,
            "f1": self.doubts.score.f1,
            "count": len(self.doubts.doubts),
            "labels": [self._doubt(doubt) for doubt in self.doubts.doubts[: self.top]],
        }

    def _doubt(self, doubt: Doubt) -> dict[str, Any]:
        tokens = self.found.corpus.sentences[doubt.sentence].tokens
        return {
            "place": self.found.at(Place(doubt.sentence, doubt.start)),
            "text": self.found.text(doubt.sentence, doubt.span),
            "given": doubt.given,
            "predicted": doubt.predicted,
            "probability": round(doubt.probability, 4),
            "sentence": tokens,
            "start": doubt.start,
            "end": doubt.end,
        }

    # ── text ──────────────────────────────────────────────────────────────────────────────────────────

    def text(self) -> str:
        """Sections for a terminal; what there is nothing to say about has none."""
        parts = [self._head(), self._labels(), self._facts(), self._conflicts(), self._against(), self._doubts()]
        return "\n" + "\n\n".join("\n".join(lines) for lines in map(list, parts) if lines) + "\n"

    def _head(self) -> Iterator[str]:
        corpus = self.found.corpus
        yield from (f"  {note}" for note in (corpus.path.name, *corpus.notes))

    def _labels(self) -> Iterable[str]:
        head = ("label", "names", "distinct", "tokens", "at most")
        rows = [
            (n.label, f"{n.names:,}", f"{n.distinct:,}", f"{n.mean:.1f}", str(n.longest))
            for n in self.found.labels
        ]
        return _table([head, *rows]) if rows else ["  no names"]

    def _facts(self) -> Iterator[str]:
        found, lengths = self.found, self.found.lengths
        longest = _tail(found.at(lengths.where))
        yield (
            f"  sentences have {lengths.least} to {lengths.most} tokens ({longest}), half of them at most "
            f"{lengths.median}, nine in ten at most {lengths.most_of}"
        )
        if copies := found.copies:
            apart = [c for c in copies if not c.alike]
            said = f", {len(apart):,} of them tagged differently" if apart else ""
            yield f"  {counted(len(copies), 'sentence')} more than once{said}"
            yield from (f"    {_places(map(found.at, c.sentences))}" for c in apart[:LISTED])
        if moves := found.illegal:
            yield f"  {counted(len(moves), 'transition')} that {found.corpus.scheme} does not allow"
            yield from (f"    {_tail(found.at(m.place))}   {m.before} {m.after}" for m in moves[:LISTED])
        for odd in found.odd:
            yield f"  {counted(len(odd.places), 'token')} {odd.kind}   {_places(self._at(odd.places))}"

    def _conflicts(self) -> Iterator[str]:
        titles = {
            "string with several labels": self.found.several,
            "string with a label in some places only": self.found.partly,
        }
        for k, (title, conflicts) in enumerate((t, c) for t, c in titles.items() if c):
            yield from [""] * bool(k)
            noun, _, rest = title.partition(" ")
            yield f"  {counted(len(conflicts), noun)} {rest}"
            rows = [
                (
                    _shown(c.text),
                    " · ".join(f"{label} {len(at)}" for label, at in c.places.items()),
                    self._rarest(c),
                )
                for c in conflicts[:LISTED]
            ]
            yield from (f"    {row}" for row in _aligned(rows))

    def _rarest(self, conflict: Conflict) -> str:
        """Where a string has its rarest label."""
        return _places(self._at(list(conflict.places.values())[-1]))

    def _against(self) -> Iterator[str]:
        for name, what in self.unknown.items():
            words = ", ".join(f"{_shown(word)} {n}" for word, n in what.words[:LISTED])
            yield (
                f"  unknown to {_KNOWN[name]}: {percent(what.tokens)} % of the tokens, {percent(what.of_names)} % "
                f"of those of names" + (f" ({words} …)" if words else "")
            )
        if (o := self.overlap) is not None:
            yield (
                f"  names: {percent(o.same)} % are there with the same label, {percent(o.other)} % with another, "
                f"{percent(o.new)} % are new"
            )
            yield "    " + " · ".join(f"{label} {same:,} of {n:,}" for label, (same, n) in o.by_label.items())
            if o.labels:
                yield f"  labels that are not there: {', '.join(o.labels)}"
            if o.sentences:
                places = _places(map(self.found.at, o.sentences))
                yield f"  {counted(len(o.sentences), 'sentence')} of both: {places}"

    def _doubts(self) -> Iterator[str]:
        if self.doubts is None:
            return
        by = f"{self.doubts.folds} parts, each judged by the rest" if self.doubts.folds else "judged by the model"
        shown, f1 = self.doubts.doubts[: self.top], 100 * self.doubts.score.f1
        yield f"  suspicious labels: {len(shown)} of {len(self.doubts.doubts):,} ({by}; F1 {f1:.1f})"
        rows = [
            (
                _tail(self.found.at(Place(d.sentence, d.start))),
                d.given,
                "→",
                d.predicted,
                f"{d.probability:.2f}",
                self._context(d),
            )
            for d in shown
        ]
        yield from (f"    {row}" for row in _aligned(rows))

    def _context(self, doubt: Doubt) -> str:
        """The tokens in doubt in brackets, with a few around them."""
        tokens = self.found.corpus.sentences[doubt.sentence].tokens
        first, last = max(0, doubt.start - AROUND), doubt.end + AROUND
        between = "" if self.found.corpus.characters else " "
        parts = (
            tokens[first : doubt.start],
            [f"[{self.found.text(doubt.sentence, doubt.span)}]"],
            tokens[doubt.end : last],
        )
        inner = " ".join(_clean(between.join(part)) for part in parts if part)
        return "… " * (first > 0) + inner + " …" * (last < len(tokens))


_KNOWN = {"against": "the other data", "vectors": "the vectors", "model": "the model"}


def _places(places: Iterable[str]) -> str:
    """The first places; of those in the same file the lines alone."""
    listed = list(places)
    first, *others = map(_tail, listed[:PLACES])
    path = first.rpartition(":")[0]
    more = f" … {len(listed) - PLACES:,} more" if len(listed) > PLACES else ""
    return ", ".join([first, *(place.removeprefix(path) for place in others)]) + more


def _tail(place: str) -> str:
    """A place without the folders in front."""
    return place.rpartition("/")[2]


def _clean(text: str) -> str:
    """A text that moves no cursor."""
    return "".join(c if c.isprintable() else "·" for c in text)


def _shown(text: str) -> str:
    shown = _clean(text)
    return shown if len(shown) <= 32 else shown[:31] + "…"


def _aligned(rows: Sequence[Row]) -> Iterator[str]:
    """Rows with their columns under one another."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(c + " " * (w - cell_len(c)) for c, w in zip(row, widths, strict=True)).rstrip()


def _table(rows: Sequence[Row]) -> list[str]:
    """Rows below a head with a rule, the first column to the left, the others to the right."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [" " * (w - cell_len(c)) + c for c, w in zip(others, widths[1:], strict=True)]
        lines.append("   ".join([first + " " * (widths[0] - cell_len(first)), *cells]))
    return [f"  {line}" for line in (lines[0], "─" * (sum(widths) + 3 * (len(widths) - 1)), *lines[1:])]
