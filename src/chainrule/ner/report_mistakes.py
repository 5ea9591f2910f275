"""Which types were taken for which: the matrix, and the sentences behind each of its cells."""

from collections.abc import Sequence

from chainrule.display.heatmap import heat_map
from chainrule.display.language import Words, in_html, plain
from chainrule.ner import report_words as w
from chainrule.ner.judged import Case, Judged
from chainrule.ner.report_spans import sentence
from chainrule.ner.tags import OUTSIDE

MOST_TYPES = 32  # rows of the matrix
MOST_SENTENCES, EACH, RIGHT, OPEN = 300, 8, 3, 3  # in all, of a mistake, of what is right; groups that stand open

Pair = tuple[str, str]


def matrix(judged: Judged) -> str:
    """The matrix of gold and predicted types of tokens, as a figure."""
    confusion = judged.score.confusion
    labels = _shown(judged)
    counts = [[confusion[g][p] for p in labels] for g in labels]
    listed = {pair: k for k, (pair, cases) in enumerate(_groups(judged)) if cases}
    cut = w.MATRIX_CUT.filled(shown=len(labels), count=len(confusion)) if len(labels) < len(confusion) else None
    remark = Words(*map("".join, zip(w.MATRIX_REMARK, cut, strict=True))) if cut else w.MATRIX_REMARK

    def link(i: int, j: int) -> str:
        k = listed.get((labels[i], labels[j]))
        return "" if k is None else f"#case-{k}"

    return heat_map(w.MATRIX, remark, w.GOLD, w.PREDICTED, labels, counts, link)


def _shown(judged: Judged) -> list[str]:
    """The types of the matrix: O first, then the alphabet; where there are many, those of most tokens."""
    confusion = judged.score.confusion
    size = {g: sum(row.values()) + sum(other[g] for other in confusion.values()) for g, row in confusion.items()}
    chosen = set(sorted(confusion, key=lambda g: (g != OUTSIDE, -size[g], g))[:MOST_TYPES])
    return [label for label in confusion if label in chosen]


def _groups(judged: Judged) -> list[tuple[Pair, Sequence[Case]]]:
    """Gold and predicted type with the sentences that are shown for them: mistakes first, the commonest first."""
    wrong = [(m.gold, m.predicted) for m in judged.score.mistakes]
    right = sorted(pair for pair in judged.cells if pair[0] == pair[1])
    groups: list[tuple[Pair, Sequence[Case]]] = []
    left = MOST_SENTENCES
    for pair in (*wrong, *right):
        cases = judged.cells[pair][: min(left, EACH if pair[0] != pair[1] else RIGHT)]
        left -= len(cases)
        groups.append((pair, cases))
    return groups


def mistakes(judged: Judged) -> str:
    """The groups as lists that open; the commonest mistakes stand open."""
    parts = [_group(judged, k, pair, cases) for k, (pair, cases) in enumerate(_groups(judged)) if cases]
    none = "" if judged.score.mistakes else f"<p>{in_html(w.NO_MISTAKES)}</p>"
    return f'<p class="remark">{in_html(w.LEGEND)}</p>{none}<div class="groups">{"".join(parts)}</div>'


def _group(judged: Judged, k: int, pair: Pair, cases: Sequence[Case]) -> str:
    gold, predicted = pair
    everything = judged.cells[pair]
    tokens = sum(len(case.tokens) for case in everything)
    count = w.GROUP.filled(tokens=f"{tokens:,}", sentences=f"{len(everything):,}")
    sign = "✓" if gold == predicted else "✗"
    head = f'<b class="{"ok" if gold == predicted else "bad"}">{sign} {plain(gold)} → {plain(predicted)}</b>'
    more = len(everything) - len(cases)
    rest = f'<p class="remark">{in_html(w.MORE.filled(count=f"{more:,}"))}</p>' if more else ""
    shown = "".join(_sentence(judged, case) for case in cases)
    stands = " open" if k < OPEN and gold != predicted else ""
    return (
        f'<details class="group" id="case-{k}"{stands}><summary>{head} <span class="mute">{in_html(count)}</span>'
        f"</summary>{shown}{rest}</details>"
    )


def _sentence(judged: Judged, case: Case) -> str:
    s = judged.sentence(case.sentence)
    apart = not judged.corpus.characters
    gold, found = judged.gold(case.sentence), judged.found(case.sentence)
    return sentence(s.tokens, gold, found, case.tokens, apart=apart, line=s.line + case.tokens[0])
