"""How a damaged model must be refused. The helper judges by raising; what it returns is the message."""

from pathlib import Path

import pytest

from chainrule.errors import ChainruleError, DataError
from chainrule.ner import Tagger


def refused(folder: Path, *words: str) -> str:
    """Loading must fail with one line that names a file of the folder, or the folder, and holds these words."""
    with pytest.raises(ChainruleError) as error:
        Tagger.load(folder)
    message = str(error.value)
    assert isinstance(error.value, DataError), message
    assert "\n" not in message
    assert str(folder) in message
    assert len(message) < 400
    for word in words:
        assert word in message, message
    return message
