"""Models of Hugging Face's hub: their folder, and names in the form of a pipeline for token classification."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from chainrule.errors import ExtraError, ModelError
from chainrule.ner.entity import Entity
from chainrule.ner.folder import FILES
from chainrule.ports.extra import needed

_NAME = re.compile(r"[\w-][\w.-]*(/[\w.-]+)?", re.ASCII)


def folder(name: str, revision: str | None = None) -> Path | None:
    """The folder of a model on the hub, fetched unless it is here already; never fetched if HF_HUB_OFFLINE is set.

    None for a name that the hub gives to no model. Raises ModelError where it has none of this name, ExtraError.
    """
    if not _NAME.fullmatch(name):
        return None
    try:
        hub = needed("huggingface_hub", __name__)
    except ExtraError as error:
        raise ExtraError(f"{name}: no folder is here, and for a model of the hub {error}") from None
    try:
        return Path(hub.snapshot_download(name, revision=revision, allow_patterns=list(FILES)))
    except Exception as error:  # of the net, of names, of the disk
        said = str(error).strip().partition("\n")[0].rstrip(".")
        raise ModelError(
            f"{name}: no folder of a model, nor to be had from the hub ({said}); check the name"
        ) from None


def pipeline_form(entities: Iterable[Entity]) -> list[dict[str, Any]]:
    """Names as `transformers.pipeline("token-classification", aggregation_strategy=…)` gives them."""
    return [
        {"entity_group": e.label, "score": e.score, "word": e.text, "start": e.start, "end": e.end}
        for e in entities
    ]
