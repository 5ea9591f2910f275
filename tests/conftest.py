"""Settings of the whole test-suite."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import running
from hypothesis import HealthCheck, settings

os.environ.setdefault("CHAINRULE_CACHE", str(Path(__file__).parents[1] / ".pytest_cache" / "compiled"))
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the suite runs in the background
settings.register_profile(
    "here", deadline=None, max_examples=100, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "here"))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261121)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for all tests of pages."""
    with running() as started:
        yield started


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in the browser come last: it stays open once it has been started."""
    items.sort(key=lambda item: "browser" in getattr(item, "fixturenames", ()))
