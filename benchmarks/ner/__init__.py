"""Taggers of names against their peers: quality, speed and size."""
