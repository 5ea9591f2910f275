"""chainrule: one graph, read as mathematics, as numbers, as a program and as a model.

Legend of letters, the same in code, comments, tests and pages: B batch · W words in a window · D width of a
word vector · H hidden · C classes · V vocabulary · x input · z pre-activation · h hidden · s score ·
p probabilities · δ error signal · g upstream gradient.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "algebra.entrywise": (
        "abs both cast clip cos divide either equal erf exp expm1 greater greater_equal hard_tanh leaky_relu less "
        "less_equal log log1p maximum minimum not_equal opposite parametric_relu power reciprocal relu sigmoid sign "
        "sin softplus sqrt square tanh where"
    ),
    "algebra.errors": (
        "BindingError ChainruleError DTypeError DataError GraphError ModelError NonFiniteError SettingError ShapeError"
    ),
    "algebra.matrix": "det inv kron logdet matpow solve",
    "algebra.node": "Node constant index matrix scalar size variable variables vector",
    "algebra.product": "broadcast_to diag einsum eye full inner matmul mean multiply ones outer sum trace transpose zeros",
    "algebra.reduce": "log_softmax logsumexp max min norm1 norm2 softmax",
    "algebra.select": "concat ravel reshape scatter split stack take vec",
    "calculus.batch": "batch",
    "calculus.derive": "gradient hessian hvp jacobian jvp vjp",
    "calculus.simplify": "simplify",
    "compute.check": "check",
    "compute.interpret": "evaluate",
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605 — a sorted list, from the one table above


def __getattr__(name: str) -> Any:
    """Load a public name with its module on first use, so that `import chainrule` is instant."""
    if name not in _MODULE_OF:
        raise AttributeError(f"chainrule has no {name!r}")
    value = getattr(import_module(f"chainrule.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


if TYPE_CHECKING:
    from chainrule.algebra.entrywise import (
        abs as abs,
    )
    from chainrule.algebra.entrywise import (
        both as both,
    )
    from chainrule.algebra.entrywise import (
        cast as cast,
    )
    from chainrule.algebra.entrywise import (
        clip as clip,
    )
    from chainrule.algebra.entrywise import (
        cos as cos,
    )
    from chainrule.algebra.entrywise import (
        divide as divide,
    )
    from chainrule.algebra.entrywise import (
        either as either,
    )
    from chainrule.algebra.entrywise import (
        equal as equal,
    )
    from chainrule.algebra.entrywise import (
        erf as erf,
    )
    from chainrule.algebra.entrywise import (
        exp as exp,
    )
    from chainrule.algebra.entrywise import (
        expm1 as expm1,
    )
    from chainrule.algebra.entrywise import (
        greater as greater,
    )
    from chainrule.algebra.entrywise import (
        greater_equal as greater_equal,
    )
    from chainrule.algebra.entrywise import (
        hard_tanh as hard_tanh,
    )
    from chainrule.algebra.entrywise import (
        leaky_relu as leaky_relu,
    )
    from chainrule.algebra.entrywise import (
        less as less,
    )
    from chainrule.algebra.entrywise import (
        less_equal as less_equal,
    )
    from chainrule.algebra.entrywise import (
        log as log,
    )
    from chainrule.algebra.entrywise import (
        log1p as log1p,
    )
    from chainrule.algebra.entrywise import (
        maximum as maximum,
    )
    from chainrule.algebra.entrywise import (
        minimum as minimum,
    )
    from chainrule.algebra.entrywise import (
        not_equal as not_equal,
    )
    from chainrule.algebra.entrywise import (
        opposite as opposite,
    )
    from chainrule.algebra.entrywise import (
        parametric_relu as parametric_relu,
    )
    from chainrule.algebra.entrywise import (
        power as power,
    )
    from chainrule.algebra.entrywise import (
        reciprocal as reciprocal,
    )
    from chainrule.algebra.entrywise import (
        relu as relu,
    )
    from chainrule.algebra.entrywise import (
        sigmoid as sigmoid,
    )
    from chainrule.algebra.entrywise import (
        sign as sign,
    )
    from chainrule.algebra.entrywise import (
        sin as sin,
    )
    from chainrule.algebra.entrywise import (
        softplus as softplus,
    )
    from chainrule.algebra.entrywise import (
        sqrt as sqrt,
    )
    from chainrule.algebra.entrywise import (
        square as square,
    )
    from chainrule.algebra.entrywise import (
        tanh as tanh,
    )
    from chainrule.algebra.entrywise import (
        where as where,
    )
    from chainrule.algebra.errors import (
        BindingError as BindingError,
    )
    from chainrule.algebra.errors import (
        ChainruleError as ChainruleError,
    )
    from chainrule.algebra.errors import (
        DataError as DataError,
    )
    from chainrule.algebra.errors import (
        DTypeError as DTypeError,
    )
    from chainrule.algebra.errors import (
        GraphError as GraphError,
    )
    from chainrule.algebra.errors import (
        ModelError as ModelError,
    )
    from chainrule.algebra.errors import (
        NonFiniteError as NonFiniteError,
    )
    from chainrule.algebra.errors import (
        SettingError as SettingError,
    )
    from chainrule.algebra.errors import (
        ShapeError as ShapeError,
    )
    from chainrule.algebra.matrix import (
        det as det,
    )
    from chainrule.algebra.matrix import (
        inv as inv,
    )
    from chainrule.algebra.matrix import (
        kron as kron,
    )
    from chainrule.algebra.matrix import (
        logdet as logdet,
    )
    from chainrule.algebra.matrix import (
        matpow as matpow,
    )
    from chainrule.algebra.matrix import (
        solve as solve,
    )
    from chainrule.algebra.node import (
        Node as Node,
    )
    from chainrule.algebra.node import (
        constant as constant,
    )
    from chainrule.algebra.node import (
        index as index,
    )
    from chainrule.algebra.node import (
        matrix as matrix,
    )
    from chainrule.algebra.node import (
        scalar as scalar,
    )
    from chainrule.algebra.node import (
        size as size,
    )
    from chainrule.algebra.node import (
        variable as variable,
    )
    from chainrule.algebra.node import (
        variables as variables,
    )
    from chainrule.algebra.node import (
        vector as vector,
    )
    from chainrule.algebra.product import (
        broadcast_to as broadcast_to,
    )
    from chainrule.algebra.product import (
        diag as diag,
    )
    from chainrule.algebra.product import (
        einsum as einsum,
    )
    from chainrule.algebra.product import (
        eye as eye,
    )
    from chainrule.algebra.product import (
        full as full,
    )
    from chainrule.algebra.product import (
        inner as inner,
    )
    from chainrule.algebra.product import (
        matmul as matmul,
    )
    from chainrule.algebra.product import (
        mean as mean,
    )
    from chainrule.algebra.product import (
        multiply as multiply,
    )
    from chainrule.algebra.product import (
        ones as ones,
    )
    from chainrule.algebra.product import (
        outer as outer,
    )
    from chainrule.algebra.product import (
        sum as sum,
    )
    from chainrule.algebra.product import (
        trace as trace,
    )
    from chainrule.algebra.product import (
        transpose as transpose,
    )
    from chainrule.algebra.product import (
        zeros as zeros,
    )
    from chainrule.algebra.reduce import (
        log_softmax as log_softmax,
    )
    from chainrule.algebra.reduce import (
        logsumexp as logsumexp,
    )
    from chainrule.algebra.reduce import (
        max as max,
    )
    from chainrule.algebra.reduce import (
        min as min,
    )
    from chainrule.algebra.reduce import (
        norm1 as norm1,
    )
    from chainrule.algebra.reduce import (
        norm2 as norm2,
    )
    from chainrule.algebra.reduce import (
        softmax as softmax,
    )
    from chainrule.algebra.select import (
        concat as concat,
    )
    from chainrule.algebra.select import (
        ravel as ravel,
    )
    from chainrule.algebra.select import (
        reshape as reshape,
    )
    from chainrule.algebra.select import (
        scatter as scatter,
    )
    from chainrule.algebra.select import (
        split as split,
    )
    from chainrule.algebra.select import (
        stack as stack,
    )
    from chainrule.algebra.select import (
        take as take,
    )
    from chainrule.algebra.select import (
        vec as vec,
    )
    from chainrule.calculus.batch import (
        batch as batch,
    )
    from chainrule.calculus.derive import (
        gradient as gradient,
    )
    from chainrule.calculus.derive import (
        hessian as hessian,
    )
    from chainrule.calculus.derive import (
        hvp as hvp,
    )
    from chainrule.calculus.derive import (
        jacobian as jacobian,
    )
    from chainrule.calculus.derive import (
        jvp as jvp,
    )
    from chainrule.calculus.derive import (
        vjp as vjp,
    )
    from chainrule.calculus.simplify import (
        simplify as simplify,
    )
    from chainrule.compute.check import (
        check as check,
    )
    from chainrule.compute.interpret import (
        evaluate as evaluate,
    )
