"""pandas: the names of texts as a frame, a row for each."""

from collections.abc import Iterable
from typing import Any

from chainrule.ner.entity import FIELDS
from chainrule.ner.tagger import Tagger
from chainrule.ports.extra import needed


def entities_frame(texts: Iterable[str], tagger: Tagger, workers: int = 1) -> Any:
    """A frame with the columns document, start, end, label, score, text.

    texts     any texts, or a Series, whose index then says which document a name is of; otherwise their number
    workers   processes that tag, as in `Tagger.pipe`
    """
    pandas = needed("pandas", __name__)
    given = texts if isinstance(texts, pandas.Series) else pandas.Series(list(texts), dtype="object")
    found = tagger.pipe(given.tolist(), workers=workers)
    rows = [(key, *e[: len(FIELDS)]) for key, names in zip(given.index, found, strict=True) for e in names]
    kinds = {"start": "int64", "end": "int64", "score": "float64"}
    return pandas.DataFrame(rows, columns=["document", *FIELDS]).astype(kinds)
