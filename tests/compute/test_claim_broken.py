"""Right gradients of the shared formulas, broken in every way of a list, are mended."""

import pytest
from by_hand import FACTS, GRADIENTS, broken, labelled
from clock import timed
from formulas import entries, shapes

from chainrule.algebra.parse import formula
from chainrule.calculus.facts import read_facts
from chainrule.compute.claim import judge
from chainrule.errors import ChainruleError

SLOW = 250  # units of `clock`, two seconds on a fast machine


def shared():
    return {e["id"]: e for e in entries() if e["id"] in GRADIENTS}


def reading_of(entry):
    read = formula(entry["expr"], shapes(entry))
    kinds = {v: FACTS[k] for v, k in entry.get("sample", {}).items() if k in FACTS}
    return read, read_facts(kinds, read.variables)


@pytest.mark.parametrize("key", sorted(shared()))
def test_the_gradients_by_hand_are_right(key):
    entry = shared()[key]
    read, facts = reading_of(entry)
    (found,) = judge(read, labelled(GRADIENTS[key], entry["wrt"]), facts=facts)
    assert found.ok, str(found)


def test_broken_gradients_are_mended():
    """Of the claims made wrong by one of the usual mistakes, at least nine in ten are mended, each soon."""
    total, left, slow = 0, [], []
    for key, entry in sorted(shared().items()):
        read, facts = reading_of(entry)
        for k, (mistake, text) in enumerate(broken(GRADIENTS[key])):
            if (k + len(key)) % 12:  # a twelfth of them, so that the suite stays quick
                continue
            try:
                (found,), taken = timed(lambda: judge(read, labelled(text, entry["wrt"]), facts=facts))  # noqa: B023
            except ChainruleError:
                continue
            if taken > SLOW:
                slow.append((key, text, taken))
            if found.ok:
                continue
            total += 1
            if not found.repair or not mended(read, facts, entry["wrt"], found):
                left.append((key, mistake, text, found.reason, found.repair))
    assert total > 40 and not slow
    assert len(left) <= total / 10, left


def mended(read, facts, name, found):
    """Whether a repair is right, judged again as a claim of its own."""
    *lines, last = found.repair.split("; ")
    claim = "; ".join([*lines, f"{name}: {last}"])
    return found.given or judge(read, claim, facts=facts, seed=1)[0].ok
