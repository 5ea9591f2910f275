"""The file that holds the state of a run, whole or not at all, and what the run is of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.errors import DataError
from chainrule.learn.collective import Collective
from chainrule.learn.store import Tensors, read_bytes, tensors_in, write_tensors


@dataclass(frozen=True)
class Checkpoint:
    """Where it lies, by rank 0 alone (None: nowhere), and of which data and settings.

    fingerprint   of data and network        settings   those that decide the result
    """

    path: Path | None
    fingerprint: str
    settings: Mapping[str, Any]
    ranks: Collective

    def write(self, tensors: Tensors) -> None:
        """Keep these arrays in the place of those before."""
        if self.path is not None:
            about = {"fingerprint": self.fingerprint, "plan": json.dumps(dict(self.settings), sort_keys=True)}
            write_tensors(self.path, tensors, about)

    def read(self) -> Tensors | None:
        """What was kept, on every rank; None if nothing was. DataError if it belongs to another run."""
        there = self.path is not None and self.path.exists()
        raw = bytes(read_bytes(self.path)) if there and self.path is not None else b""
        if self.ranks.world > 1:
            raw = self.ranks.broadcast(raw)
        if not raw:
            return None
        path = self.path or "the checkpoint of rank 0"
        tensors, about = tensors_in(path, bytearray(raw))
        then, now = json.loads(about.get("plan", "{}")), json.loads(json.dumps(dict(self.settings)))
        changed = [f"{n} {then.get(n)}, not {now[n]}" for n in now if then.get(n) != now[n]]
        if changed or about.get("fingerprint") != self.fingerprint:
            what = "; ".join(changed) or "the data, the network or the vectors differ"
            raise DataError(
                f"{path}: belongs to a run with other data or settings ({what}); "
                "resume with those, or begin in another folder"
            )
        return tensors
