"""What an expression is, and how it is written."""

from chainrule.algebra import chain, choice, entrywise, matrix, numpy_forms, product, reduce, select

__all__ = ["chain", "choice", "entrywise", "matrix", "numpy_forms", "product", "reduce", "select"]
