"""Models under the names that the hub's users know: where a model is by its name, and the header of its card."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

from chainrule.compute.files import written_whole
from chainrule.compute.installed import entry_points
from chainrule.errors import ModelError
from chainrule.ner.folder import CARD

TAGS = ["named-entity-recognition", "ner"]
ADDED = "chainrule.models"
"""Entry points of packages that know more models: its name → (name, revision) → folder, None for others."""


def place(name: str | Path, revision: str | None = None) -> Path:
    """The folder of a model: itself, or what a package that knows more models makes of its name. ModelError."""
    if revision is None and Path(name).exists():
        return Path(name)
    for entry in entry_points(group=ADDED):
        found: Path | None = entry.load()(str(name), revision)
        if found is not None:
            return found
    raise ModelError(f"{name}: no model here; give the folder that training wrote")


def with_header(folder: str | Path, about: Mapping[str, Any]) -> None:
    """Put what is said about a model in front of its card, as YAML; what the card says already is replaced."""
    card = Path(folder) / CARD
    _, header, text = card.read_text(encoding="utf-8").split("---\n", 2)
    written = partial(json.dumps, ensure_ascii=False)  # JSON is YAML
    said = [line for line in header.splitlines() if line.partition(":")[0] not in about]
    lines = [*(f"{name}: {written(value)}" for name, value in about.items() if value is not None), *said]
    with written_whole(card) as file:
        file.write("\n".join(["---", *lines, "---", ""]).encode() + text.encode())


class Pretrained(ABC):
    """What a tagger has in common with other models of the hub."""

    @classmethod
    @abstractmethod
    def load(cls, folder: str | Path, backend: str = "auto") -> Self:
        """Read a model folder."""

    @abstractmethod
    def save(self, folder: str | Path) -> None:
        """Write one."""

    @classmethod
    def from_pretrained(cls, name: str | Path, revision: str | None = None, backend: str = "auto") -> Self:
        """Read a model folder, or a model of the hub by its name, as `user/name`.

        revision    of a model of the hub: a branch, a mark or a commit
        backend     who computes, see `learn.backends`
        Raises ModelError, and ExtraError where huggingface_hub is needed and absent.
        """
        return cls.load(place(name, revision), backend)

    def save_pretrained(
        self,
        folder: str | Path,
        *,
        language: str | Sequence[str] | None = None,
        license: str | None = None,
        datasets: Sequence[str] | None = None,
    ) -> None:
        """Write a model folder whose card says what the hub asks of one.

        language    as "en"        license    as "mit"        datasets    those of the hub that it was trained on
        """
        self.save(folder)
        given = None if datasets is None else list(datasets)
        with_header(folder, {"language": language, "license": license, "datasets": given, "tags": TAGS})
