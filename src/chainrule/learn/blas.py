"""Matrix products on one thread each, so that a result does not depend on how many cores a machine has."""

from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any


def one_thread() -> AbstractContextManager[Any]:
    """Hold every BLAS that is loaded to one thread, at once; at the end of a `with` each has as many as before.

    A BLAS splits a large product among its threads, and how it does changes the last digits of the sums.
    """
    held: AbstractContextManager[Any] = import_module("threadpoolctl").threadpool_limits(1, "blas")
    return held
