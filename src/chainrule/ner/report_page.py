"""A report as one HTML file: the sections in order, each written from the records alone."""

import math
from collections.abc import Callable, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from chainrule.algebra.signature import shape_text
from chainrule.compute.check import Entry, Row
from chainrule.compute.files import written_whole
from chainrule.display import charts, heatmap
from chainrule.display.axes import figure, percent
from chainrule.display.charts import Line, Rule, bar, columns, line_chart, sparkline
from chainrule.display.document import card, document, switches, table
from chainrule.display.language import LANGUAGES, Language, Text, Words, in_html
from chainrule.learn.train import Epoch
from chainrule.ner import report_spans, report_words as w
from chainrule.ner.judged import Judged
from chainrule.ner.metrics import Score, TypeScore
from chainrule.ner.report import Report
from chainrule.ner.report_changes import cases_card, changes_cards
from chainrule.ner.report_mistakes import matrix, mistakes

MOST_EPOCHS = 200  # that are drawn; of more, evenly spaced ones, the best and the last
PAINTS = ("val", "grad", "loc", "neg", "pos", "mute")
BINS = 10
ZERO = 1e-7  # below it the relative error of a difference says nothing
BESIDE = 9  # types, up to which the matrix and the mistakes stand side by side


def page(report: Report, language: Language = "en") -> str:
    """The report as HTML, in both languages; `language` is the one that is shown first."""
    stopped = f'<span class="bad">{in_html(w.INTERRUPTED)}</span>' if report.run.interrupted else ""
    return _written(w.TITLE, report.name, "".join(section(report) for section in SECTIONS), language, stopped)


def judged_page(judged: Judged, name: str, language: Language = "en") -> str:
    """What a model says of a corpus, as HTML: figures, the confusion of types, and its mistakes."""
    s = judged.score
    tiles = _tiled(
        [
            ("F1", percent(s.f1), w.ENTITIES.filled(right=f"{s.correct:,}", gold=f"{s.gold:,}"), ""),
            (w.TYPE_COLUMNS[0], percent(s.precision), w.FOUND.filled(found=f"{s.found:,}"), ""),
            (w.TYPE_COLUMNS[1], percent(s.recall), "", ""),
            (w.ACCURACY, percent(s.accuracy), w.TOKENS.filled(count=f"{s.tokens:,}"), ""),
        ]
    )
    body = f"{tiles}{card(w.TYPES, _type_table(s))}{_confusion(judged)}"
    return _written(w.EVALUATION, name, body, language)


def save(text: str, path: str | Path) -> None:
    """Write a page, whole or not at all. Raises WriteError where the disk refuses."""
    with written_whole(path) as file:
        file.write(text.encode("utf-8", "replace"))


def _written(title: Words, name: str, body: str, language: Language, remark: str = "") -> str:
    """A page with its header around its sections."""
    header = (
        f'<header><h1>{in_html(title)}</h1><span class="mute">{escape(name)}</span>{remark}'
        f'<span class="spacer"></span>{switches(language)}</header>'
    )
    whole = f"{title[LANGUAGES.index(language)]} – {name}"
    styles = (charts.STYLE, heatmap.STYLE, report_spans.STYLE, _beside("report.css"))
    return document(whole, f"{header}<main>{body}</main>", styles, _beside("report.js"), language)


def _beside(name: str) -> str:
    """A file that lies beside this one."""
    return resources.files(__package__).joinpath(name).read_text("utf-8")


# ── at a glance ───────────────────────────────────────────────────────────────────────────────────────


