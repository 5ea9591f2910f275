"""What the processes in tests do; they find it by the name of this module."""

import os
import signal
import time


def summed(model, shard):
    """The sum of a shard times the model; the first shards take longest."""
    time.sleep(0.05 / shard[0] if shard[0] < 3 else 0)
    return model * sum(shard)


def fatal(model, shard):
    """The end of the process at the shard that has the model in it; it shows its number where that may be."""
    if model in shard:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def divided(model, shard):
    return model / shard[0]


def killed(*_: object) -> str:
    """Nothing: the process ends."""
    os.kill(os.getpid(), signal.SIGKILL)
