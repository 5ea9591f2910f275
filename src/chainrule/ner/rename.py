"""Labels of a model under the names that data has for them."""

from collections.abc import Mapping

from chainrule.errors import SettingError
from chainrule.ner.tags import OUTSIDE, fault, spans, tags_of


def check_label(ours: str, theirs: str) -> None:
    """SettingError for what cannot be the label of a name: white space, nothing, or a whole tag such as B-PER."""
    if fault(f"B-{theirs}"):
        raise SettingError(f"{ours} is renamed to {theirs!r}, which is no label; give one without blanks, or O")
    if not fault(theirs) and "-" in theirs:
        label = theirs.partition("-")[2]
        raise SettingError(f"{ours} is renamed to {theirs!r}, which is a whole tag; give its label, {label}")


def renamed(tags: list[str], rename: Mapping[str, str]) -> list[str]:
    """Tags (IOB2) with the labels of names replaced; those that become O are no names any more."""
    if not rename:
        return tags
    names = [span._replace(label=rename.get(span.label, span.label)) for span in spans(tags)]
    return tags_of([name for name in names if name.label != OUTSIDE], len(tags))
