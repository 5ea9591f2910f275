"""Settings of the whole test-suite."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("CHAINRULE_CACHE", str(Path(__file__).parents[1] / ".pytest_cache" / "compiled"))
settings.register_profile(
    "here", deadline=None, max_examples=100, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "here"))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261121)
