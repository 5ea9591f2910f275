"""Words in, names out: the window tagger for named entities. The public names are listed in `__init__.pyi`."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
