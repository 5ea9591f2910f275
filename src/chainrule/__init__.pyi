"""The public face: every name, and where it lives."""

from .algebra.chain import (
    expected_path as expected_path,
    log_partition as log_partition,
    path_score as path_score,
)
from .algebra.choice import (
    both as both,
    cast as cast,
    either as either,
    equal as equal,
    greater as greater,
    greater_equal as greater_equal,
    less as less,
    less_equal as less_equal,
    maximum as maximum,
    minimum as minimum,
    not_equal as not_equal,
    opposite as opposite,
    where as where,
)
from .algebra.entrywise import (
    abs as abs,
    clip as clip,
    cos as cos,
    divide as divide,
    erf as erf,
    exp as exp,
    expm1 as expm1,
    hard_tanh as hard_tanh,
    leaky_relu as leaky_relu,
    log as log,
    log1p as log1p,
    parametric_relu as parametric_relu,
    power as power,
    reciprocal as reciprocal,
    relu as relu,
    sigmoid as sigmoid,
    sign as sign,
    sin as sin,
    softplus as softplus,
    sqrt as sqrt,
    square as square,
    tanh as tanh,
)
from .algebra.letters import (
    einsum as einsum,
)
from .algebra.matrix import (
    commutation as commutation,
    det as det,
    inv as inv,
    kron as kron,
    logdet as logdet,
    matpow as matpow,
    solve as solve,
)
from .algebra.node import (
    Node as Node,
    constant as constant,
    index as index,
    matrix as matrix,
    scalar as scalar,
    size as size,
    variable as variable,
    variables as variables,
    vector as vector,
)
from .algebra.parse import (
    parse as parse,
)
from .algebra.product import (
    broadcast_to as broadcast_to,
    diag as diag,
    eye as eye,
    full as full,
    inner as inner,
    matmul as matmul,
    mean as mean,
    multiply as multiply,
    ones as ones,
    outer as outer,
    sum as sum,
    transpose as transpose,
    zeros as zeros,
)
from .algebra.reduce import (
    log_softmax as log_softmax,
    logsumexp as logsumexp,
    max as max,
    min as min,
    norm1 as norm1,
    norm2 as norm2,
    softmax as softmax,
)
from .algebra.select import (
    concat as concat,
    ravel as ravel,
    reshape as reshape,
    scatter as scatter,
    split as split,
    stack as stack,
    take as take,
    vec as vec,
)
from .calculus.batch import (
    batch as batch,
)
from .calculus.derive import (
    gradient as gradient,
    hessian as hessian,
    hvp as hvp,
    jacobian as jacobian,
    jvp as jvp,
    vjp as vjp,
)
from .calculus.simplify import (
    simplify as simplify,
)
from .calculus.solve import (
    Solution as Solution,
    solve_for as solve_for,
)
from .compute.calling import (
    Compiled as Compiled,
)
from .compute.check import (
    check as check,
)
from .compute.compile import (
    compile as compile,
)
from .compute.interpret import (
    evaluate as evaluate,
)
from .compute.structure import (
    hessian_operator as hessian_operator,
)
from .display.derivation import (
    Derivation as Derivation,
    derive as derive,
)
from .display.trace import (
    Trace as Trace,
    trace as trace,
)
from .errors import (
    BindingError as BindingError,
    ChainruleError as ChainruleError,
    DataError as DataError,
    DTypeError as DTypeError,
    ExtraError as ExtraError,
    FormulaError as FormulaError,
    GraphError as GraphError,
    ModelError as ModelError,
    NonFiniteError as NonFiniteError,
    ProofError as ProofError,
    SettingError as SettingError,
    ShapeError as ShapeError,
    WorkerError as WorkerError,
    WriteError as WriteError,
)

__version__: str