def _tiles(report: Report) -> str:
    run, dev = report.run, report.judged.score
    tokens = report.corpora["train"].tokens * len(run.history)
    sizes = {
        name: math.prod(n for n in node.shape if isinstance(n, int))
        for name, node in report.network.parameters.items()
    }
    count = sum(len(row.entries) for row in report.check.rows)
    best = w.BEST_OF.filled(best=run.best_epoch, epochs=len(run.history)) if run.history else w.NO_EPOCH
    tiles: list[Tile] = [(_f1_of("dev"), percent(dev.f1), best, "")]
    if report.test is not None:
        t = report.test
        right = w.ENTITIES.filled(right=f"{t.correct:,}", gold=f"{t.gold:,}")
        tiles.append((_f1_of("test"), percent(t.f1), right, ""))
    speed = w.SPEED.filled(speed=figure(tokens / run.seconds, 2)) if run.seconds else ""
    moved = sum(sizes[name] for name in report.trained)
    said = w.ALL_TRAINED if moved == sum(sizes.values()) else w.TRAINED.filled(count=f"{moved:,}")
    sound = (w.AGREES, "good") if report.check.ok else (w.WRONG, "bad")
    tiles += [
        (w.TRAINED_IN, _clock(run.seconds), speed, ""),
        (w.NUMBERS, f"{sum(sizes.values()):,}", said, ""),
        (w.CHECK, sound[0], w.ENTRIES.filled(count=f"{count:,}"), sound[1]),
    ]
    return _tiled(tiles)


Tile = tuple[Text, Text, Text, str]
"""What it is, its value, a remark, further classes."""


def _tiled(tiles: Sequence[Tile]) -> str:
    return (
        '<div class="tiles">'
        + "".join(
            f'<div class="card tile {kind}"><small>{in_html(name)}</small><b>{in_html(value)}</b>'
            f"<small>{in_html(remark)}</small></div>"
            for name, value, remark, kind in tiles
        )
        + "</div>"
    )


def _f1_of(part: str) -> Words:
    return w.F1_OF.filled(part=w.PARTS[part])


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{seconds:.1f} s" if seconds < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


# ── curves ────────────────────────────────────────────────────────────────────────────────────────────


