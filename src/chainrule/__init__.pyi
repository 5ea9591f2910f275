"""The public face: every name, and where it lives."""

from .algebra.choice import (
    both as both,
)
from .algebra.choice import (
    cast as cast,
)
from .algebra.choice import (
    either as either,
)
from .algebra.choice import (
    equal as equal,
)
from .algebra.choice import (
    greater as greater,
)
from .algebra.choice import (
    greater_equal as greater_equal,
)
from .algebra.choice import (
    less as less,
)
from .algebra.choice import (
    less_equal as less_equal,
)
from .algebra.choice import (
    maximum as maximum,
)
from .algebra.choice import (
    minimum as minimum,
)
from .algebra.choice import (
    not_equal as not_equal,
)
from .algebra.choice import (
    opposite as opposite,
)
from .algebra.choice import (
    where as where,
)
from .algebra.entrywise import (
    abs as abs,
)
from .algebra.entrywise import (
    clip as clip,
)
from .algebra.entrywise import (
    cos as cos,
)
from .algebra.entrywise import (
    divide as divide,
)
from .algebra.entrywise import (
    erf as erf,
)
from .algebra.entrywise import (
    exp as exp,
)
from .algebra.entrywise import (
    expm1 as expm1,
)
from .algebra.entrywise import (
    hard_tanh as hard_tanh,
)
from .algebra.entrywise import (
    leaky_relu as leaky_relu,
)
from .algebra.entrywise import (
    log as log,
)
from .algebra.entrywise import (
    log1p as log1p,
)
from .algebra.entrywise import (
    parametric_relu as parametric_relu,
)
from .algebra.entrywise import (
    power as power,
)
from .algebra.entrywise import (
    reciprocal as reciprocal,
)
from .algebra.entrywise import (
    relu as relu,
)
from .algebra.entrywise import (
    sigmoid as sigmoid,
)
from .algebra.entrywise import (
    sign as sign,
)
from .algebra.entrywise import (
    sin as sin,
)
from .algebra.entrywise import (
    softplus as softplus,
)
from .algebra.entrywise import (
    sqrt as sqrt,
)
from .algebra.entrywise import (
    square as square,
)
from .algebra.entrywise import (
    tanh as tanh,
)
from .algebra.letters import (
    einsum as einsum,
)
from .algebra.matrix import (
    det as det,
)
from .algebra.matrix import (
    inv as inv,
)
from .algebra.matrix import (
    kron as kron,
)
from .algebra.matrix import (
    logdet as logdet,
)
from .algebra.matrix import (
    matpow as matpow,
)
from .algebra.matrix import (
    solve as solve,
)
from .algebra.node import (
    Node as Node,
)
from .algebra.node import (
    constant as constant,
)
from .algebra.node import (
    index as index,
)
from .algebra.node import (
    matrix as matrix,
)
from .algebra.node import (
    scalar as scalar,
)
from .algebra.node import (
    size as size,
)
from .algebra.node import (
    variable as variable,
)
from .algebra.node import (
    variables as variables,
)
from .algebra.node import (
    vector as vector,
)
from .algebra.product import (
    broadcast_to as broadcast_to,
)
from .algebra.product import (
    diag as diag,
)
from .algebra.product import (
    eye as eye,
)
from .algebra.product import (
    full as full,
)
from .algebra.product import (
    inner as inner,
)
from .algebra.product import (
    matmul as matmul,
)
from .algebra.product import (
    mean as mean,
)
from .algebra.product import (
    multiply as multiply,
)
from .algebra.product import (
    ones as ones,
)
from .algebra.product import (
    outer as outer,
)
from .algebra.product import (
    sum as sum,
)
from .algebra.product import (
    trace as trace,
)
from .algebra.product import (
    transpose as transpose,
)
from .algebra.product import (
    zeros as zeros,
)
from .algebra.reduce import (
    log_softmax as log_softmax,
)
from .algebra.reduce import (
    logsumexp as logsumexp,
)
from .algebra.reduce import (
    max as max,
)
from .algebra.reduce import (
    min as min,
)
from .algebra.reduce import (
    norm1 as norm1,
)
from .algebra.reduce import (
    norm2 as norm2,
)
from .algebra.reduce import (
    softmax as softmax,
)
from .algebra.select import (
    concat as concat,
)
from .algebra.select import (
    ravel as ravel,
)
from .algebra.select import (
    reshape as reshape,
)
from .algebra.select import (
    scatter as scatter,
)
from .algebra.select import (
    split as split,
)
from .algebra.select import (
    stack as stack,
)
from .algebra.select import (
    take as take,
)
from .algebra.select import (
    vec as vec,
)
from .calculus.batch import (
    batch as batch,
)
from .calculus.derive import (
    gradient as gradient,
)
from .calculus.derive import (
    hessian as hessian,
)
from .calculus.derive import (
    hvp as hvp,
)
from .calculus.derive import (
    jacobian as jacobian,
)
from .calculus.derive import (
    jvp as jvp,
)
from .calculus.derive import (
    vjp as vjp,
)
from .calculus.simplify import (
    simplify as simplify,
)
from .compute.check import (
    check as check,
)
from .compute.interpret import (
    evaluate as evaluate,
)
from .errors import (
    BindingError as BindingError,
)
from .errors import (
    ChainruleError as ChainruleError,
)
from .errors import (
    DataError as DataError,
)
from .errors import (
    DTypeError as DTypeError,
)
from .errors import (
    GraphError as GraphError,
)
from .errors import (
    ModelError as ModelError,
)
from .errors import (
    NonFiniteError as NonFiniteError,
)
from .errors import (
    SettingError as SettingError,
)
from .errors import (
    ShapeError as ShapeError,
)

__version__: str
