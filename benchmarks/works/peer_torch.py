"""What all works in PyTorch have in common."""

import os

import torch


def settled() -> None:
    """As many threads as the contest allows."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
