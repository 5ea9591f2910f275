"""What an expression is, and how it is written."""

from chainrule.algebra import choice, entrywise, matrix, product, reduce, select

__all__ = ["choice", "entrywise", "matrix", "product", "reduce", "select"]
