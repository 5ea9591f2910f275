"""What was measured, kept in a file, so that an interrupted run goes on where it was."""

import json
from pathlib import Path
from typing import Any

from chainrule.compute.files import written_whole

Record = dict[str, Any]


class Results:
    """Records by data, system and seed, and the folders of the models."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.path = folder / "results.json"
        self.records: dict[str, Record] = json.loads(self.path.read_text("utf-8")) if self.path.exists() else {}

    def find(self, *key: object) -> Record | None:
        """What is known, None if nothing is."""
        return self.records.get(_written(key))

    def keep(self, record: Record, *key: object) -> Record:
        """Keep a record, on the disk at once."""
        self.records[_written(key)] = record
        with written_whole(self.path) as file:
            file.write(json.dumps(self.records, indent=1, ensure_ascii=False).encode())
        return record

    def forget(self, *keys: tuple[object, ...]) -> None:
        """Forget records."""
        for key in keys:
            self.records.pop(_written(key), None)

    def model(self, *key: object) -> Path:
        """The folder of a model."""
        return self.folder / "models" / _written(key).replace("/", "-")


def _written(key: tuple[object, ...]) -> str:
    return "/".join(map(str, key))
