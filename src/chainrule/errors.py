"""What can go wrong, as one small tree.

    ChainruleError
    ├── ShapeError         operands do not fit together            (also a ValueError)
    ├── DTypeError         integers where real numbers belong      (also a TypeError)
    ├── FormulaError       a formula that cannot be read; the place is underlined (also a ValueError)
    ├── GraphError         a graph is used in a way it cannot be   (also a ValueError)
    ├── BindingError       a value does not fit its variable       (also a ValueError)
    ├── SettingError       an option outside its range             (also a ValueError)
    ├── NonFiniteError     a loss or gradient became NaN or ∞      (also an ArithmeticError)
    ├── ProofError         an answer of ours failed its numeric proof, and is not shown (also an ArithmeticError)
    ├── WorkerError        a process that shared the work ended before it (also a RuntimeError)
    ├── ExtraError         a library that an extra brings is absent, or of another version (also an ImportError)
    └── DataError          a file cannot be used: place, cause, repair  (also a ValueError)
        ├── ModelError     a model folder is damaged, altered or from another version
        └── WriteError     the disk or a folder refuses what is to be written

Every message names the cause, the place and a repair.
"""

from collections.abc import Sequence
from typing import Any


class ChainruleError(Exception):
    """Base of every error raised on purpose by this library."""


class ShapeError(ChainruleError, ValueError):
    """Operands whose shapes do not fit together; `axes` are the two that should be equal, where it is these."""

    def __init__(self, message: str, axes: Sequence[object] | None = None) -> None:
        super().__init__(message)
        self.axes = axes


class DTypeError(ChainruleError, TypeError):
    """A kind of number that the operation is not defined on."""


class FormulaError(ChainruleError, ValueError):
    """A formula that cannot be read; the message underlines the place."""


class GraphError(ChainruleError, ValueError):
    """A question that the given graph has no answer to."""


class BindingError(ChainruleError, ValueError):
    """A value that does not fit the variable it is given for."""


class SettingError(ChainruleError, ValueError):
    """An option outside its range."""


class NonFiniteError(ChainruleError, ArithmeticError):
    """A loss, gradient or parameter that became NaN or infinite; `run` is the run of training that it ended."""

    run: Any = None


class ProofError(ChainruleError, ArithmeticError):
    """An answer of ours that failed its numeric proof: a defect of this library, not of the question."""


class WorkerError(ChainruleError, RuntimeError):
    """A process that shared the work and ended before it; what was given out until then is complete."""


class ExtraError(ChainruleError, ImportError):
    """A library that an extra brings and that is absent, broken, or of a version that we do not know."""


class DataError(ChainruleError, ValueError):
    """A file that cannot be used; the message begins with its place."""


class ModelError(DataError):
    """A model folder that is damaged, altered or from another version."""


class WriteError(DataError):
    """What was to be written was refused by the disk or the folder; what stood there is untouched."""


def counted(count: int, noun: str) -> str:
    """A number of things as messages say it: `1 word`, `1,200 words`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
