"""Jobs for the tests of executors: processes find them here."""

import os
import time
from pathlib import Path

from chainrule.compute.files import written_whole
from chainrule.errors import DataError


def double(job):
    """Write twice the number of a job into its file, slowly, unless it is there."""
    number, folder = job
    target = Path(folder, f"{number}.txt")
    if target.exists():
        return number, False
    Path(folder, f"at-{os.getpid()}").touch()
    with written_whole(target) as file:
        for digit in str(2 * number):
            time.sleep(0.02)
            file.write(digit.encode())
    return number, True


def refuse_odd(number):
    if number % 2:
        raise DataError(f"{number}: is odd; double it")
    return number


def die(job):
    os._exit(1)
