"""Expressions in, numbers out."""
