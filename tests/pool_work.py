"""What the processes of a pool do in tests: they find it by this name, whatever started the tests."""

import os
import time


def dies(given):
    """A worker that ends, sleeps or fails when it is told to."""

    def answers(kind, told):
        if kind == "die":
            os._exit(3)
        if kind == "sleep":
            time.sleep(60)
        if kind == "fail":
            raise KeyError("secret")
        return True, {"pid": os.getpid(), **told}

    return answers
