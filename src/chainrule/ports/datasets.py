"""Hugging Face's datasets: `hf:NAME`, `hf:NAME:CONFIGURATION`, `hf:NAME@REVISION`, and `#SPLIT` behind each.

NAME is that of a data set on the hub or a folder here; without a split it is train.  The library loads and keeps
it, and asks nobody where HF_HUB_OFFLINE or HF_DATASETS_OFFLINE is set.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from chainrule.errors import DataError
from chainrule.ner.formats_conll import Reading
from chainrule.ner.formats_fit import Demands
from chainrule.ner.formats_json import NAMES, TAGS
from chainrule.ner.formats_record import Record
from chainrule.ner.formats_table import Format
from chainrule.ports.extra import needed
from chainrule.ports.rows import WORDS, records

PREFIX = "hf:"
COLUMNS = {*WORDS, *TAGS, *NAMES, "text", "id", "meta"}
CONVERTED = "refs/convert/parquet"  # where the hub keeps what a script of its own would load
PARTS: Mapping[str, tuple[str, ...]] = {
    "train": ("train",),
    "dev": ("validation", "dev", "valid", "val"),
    "test": ("test",),
}
_NAME = re.compile(
    r"(?:hf:)?(?P<name>[^:@#]+)(?::(?P<config>[^@#]+))?(?:@(?P<revision>[^#]+))?(?:#(?P<split>.+))?"
)


class Asked(NamedTuple):
    """What a name asks for."""

    name: str
    config: str | None
    revision: str | None
    split: str | None


def asked(name: str | Path) -> Asked:
    """A name taken apart. Raises DataError."""
    found = _NAME.fullmatch(str(name))
    if found is None:
        raise DataError(f"{name}: is no name of a data set; write hf:NAME, hf:NAME:CONFIGURATION or hf:NAME#SPLIT")
    return Asked(**found.groupdict())


def read(name: str | Path, reading: Reading | None = None) -> Iterator[Record]:
    """The records of a split. Raises DataError where there is none, or its columns are not ours."""
    wanted = asked(name)
    found = _loaded(wanted, str(name))
    if isinstance(found, Mapping):
        split = "train" if "train" in found else next(iter(found))
        if len(found) > 1 and split != "train":
            raise DataError(
                f"{name}: has the splits {', '.join(found)}, and no train; name one, as in {name}#{split}"
            )
        found = found[split]
    ours = [column for column in found.column_names if column in COLUMNS]
    rows = found.select_columns(ours) if ours else found
    yield from records(rows, name, reading or Reading(), _numbered(found.features))


def parts(name: str | Path) -> dict[str, str]:
    """The names of train, dev and test; only itself where a split is named, or none is train."""
    if asked(name).split:
        return {"train": str(name)}
    splits = _loaded(asked(name), str(name))
    found = {part: next((s for s in usual if s in splits), None) for part, usual in PARTS.items()}
    if found["train"] is None:
        return {"train": str(name)}
    return {part: f"{name}#{split}" for part, split in found.items() if split}


def _loaded(wanted: Asked, name: str) -> Any:
    """A data set, or all of its splits."""
    datasets = needed("datasets", __name__)
    settings = {"name": wanted.config, "revision": wanted.revision, "split": wanted.split}
    with _quiet(datasets):
        try:
            try:
                return datasets.load_dataset(wanted.name, **settings)
            except RuntimeError as error:
                if "script" not in str(error) or wanted.revision:
                    raise
                return datasets.load_dataset(wanted.name, **{**settings, "revision": CONVERTED})
        except Exception as error:  # of many kinds, which the library tells apart by their text
            said = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
            raise DataError(f"{name}: cannot be loaded ({said}); check the name, or give files") from None


@contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """Without bars of progress, which would stand among what we say."""
    shown = not datasets.utils.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def _numbered(features: Mapping[str, Any]) -> dict[str, list[str]]:
    """The names of tags that are numbers."""
    inner = {name: getattr(kind, "feature", kind) for name, kind in features.items()}
    return {name: list(kind.names) for name, kind in inner.items() if getattr(kind, "names", None)}


FORMAT = Format(
    "data sets of Hugging Face, hf:NAME",
    frozenset({"nul", "text", "tokens", "document", "score", "id", "meta"}),
    Demands(),
    None,
    None,
    (),
    read,
    PREFIX,
    parts,
)
