"""chainrule: one graph, read as mathematics, as numbers, as a program and as a model."""

__version__ = "0.1.0"
