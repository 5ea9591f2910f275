"""What every gate does with a gradient, in words, in English and Korean."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import CONSTANT, Node
from chainrule.algebra.signature import BOOLEAN, INTEGER
from chainrule.display.language import Words
from chainrule.display.trace_records import Passes, Row


class Gate(NamedTuple):
    """A kind of operation: what it is called, and its rule in a sentence."""

    title: Words
    rule: Words


def _gate(title: str, rule: str, korean_title: str, korean_rule: str) -> Gate:
    return Gate(Words(title, korean_title), Words(rule, korean_rule))


GATES: Mapping[str, Gate] = {
    "input": _gate(
        "an input",
        "Its gradient is the sum over every path back from the output.",
        "입력",
        "기울기는 출력에서 되돌아오는 모든 경로의 합입니다.",
    ),
    "constant": _gate(
        "a constant",
        "It does not move, so no gradient is needed.",
        "상수",
        "값이 변하지 않으므로 기울기가 필요 없습니다.",
    ),
    "distributes": _gate(
        "a distributor",
        "Addition hands the upstream gradient, unchanged, to each of its inputs.",
        "분배기",
        "덧셈은 상류 기울기를 모든 입력에 그대로 전달합니다.",
    ),
    "subtracts": _gate(
        "a distributor with a sign",
        "Subtraction hands the upstream gradient to the first input, and with its sign turned to the second.",
        "부호가 있는 분배기",
        "뺄셈은 상류 기울기를 첫째 입력에는 그대로, 둘째 입력에는 부호를 바꾸어 전달합니다.",
    ),
    "switches": _gate(
        "a switch",
        "Multiplication switches: the local gradient of each input is the value of the other one.",
        "교환기",
        "곱셈은 두 입력을 맞바꿉니다. 한 입력의 국소 기울기는 다른 입력의 값입니다.",
    ),
    "scales": _gate(
        "a scaler",
        "The upstream gradient is multiplied by a fixed number.",
        "배율기",
        "상류 기울기에 상수를 곱합니다.",
    ),
    "divides": _gate(
        "a divider",
        "In a / b the local gradient of a is 1 / b, and that of b is −a / b².",
        "나눗셈",
        "a / b에서 a의 국소 기울기는 1 / b, b의 국소 기울기는 −a / b²입니다.",
    ),
    "routes": _gate(
        "a router",
        "The upstream gradient goes whole to the input that was chosen, and nothing goes to the others.",
        "선택기(라우터)",
        "상류 기울기는 선택된 입력으로만 모두 전달되고, 나머지 입력에는 전달되지 않습니다.",
    ),
    "gates": _gate(
        "a gate that opens and closes",
        "Where it is open the upstream gradient passes unchanged; where it is closed nothing passes.",
        "여닫히는 게이트",
        "열린 성분에서는 상류 기울기가 그대로 통과하고, 닫힌 성분에서는 차단됩니다.",
    ),
    "bends": _gate(
        "a function of each entry",
        "The upstream gradient is multiplied, entry by entry, by the slope of the function at the input.",
        "성분별 함수",
        "상류 기울기에 입력값에서의 도함숫값을 성분마다 곱합니다.",
    ),
    "mixes": _gate(
        "a product of arrays",
        "The gradient of each factor is the upstream gradient times the other factor, transposed so that "
        "it has the shape of the first.",
        "배열의 곱",
        "각 인수의 기울기는 상류 기울기에 다른 인수를 전치하여 곱한 것이며, 그 인수와 모양이 같습니다.",
    ),
    "sums": _gate(
        "a sum over entries",
        "A sum distributes: every entry that was added receives the upstream gradient of its total.",
        "성분의 합",
        "합은 기울기를 분배합니다. 더해진 모든 성분이 그 합의 상류 기울기를 받습니다.",
    ),
    "copies": _gate(
        "a copier",
        "What is copied on the way forward is summed on the way back.",
        "복사기",
        "순전파에서 복사된 값의 기울기는 역전파에서 더해집니다.",
    ),
    "rearranges": _gate(
        "a rearrangement",
        "The entries change places, and so do those of the gradient on the way back.",
        "재배열",
        "성분의 자리가 바뀌고, 역전파에서는 기울기의 성분이 제자리로 돌아갑니다.",
    ),
    "selects": _gate(
        "a selection",
        "Only the entries that were chosen receive a gradient, the others receive 0; chosen twice, they sum.",
        "선택",
        "선택된 성분만 기울기를 받고 나머지는 0을 받습니다. 여러 번 선택된 성분에서는 더해집니다.",
    ),
    "joins": _gate(
        "a join",
        "The upstream gradient is cut, and each part receives its own piece.",
        "이어 붙이기",
        "상류 기울기를 나누어 각 부분에 해당하는 조각을 전달합니다.",
    ),
    "normalises": _gate(
        "a function of all entries together",
        "Every entry of the result depends on every entry of the input.",
        "전체 성분의 함수",
        "결과의 각 성분이 입력의 모든 성분에 의존합니다.",
    ),
    "solves": _gate(
        "a function of matrices",
        "Its differential is a product of matrices, and the gradient is that product, transposed.",
        "행렬 함수",
        "이 함수의 미분은 행렬곱이며, 기울기는 그 곱의 전치입니다.",
    ),
    "compares": _gate(
        "a comparison",
        "It jumps between true and false, and between the jumps it stands still: no gradient flows.",
        "비교 연산",
        "값이 참과 거짓 사이에서 바뀔 뿐 그 밖에서는 변하지 않으므로 기울기가 흐르지 않습니다.",
    ),
}
"""Every kind of operation by its key (`Row.gate`)."""

_OF_OPS: Mapping[str, str] = {
    "add": "distributes",
    "subtract": "subtracts",
    "negative": "scales",
    "divide": "divides",
    "cast": "rearranges",
    **dict.fromkeys(("relu", "hard_tanh", "clip"), "gates"),
    **dict.fromkeys(("row", "reshape"), "rearranges"),
    **dict.fromkeys(("slice", "take", "scatter", "pad"), "selects"),
    "join": "joins",
    **dict.fromkeys(("logsumexp", "softmax", "log_softmax", "norm2"), "normalises"),
    **dict.fromkeys(("inv", "det", "logdet", "solve", "commutation"), "solves"),
}


def gate_of(node: Node) -> str:
    """The kind of an operation, a key of `GATES`; what is not in the table goes by what its record says."""
    op = node.op
    if node.dtype in (BOOLEAN, INTEGER):
        return "compares"
    if op is PRODUCT_OP:
        return _product(node)
    if op.name == "divide" and node.inputs[1].op is CONSTANT:
        return "scales"
    return _OF_OPS.get(op.name) or ("routes" if op.routes else "bends" if op.entrywise else "normalises")


def _product(node: Node) -> str:
    left, _, out = node.attrs["letters"].partition("->")
    terms = left.split(",")
    moving = [term for term, x in zip(terms, node.inputs, strict=True) if x.op is not CONSTANT]
    if len(terms) == 1:
        if len(set(left)) < len(left):
            return "selects" if out else "sums"
        return "sums" if set(left) - set(out) else "copies" if set(out) - set(left) else "rearranges"
    if len(moving) == 1 and not any(x.op is CONSTANT and x.shape for x in node.inputs):
        return "scales"
    return "switches" if set(left) - {","} <= set(out) and out in terms else "mixes"


# ── what happened at these numbers ────────────────────────────────────────────────────────────────────

_TRUTH = (Words("false", "거짓"), Words("true", "참"))
_ALL = Words("{left} {sign} {right}: all goes to {to}", "{left} {sign} {right}: 모두 {to} 쪽으로 전달")
_TIE = Words("{left} = {right}: half goes to each", "{left} = {right}: 절반씩 전달")
_BRANCH = Words("{condition} is {truth}: all goes to {to}", "{condition}: {truth}, 모두 {to} 쪽으로 전달")
_GATE = (Words("closed: nothing passes", "닫힘: 차단"), Words("open: it passes", "열림: 그대로 통과"))
_SHARE = Words("{some} of {all} entries pass", "성분 {all}개 중 {some}개 통과")
_NAN = Words("not a number appears here", "여기서 NaN 발생")
_INFINITE = Words("infinity appears here", "여기서 무한대 발생")


def remark(trace: Passes, row: Row) -> Words | None:
    """What a gate did at these numbers, None where they say it themselves: `y > z: all goes to y`."""
    operands = [trace.rows[flow.source] for flow in row.inputs]
    if row.role != "operation" or row.value.dtype.kind != "f" or row.gradient is None:
        return None
    numbers = not row.shape and not any(x.shape for x in operands)
    return _chosen(row, operands) if numbers else _passing(row)


def trouble(trace: Passes, row: Row) -> Words | None:
    """Whether NaN or infinity appears in this row first: its operands have neither."""
    operands = [trace.rows[flow.source] for flow in row.inputs]
    if row.role != "operation" or row.value.dtype.kind != "f":
        return None
    if np.isfinite(row.value).all() or not all(np.isfinite(x.value).all() for x in operands):
        return None
    return _NAN if np.isnan(row.value).any() else _INFINITE


def _chosen(row: Row, operands: Sequence[Row]) -> Words | None:
    """Which number went through a choice or a gate; nothing is said of what is not a number."""
    if np.isnan(row.value):
        return None
    if row.node.op.name == "where":
        truth = bool(operands[0].value)
        return _BRANCH.filled(condition=operands[0].name, truth=_TRUTH[truth], to=operands[2 - truth].name)
    if row.gate == "gates":
        local = row.inputs[0].local
        return _GATE[local is not None and bool(local.any())]
    if row.gate != "routes" or len(operands) != 2:
        return None
    left, right = operands
    if left.value == right.value:
        return _TIE.filled(left=left.name, right=right.name)
    return _ALL.filled(
        left=left.name,
        right=right.name,
        sign=">" if left.value > right.value else "<",
        to=left.name if left.value == row.value else right.name,
    )


def _passing(row: Row) -> Words | None:
    """How many entries let a gradient through, of gates and of choices among the entries of one array."""
    if row.gate not in ("gates", "routes") or len(row.inputs) != 1:
        return None
    local = row.inputs[0].local
    if local is None or not local.size:
        return None
    return _SHARE.filled(some=f"{np.count_nonzero(local):,}", all=f"{local.size:,}")
