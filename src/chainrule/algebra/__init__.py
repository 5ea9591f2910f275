"""What an expression is, and how it is written."""

from chainrule.algebra import entrywise, matrix, product, reduce, select

__all__ = ["entrywise", "matrix", "product", "reduce", "select"]
