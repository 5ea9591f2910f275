"""chainrule: one graph, read as mathematics, as numbers, as a program and as a model.

The public names and their homes are listed once, in `__init__.pyi`; a name is loaded on first use (SPEC 1).

Legend of letters, the same in code, comments, tests and pages: B batch · W words in a window · D width of a
word vector · H hidden · C classes · V vocabulary · x input · z pre-activation · h hidden · s score ·
p probabilities · δ error signal · g upstream gradient.
"""

import lazy_loader as _lazy

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
