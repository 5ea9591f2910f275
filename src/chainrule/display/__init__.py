"""Answers in, pages out."""
