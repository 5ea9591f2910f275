"""The process that one system learns or tags in: a job, pickled, on the standard input, an answer on the output.

Nothing of ours is imported but what the system itself needs, so that memory is the system's own.
"""

import os
import pickle
import resource
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any


def named(function: str) -> Any:
    """What `module:function` names. ImportError if its library is not installed."""
    module, _, name = function.partition(":")
    return getattr(import_module(module), name)


def learn(function: str, options: dict[str, Any], data: Any, seed: int, folder: str) -> dict[str, Any]:
    """Seconds of the processor, and those of the wall, from the data to the model on the disk."""
    learned = named(function)
    began, used = time.perf_counter(), time.process_time()
    learned(data, seed, Path(folder), **options)
    return {"seconds": time.process_time() - used, "wall": time.perf_counter() - began}


def tag(function: str, folder: str, parts: dict[str, list[list[str]]]) -> dict[str, Any]:
    """The tags of each part, the seconds of loading, and the highest memory of the process in MiB."""
    made = named(function)
    began = time.perf_counter()
    tagging = made(Path(folder))
    loading = time.perf_counter() - began
    tags = {name: tagging(sentences) for name, sentences in parts.items()}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"tags": tags, "loading": loading, "memory": memory}


def call(function: str, **arguments: Any) -> dict[str, Any]:
    """What a function answers."""
    answer: dict[str, Any] = named(function)(**arguments)
    return answer


def main() -> None:
    """Do one job; what the system prints goes to the standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    kind, arguments = pickle.load(sys.stdin.buffer)
    try:
        answer = {"learn": learn, "tag": tag, "call": call}[kind](**arguments)
    except ModuleNotFoundError as error:
        answer = {"absent": f"not installed: {error.name}"}
    except Exception as error:
        traceback.print_exc()
        answer = {"absent": f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"}
    with answers:
        pickle.dump(answer, answers)


if __name__ == "__main__":
    main()
