"""A program that does one training step and ends: `python -m benchmarks.works.first_step numba|interpreter`."""

import sys

from benchmarks.works.window import NAMES, Problem, step_of


def main(backend: str) -> None:
    """One step, with what it takes to get there."""
    problem = Problem(V=1000, B=32)
    params = {name: problem.start[name].copy() for name in NAMES}
    words, y = problem.batches[0]
    step_of(problem, params, backend)({"words": words, "y": y})


if __name__ == "__main__":
    main(sys.argv[1])
