"""Matrix products on one thread each, so that a result does not depend on how many cores a machine has."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold every BLAS that is loaded to one thread; afterwards each has as many as before.

    A BLAS splits a large product among its threads, and how it does changes the last digits of the sums.
    """
    with import_module("threadpoolctl").threadpool_limits(1, "blas"):
        yield
