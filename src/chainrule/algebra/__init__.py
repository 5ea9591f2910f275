"""What an expression is, and how it is written."""

from chainrule.algebra import choice, entrywise, matrix, numpy_forms, product, reduce, select

__all__ = ["choice", "entrywise", "matrix", "numpy_forms", "product", "reduce", "select"]
