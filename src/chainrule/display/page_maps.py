"""Products of arrays as pictures: upstream, local and downstream as heat maps with signs between them."""

from typing import NamedTuple

import numpy as np

from chainrule.algebra.contract import letters_of
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import VARIABLE, Node
from chainrule.display.heat import Kind, as_matrix, cell_width, heat, is_small, size_of, spoken
from chainrule.display.language import Text, in_svg, plain
from chainrule.display.page_words import SAID
from chainrule.display.trace_records import Flow, Passes

CELL = 27.0
CAPTION = 17.0
_COLOURS = {"v": "tv", "g": "tg", "l": "tl"}


class Shown(NamedTuple):
    """An array in a picture, with what is written below it."""

    array: np.ndarray
    kind: Kind
    below: Text = ""
    name: str = ""


def flow_picture(trace: Passes, flow: Flow) -> str:
    """How the downstream gradient of a flow is made, as SVG."""
    up, down = SAID["upstream"], SAID["downstream"]
    above, below = flow.upstream, flow.downstream
    if above is None or below is None:
        return ""
    if flow.local is not None and flow.local.shape == below.shape:
        sign = "⊙" if above.ndim else "·"
        return _in_line(
            [Shown(above, "g", up), sign, Shown(flow.local, "l", SAID["local"]), "=", Shown(below, "g", down)]
        )
    factors = _factors(trace, flow)
    if factors is None:
        return _in_line([Shown(above, "g", up), "→", Shown(below, "g", down)])
    left, right, outer = factors
    if outer and is_small(below):
        return outer_picture(left, right, below)
    return _in_line([left, "·", right, "=", Shown(below, "g", down)])


def outer_names(trace: Passes, flow: Flow) -> tuple[str, str] | None:
    """Column and row by name, where the downstream gradient is their outer product and its numbers are shown."""
    factors = _factors(trace, flow)
    if factors is None or not factors[2] or flow.downstream is None or not is_small(flow.downstream):
        return None
    return factors[0].name, factors[1].name


def _factors(trace: Passes, flow: Flow) -> tuple[Shown, Shown, bool] | None:
    """The two factors of a product as they stand in it, left and right, and whether it is an outer one."""
    rule = flow.rule
    if rule is None or rule.op is not PRODUCT_OP or len(rule.inputs) != 2:
        return None
    (first, second), out = letters_of(rule.attrs["letters"])
    one, two = (_factor(trace, flow, node) for node in rule.inputs)
    if one is None or two is None or any(len(set(t)) < len(t) or len(t) > 2 for t in (first, second, out)):
        return None
    summed = set(first) & set(second) - set(out)
    if len(first) == len(second) == 1 and len(out) == 2:
        a, b = (one, two) if out[0] == first else (two, one)
        return a, b, True
    if len(summed) != 1 or not out or set(first) & set(second) & set(out):
        return None
    if out[0] not in first:
        first, second, one, two = second, first, two, one
    if out[0] not in first or len(first) != 2:
        return None
    left = one._replace(array=one.array if first[0] == out[0] else one.array.T)
    right = two._replace(array=two.array if len(second) == 1 or second[0] in summed else two.array.T)
    return left, right, False


def _factor(trace: Passes, flow: Flow, node: Node) -> Shown | None:
    """A factor that is the upstream gradient or an operand; None if it is more than a name."""
    if node.op is not VARIABLE:
        return None
    name = node.attrs["name"]
    if name == trace.upstream and flow.upstream is not None:
        return Shown(flow.upstream, "g", SAID["upstream"], name)
    operands = [trace.rows[f.source] for f in trace.rows[flow.target].inputs]
    row = next((row for row in operands if row.name == name), None)
    return None if row is None else Shown(row.value, "l", SAID["local"], name)


def _in_line(items: list[Shown | str]) -> str:
    """Maps beside one another, their middles at one height."""
    sizes = [size_of(item.array, CELL) if isinstance(item, Shown) else None for item in items]
    height = max(size.height for size in sizes if size)
    x, pieces, told = 4.0, [], []
    for item, size in zip(items, sizes, strict=True):
        if isinstance(item, Shown) and size:
            room = max(size.width, 80.0)
            left = x + (room - size.width) / 2
            pieces.append(heat(item.array, left, 2 + (height - size.height) / 2, item.kind, cell=CELL))
            pieces.append(_caption(item, x + room / 2, height + CAPTION))
            told.append(f"{plain(item.below)} {spoken(item.array)}")
            x += room + 6
        elif isinstance(item, str):
            pieces.append(f'<text class="mid" x="{x + 8:g}" y="{height / 2 + 7:g}" font-size="18">{item}</text>')
            told.append(item)
            x += 22
    return _svg(x, height + CAPTION + 6, " ".join(told), "".join(pieces))


def outer_picture(left: Shown, right: Shown, product: np.ndarray) -> str:
    """A column times a row: `data-k` d, x and w mark the cells of the column, the row and the product."""
    row = right.array.reshape(1, -1)
    wide = max(cell_width(row, CELL), cell_width(product, CELL))
    result, column, top = size_of(product, CELL, wide), size_of(left.array, CELL), size_of(row, CELL, wide)
    x, y = 84 + column.width + 8, 22 + top.height + 8
    middle, below = x + result.width / 2, y + result.height + CAPTION
    names = (
        _caption(right, middle, 14),
        _caption(left, 44, y + result.height / 2 + 4),
        _caption(Shown(product, "g", SAID["downstream"]), middle, below),
        heat(row, x, 22, right.kind, cell=CELL, wide=wide, mark="x"),
        heat(left.array, 84, y, left.kind, cell=CELL, mark="d"),
        heat(product, x, y, "g", cell=CELL, wide=wide, mark="w"),
    )
    told = f"{spoken(left.array)} × {spoken(row)} = {spoken(product)}"
    return _svg(x + result.width + 6, below + 8, told, "".join(names), "outer")


def _caption(shown: Shown, x: float, y: float) -> str:
    """What a map is, in its colour."""
    return f'<text class="{_COLOURS[shown.kind]} mid small" x="{x:g}" y="{y:g}">{in_svg(shown.below)}</text>'


def _svg(width: float, height: float, told: str, inside: str, kind: str = "") -> str:
    return (
        f'<svg class="maps map {kind}" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-size="15" role="img" aria-label="{told}">{inside}</svg>'
    )


def rows_and_columns(array: np.ndarray) -> str:
    """The shape of an array as a matrix: `3 × 1`."""
    rows, columns = as_matrix(array).shape
    return f"{rows} × {columns}"
