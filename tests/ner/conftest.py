import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of development data; $CHAINRULE_DATA, or `shared/data` beside the repository."""
    usual = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("CHAINRULE_DATA", usual))
    if not folder.is_dir():
        pytest.skip(f"the development data is not at {folder}; set CHAINRULE_DATA to its folder")
    return folder
