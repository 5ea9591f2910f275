"""The processes that a command was begun in together with, by the name of who carries their messages."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from chainrule.learn.collective import ALONE, Collective
from chainrule.ports.gloo import Gloo
from chainrule.ports.mpi import Mpi

CARRIERS: Mapping[str, type[Mpi] | type[Gloo]] = {"mpi": Mpi, "gloo": Gloo}
PATIENCE = 2.0  # seconds that rank 0 has to say what went wrong, before the others say it too


@contextmanager
def together(carrier: str | None) -> Iterator[Collective]:
    """The ranks that share the work of the block, one alone without a carrier. Raises ExtraError.

    Where a rank raises, its process has to end with an exit code other than 0; whoever began the processes then
    ends the others, which would wait for it.
    """
    if carrier is None:
        yield ALONE
        return
    ranks = CARRIERS[carrier]()
    try:
        yield ranks
    except BaseException:
        if ranks.rank:
            time.sleep(PATIENCE)
        raise
    ranks.close()
