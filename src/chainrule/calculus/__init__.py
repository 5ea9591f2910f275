"""Expressions in, expressions out."""
