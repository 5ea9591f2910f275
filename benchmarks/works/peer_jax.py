"""What all works in JAX have in common."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
