"""What was measured of the taggers, as text and as Markdown."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, stdev
from typing import Any

from benchmarks.ner.data import Data
from benchmarks.ner.results import Record
from benchmarks.ner.systems import SYSTEMS

BLANK = "–"


@dataclass(frozen=True)
class Row:
    """Figures of one system on one set of data: lists over the seeds, or the reason for which there are none."""

    name: str
    figures: Mapping[str, list[float]]
    speed: float | None
    absent: str

    @property
    def label(self) -> str:
        """What the system is called."""
        return SYSTEMS[self.name].label

    def of(self, figure: str) -> list[float]:
        """The values of a figure."""
        return list(self.figures.get(figure, ()))

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def row(name: str, records: Sequence[Record], speed: float | None) -> Row:
    """The records of all seeds, those that could not be measured left out."""
    present = [record for record in records if "absent" not in record]
    figures = {figure: [record[figure] for record in present] for figure in (present[0] if present else ())}
    absent = "" if present else str(records[0]["absent"])
    return Row(name, figures, speed, absent)


def spread(values: Sequence[float]) -> str:
    """`33.1 ± 0.3`, the standard deviation over the seeds."""
    if not values:
        return BLANK
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


def about(form: str, unit: str = "") -> Callable[[Sequence[float]], str]:
    """A mean, in this form."""
    return lambda values: f"{mean(values):{form}}{unit}" if values else BLANK


Column = tuple[str, Callable[[Row], str]]
TEST: Column = ("test F1", lambda r: spread(r.of("test")))
COSTS: tuple[Column, ...] = (
    ("trained in", lambda r: about(".3g", " s")(r.of("seconds"))),
    ("tokens/s", lambda r: about(",.0f")([r.speed] if r.speed else [])),
    ("loads in", lambda r: about(".2f", " s")(r.of("loading"))),
    ("model", lambda r: about(".1f", " MiB")(r.of("size"))),
    ("memory", lambda r: about(".0f", " MiB")(r.of("memory"))),
)
COLUMNS: tuple[Column, ...] = (("dev F1", lambda r: spread(r.of("dev"))), TEST, *COSTS)


def table(found: Sequence[tuple[Data, Sequence[Row]]]) -> Iterator[str]:
    """For each set of data a table of all systems, and a sentence for each that is absent."""
    for data, rows in found:
        learned, judged = data.parts.train.tokens, data.parts.test.tokens
        yield f"\n{data.title}: {learned:,} tokens to learn from, {judged:,} to judge by"
        head = ["", *(title for title, _ in COLUMNS)]
        lines = [[_plain(r.label), *(cell(r) for _, cell in COLUMNS)] for r in rows if not r.absent]
        widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
        for line in (head, *lines) if lines else ():
            first, *rest = (
                f"{c:<{w}}" if k == 0 else f"{c:>{w}}" for k, (c, w) in enumerate(zip(line, widths, strict=True))
            )
            yield "  ".join(["", first, *rest]).rstrip()
        yield from (f"  {_plain(r.label)}: {r.absent}" for r in rows if r.absent)


def _plain(label: str) -> str:
    return label.replace("*", "").replace("`", "")


def markdown(found: Sequence[tuple[Data, Sequence[Row]]]) -> Iterator[str]:
    """Test F1 on all data, a system a line; the costs on the data where most took part and most is learned."""
    if not found:
        return
    by_data = [(data, {r.name: r for r in rows}) for data, rows in found]
    names = [name for name in SYSTEMS if any(name in rows for _, rows in by_data)]
    costs, dear = max(
        by_data, key=lambda pair: (sum(not r.absent for r in pair[1].values()), pair[0].parts.train.tokens)
    )
    yield "| test F1 | " + " | ".join(data.title for data, _ in by_data) + " |"
    yield "|---" * (1 + len(by_data)) + "|"
    for name in names:
        cells = [TEST[1](rows[name]) if name in rows else BLANK for _, rows in by_data]
        yield f"| {SYSTEMS[name].label} | " + " | ".join(cells) + " |"
    yield ""
    yield f"| on {costs.title}, one thread | " + " | ".join(title for title, _ in COSTS) + " |"
    yield "|---" * (1 + len(COSTS)) + "|"
    for name in names:
        if name in dear and not dear[name].absent:
            yield f"| {SYSTEMS[name].label} | " + " | ".join(cell(dear[name]) for _, cell in COSTS) + " |"