def _kept(report: Report) -> list[Epoch]:
    """The epochs that are drawn."""
    history = report.run.history
    stride = -(-len(history) // MOST_EPOCHS)
    always = {report.run.best_epoch, len(history)}
    return [e for k, e in enumerate(history) if k % max(stride, 1) == 0 or k + 1 in always]


def _chart(report: Report, title: Text, lines: Sequence[Line], **more: Any) -> str:
    return line_chart(title, [e.epoch for e in _kept(report)], lines, best=report.run.best_epoch, **more)


def _figures(report: Report, name: str) -> list[float]:
    return [float(e.figures.get(name, math.nan)) for e in _kept(report)]


def _curves(report: Report) -> str:
    kept = _kept(report)
    losses = [
        Line(w.PARTS["train"], [e.train_loss for e in kept], "grad", smooth=True, dashed=True),
        Line(w.PARTS["dev"], _figures(report, "dev_loss"), "loc", smooth=True),
    ]
    f1 = [Line(Words("F1", "F1"), _figures(report, "dev_f1"), "val", smooth=True)]
    return card(
        w.CURVES,
        '<div class="pair">'
        + _chart(report, w.LOSS, losses, remark=w.LOSS_REMARK)
        + _chart(report, w.F1, f1, remark=w.F1_REMARK, write=lambda v: _short(100 * v))
        + "</div>",
    )


def _short(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}".rstrip("0").rstrip(".")


def _inside(report: Report) -> str:
    """Learning rate, gradients and moves of each parameter, hidden units."""
    kept = _kept(report)
    rates = [Line(w.COLUMNS["rate"], [e.learning_rate for e in kept], "neg")]
    norms = _of_parameters(report, lambda e: e.norms)
    moves = _of_parameters(report, lambda e: e.moves)
    steps = -(-report.corpora["train"].tokens // int(report.settings["batch_size"]))
    thumb = Rule(w.THUMB, 1e-3 * math.sqrt(steps))
    return card(
        w.LAYERS,
        '<div class="pair">'
        + _chart(report, w.NORMS, norms, remark=w.NORMS_REMARK, log=True)
        + _chart(report, w.MOVES, moves, remark=w.MOVES_REMARK, log=True, rule=thumb)
        + _chart(report, w.RATE, rates, remark=w.RATE_REMARK)
        + _units(report)
        + "</div>"
        + _layers(report),
    )


def _of_parameters(report: Report, values: Callable[[Epoch], Any]) -> list[Line]:
    kept = _kept(report)
    return [
        Line(name, [float(values(e).get(name, math.nan)) for e in kept], PAINTS[k % len(PAINTS)], dashed=k > 2)
        for k, name in enumerate(report.network.parameters)
        if name in report.trained
    ]


def _units(report: Report) -> str:
    blocked, windows = report.units.blocked, report.units.windows
    places = [min(int(BINS * share), BINS - 1) for share in blocked] if windows else []
    labels = [f"{10 * k}–{10 * (k + 1)}" for k in range(BINS)]
    said = w.UNITS_REMARK.filled(dead=report.units.dead, count=len(blocked), windows=f"{windows:,}")
    return columns(w.UNITS, [places.count(k) for k in range(BINS)], labels, w.UNITS_AXIS, remark=said)


def _layers(report: Report) -> str:
    kept = _kept(report)
    rows = []
    for name, node in report.network.parameters.items():
        cells = [f"<b>{escape(name)}</b>", shape_text(node.shape), in_html(_meaning(name))]
        for values in ([e.norms.get(name, math.nan) for e in kept], [e.moves.get(name, math.nan) for e in kept]):
            moved = name in report.trained
            cells += [sparkline(values, log=True) if moved else in_html(w.FIXED)]
            cells += [figure(values[-1], 3) if moved and values else ""]
        rows.append(cells)
    return table(w.LAYER_COLUMNS, rows, "layers")


def _meaning(parameter: str) -> Text:
    feature = parameter.removeprefix("K_")
    return w.MEANINGS[parameter] if feature == parameter else w.VECTORS_OF.filled(feature=feature)


def _epochs(report: Report) -> str:
    rows, marks = [], []
    for e in _kept(report):
        f = {name: float(e.figures.get(name, math.nan)) for name in w.COLUMNS}
        shares = [percent(f[name]) for name in ("dev_precision", "dev_recall", "dev_f1")]
        rows.append(
            [
                str(e.epoch),
                figure(e.train_loss),
                figure(f["dev_loss"]),
                *shares,
                figure(e.learning_rate, 3),
                figure(e.gradient_norm, 3),
                f"{e.seconds:.2f}",
            ]
        )
        marks.append(f'data-epoch="{e.epoch}"' + (' class="best"' if e.epoch == report.run.best_epoch else ""))
    total = len(report.run.history)
    cut = w.THINNED.filled(shown=len(rows), epochs=total) if len(rows) < total else ""
    remark = f'<p class="remark">{in_html(cut)}</p>' if cut else ""
    return card(w.EPOCHS, f'<div class="epochs">{table(list(w.COLUMNS.values()), rows, "", marks)}</div>{remark}')


# ── figures ───────────────────────────────────────────────────────────────────────────────────────────


def _types(report: Report) -> str:
    scores: list[tuple[Text, Score]] = [(w.HELD_OUT if report.held_out else w.DEV, report.judged.score)]
    if report.test is not None:
        scores.append((w.PARTS["test"], report.test))
    kind = "" if len(scores) == 1 else "half"
    return "".join(card(_titled(w.TYPES, name), _type_table(score), kind) for name, score in scores)


def _titled(title: Words, part: Text) -> Words:
    pair = part if isinstance(part, Words) else Words(part, part)
    return Words(*(f"{a} – {b}" for a, b in zip(title, pair, strict=True)))


def _type_table(score: Score) -> str:
    whole: list[tuple[str, TypeScore]] = [(escape(label[:40]), s) for label, s in score.by_type.items()]
    rows = [
        [
            label,
            *(percent(v) for v in (s.precision, s.recall, s.f1)),
            bar(s.f1, (s.precision, s.recall)),
            *(f"{n:,}" for n in (s.gold, s.found, s.correct)),
        ]
        for label, s in (*whole, (in_html(w.ALL), score))
    ]
    return table(("", *w.TYPE_COLUMNS), rows, "types", [""] * len(whole) + ['class="total"'])


def _changes(report: Report) -> str:
    return changes_cards(report.changes)


def _cases(report: Report) -> str:
    return cases_card(report.cases)


def _mistakes(report: Report) -> str:
    return _confusion(report.judged)


def _confusion(judged: Judged) -> str:
    kind = "half tall" if len(judged.score.confusion) <= BESIDE else ""
    pair = (w.MATRIX, matrix(judged), "confusion"), (w.MISTAKES, mistakes(judged), "mistakes")
    return "".join(card(title, body, kind, anchor) for title, body, anchor in pair)


# ── the network ───────────────────────────────────────────────────────────────────────────────────────


def _formula(report: Report) -> str:
    sizes = ", ".join(
        f"{letter} = {n:,}" for letter, n in report.network.sizes.items() if isinstance(n, int) and n
    )
    proof = report.derivation.proof
    said = (
        w.FORMULA_REMARK.filled(sizes=sizes),
        w.PROVED.filled(draws=proof.draws, error=figure(proof.error, 1)),
    )
    remarks = "".join(f'<p class="remark">{in_html(text)}</p>' for text in said)
    return card(w.FORMULA, f'<div class="formula">{report.derivation.mathml()}</div>{remarks}', "half")


def _check(report: Report) -> str:
    rows = []
    for row in report.check.rows:
        name = f"<b>{escape(row.name)}</b>" + (
            f" <small>{in_html(w.ROWS_USED)}</small>" if row.name == "E" else ""
        )
        worst = _worst(row)
        numbers = ["", "", "", ""]
        if worst is not None:
            numbers = [figure(worst.error, 2), str(list(worst.at)), figure(worst.claimed), figure(worst.numeric)]
        sign = f'<span class="{"ok" if row.verdict == "ok" else "bad"}">{in_html(w.VERDICTS[row.verdict])}</span>'
        rows.append([name, shape_text(row.shape), f"{len(row.entries):,}", *numbers, sign])
    remark = f'<p class="remark">{in_html(w.CHECKED_REMARK)}</p>'
    return card(w.CHECKED, table(w.CHECK_COLUMNS, rows, "check") + remark, "half")


def _worst(row: Row) -> Entry | None:
    """The entry that speaks loudest; of what agrees, one that is not all but 0, where rounding is everything."""
    felt = [e for e in row.entries if max(abs(e.claimed), abs(e.numeric)) > ZERO]
    return max(felt, key=lambda e: e.error) if felt and row.verdict == "ok" else row.worst


# ── data and settings ─────────────────────────────────────────────────────────────────────────────────


def _data(report: Report) -> str:
    labels = sorted({label for corpus in report.corpora.values() for label in corpus.labels})[:40]
    rows = []
    for part, corpus in report.corpora.items():
        name = in_html(w.HELD_OUT if part == "dev" and report.held_out else w.PARTS[part])
        counts = (len(corpus.sentences), corpus.tokens, corpus.entities, corpus.documents)
        share = report.unknown.get(part, math.nan)
        by_label = [f"{corpus.counts.get(label, 0):,}" for label in labels]
        cells = [name, escape(corpus.path.name), *(f"{n:,}" for n in counts), f"{percent(share)} %", *by_label]
        rows.append(cells)
    return card(w.DATA, table(("", *w.DATA_COLUMNS.values(), *labels), rows))


def _settings(report: Report) -> str:
    changed = report.changed
    bold = "<b>{}</b>".format
    rows = [
        [bold(cell) if name in changed else cell for cell in (escape(name), escape(_said(value)))]
        for name, value in report.settings.items()
    ]
    half = -(-len(rows) // 2)
    pair = "".join(table(("", ""), part, "words") for part in (rows[:half], rows[half:]))
    remark = f'<p class="remark">{in_html(w.SETTINGS_REMARK)}</p>'
    versions = [[escape(n), escape(v)] for n, v in report.versions.items()]
    return card(w.SETTINGS, f'<div class="pair">{pair}</div>{remark}', "two") + card(
        w.VERSIONS, table(("", ""), versions, "words"), "third"
    )


def _said(value: Any) -> str:
    return "∞" if value == math.inf else f"{value:g}" if isinstance(value, float) else str(value)


SECTIONS: Sequence[Callable[[Report], str]] = (
    _tiles,
    _curves,
    _changes,
    _types,
    _mistakes,
    _cases,
    _inside,
    _formula,
    _check,
    _epochs,
    _data,
    _settings,
)
