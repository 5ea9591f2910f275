"""The text of compiled functions run by Python as it stands: slow, but at once and on every machine."""

import math

import numpy as np

import chainrule as cr
from chainrule.algebra.node import Node
from chainrule.algebra.signature import Binding
from chainrule.compute.compile import text_of
from chainrule.compute.emit import Emitted, Emitter
from chainrule.compute.helpers import HELPERS
from chainrule.compute.passes import prepared
from chainrule.compute.plan import plan, root_of

FUNCTIONS = {
    **{name: getattr(np, name) for name in ("exp", "log", "log1p", "expm1", "sqrt", "tanh", "sin", "cos")},
    "erf": lambda x: type(x)(math.erf(x)),
    "sigmoid": lambda x: np.exp(np.minimum(x, 0)) / (1 + np.exp(-abs(x))),
    "softplus": lambda x: np.logaddexp(type(x)(0), x),
}
NAMES = {
    **{"np": np, "float32": np.float32, "float64": np.float64, "int64": np.int64, **HELPERS},
    "fetch": lambda table, row: None,
    **{f"{name}{bits}": f for name, f in FUNCTIONS.items() for bits in (32, 64)},
}
FILL = 7  # what lies in memory before it is written


def emitted(outputs: list[Node]) -> Emitted:
    """The text of the function that computes expressions."""
    return Emitter(plan(prepared(outputs), cr.variables(*outputs)), "compiled").emitted()


def computed(outputs: list[Node], values: dict[str, np.ndarray]) -> list:
    """What the text of expressions computes."""
    inputs, made = cr.variables(*outputs), prepared(outputs)
    planned = plan(made, inputs)
    writer = Emitter(planned, "compiled")
    text = writer.emitted()
    names = dict(NAMES)
    exec(compile(text_of(text), "<text>", "exec"), names)
    binding = Binding()
    for v in inputs:
        binding.meet(v.attrs["name"], v.shape, np.shape(values[v.attrs["name"]]))
    size = lambda shape: tuple(map(binding.size, shape))  # noqa: E731
    given = [
        np.ascontiguousarray(a) if np.ndim(a) else np.asarray(a)[()]
        for a in (values[v.attrs["name"]] for v in inputs)
    ]
    arrays = [o for o in dict.fromkeys(made) if o.ndim]
    homes = {o: root_of(o) if writer.lies_in(o) else o for o in arrays}
    out = {o: np.full(size(home.shape), FILL, o.dtype) for o, home in homes.items()}
    memory = [np.full(size(shape), FILL, dtype) for shape, dtype in planned.memory]
    found = names["compiled"](*given, *text.arrays.values(), *out.values(), *memory)
    numbers = iter(() if found is None else found if isinstance(found, tuple) else (found,))
    return [out[o].reshape(size(o.shape)) if o.ndim else o.dtype.type(next(numbers)) for o in made]
