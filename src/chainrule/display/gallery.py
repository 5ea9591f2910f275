"""The examples of the course notes: a formula, values, and a sentence on what to look at, in both languages."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from chainrule.display.language import Words


class Example(NamedTuple):
    """A formula with values; `facts` hold in its derivation, `combine` draws σ and softmax as one gate."""

    key: str
    group: Words
    title: Words
    look: Words
    formula: str
    values: Mapping[str, Any]
    facts: str = ""
    combine: bool = False

    @property
    def link(self) -> str:
        """The part of an address that opens it in the studio: `#f=…&v=…`."""
        state = {"f": self.formula, "v": json.dumps(self.values, separators=(",", ":"))}
        more = {"facts": self.facts, "one": "1" if self.combine else "", "example": self.key}
        return "#" + "&".join(f"{k}={quote(v, safe='')}" for k, v in {**state, **more}.items() if v)


CIRCUITS = Words("Circuits of numbers", "수의 회로")
NETWORKS = Words("Layers and networks", "층과 신경망")
LOSSES = Words("Losses", "손실")

_NEURON = {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3}
_LAYER = {"W": [[1, -1, 0, 2], [0, 1, 1, -1], [-2, 0, 1, 1]], "x": [1, 2, 0, -1], "b": [4, 0, 1]}
_WORDS = {f"x{k}": vector for k, vector in enumerate([[0.5, -1], [1, 0.5], [-0.5, 2], [0, 1], [1.5, -0.5]], 1)}
_WINDOW = [
    [0.1, -0.2, 0.4, 0.3, 0.8, -0.5, 0.2, 0.1, -0.3, 0.2],
    [-0.3, 0.5, 0.2, -0.1, 0.6, 0.4, -0.2, 0.3, 0.1, -0.4],
    [0.2, 0.1, -0.5, 0.4, -0.7, 0.3, 0.5, -0.1, 0.2, 0.3],
]
_SCORES = "s = u.T @ x; s_c = u.T @ x_c; J = max(0, 1 - s + s_c)"

GALLERY: tuple[Example, ...] = (
    Example(
        "gates",
        CIRCUITS,
        Words("Add, multiply, max", "덧셈, 곱셈, max"),
        Words(
            "+ distributes the gradient, × switches it, max routes it; y is used twice, so 3 + 2 = 5.",
            "+는 기울기를 나누어 주고, ×는 맞바꾸고, max는 한쪽으로 보냅니다. y는 두 번 쓰여 3 + 2 = 5입니다.",
        ),
        "(x + y) * max(y, z)",
        {"x": 1, "y": 2, "z": 0},
    ),
    Example(
        "product",
        CIRCUITS,
        Words("A sum times a number", "합과 수의 곱"),
        Words(
            "The smallest circuit with a chain: z receives q = 3, and x and y both receive z = −4.",
            "연쇄가 있는 가장 작은 회로: z는 q = 3을, x와 y는 둘 다 z = −4를 받습니다.",
        ),
        "q = x + y; f = q * z",
        {"x": -2, "y": 5, "z": -4},
    ),
    Example(
        "shopping",
        CIRCUITS,
        Words("Shopping", "장보기"),
        Words(
            "The bill is 715. If an apple costs one more, the bill grows by 2 · 1.1 = 2.2.",
            "계산서는 715입니다. 사과값이 1 오르면 계산서는 2 · 1.1 = 2.2 오릅니다.",
        ),
        "(2*apple + 3*orange) * tax",
        {"apple": 100, "orange": 150, "tax": 1.1},
    ),
    Example(
        "neuron",
        CIRCUITS,
        Words("A neuron, gate by gate", "뉴런 하나, 게이트마다"),
        Words(
            "σ(w₀x₀ + w₁x₁ + w₂) from single gates: the gradient 1 becomes 0.1966 on its way back to the sum.",
            "게이트 하나하나로 만든 σ(w₀x₀ + w₁x₁ + w₂): 기울기 1은 합까지 돌아오는 동안 0.1966이 됩니다.",
        ),
        "1/(1 + exp(-(w0*x0 + w1*x1 + w2)))",
        _NEURON,
    ),
    Example(
        "sigmoid",
        CIRCUITS,
        Words("The same with one σ gate", "σ를 게이트 하나로"),
        Words(
            "Four gates are one: σ′ = (1 − σ) σ = 0.27 · 0.73 = 0.1966, the same number in one step.",
            "게이트 네 개가 하나가 됩니다: σ′ = (1 − σ) σ = 0.27 · 0.73 = 0.1966, 같은 수를 한 번에.",
        ),
        "1/(1 + exp(-(w0*x0 + w1*x1 + w2)))",
        _NEURON,
        combine=True,
    ),
    Example(
        "paths",
        CIRCUITS,
        Words("Several paths", "여러 갈래의 경로"),
        Words(
            "x and y reach f through u and through v; both ways are added: 15 + 6 = 21 at x, 10 + 6 = 16 at y.",
            "x와 y는 u와 v를 거쳐 f에 이릅니다. 돌아오는 것을 더합니다: x에서 15 + 6 = 21, y에서 10 + 6 = 16.",
        ),
        "u = x * y; v = x + y; f = u * v",
        {"x": 2, "y": 3},
    ),
    Example(
        "layer",
        NETWORKS,
        Words("One layer", "층 하나"),
        Words(
            "δ passes where relu is open. ∂s/∂W = δ xᵀ has the shape of W: point at a cell of the outer product.",
            "δ는 relu가 열린 곳만 지나갑니다. ∂s/∂W = δ xᵀ는 W와 모양이 같습니다. 외적의 칸을 가리켜 보세요.",
        ),
        "u' * relu(W*x + b)",
        {**_LAYER, "u": [1, -2, 3]},
    ),
    Example(
        "two-layers",
        NETWORKS,
        Words("Two layers: δ⁽³⁾ and δ⁽²⁾", "두 층: δ⁽³⁾과 δ⁽²⁾"),
        Words(
            "Error signals travel back layer by layer: δ⁽³⁾ = u ⊙ σ′(z⁽³⁾), then δ⁽²⁾ = W⁽²⁾ᵀ δ⁽³⁾ ⊙ σ′(z⁽²⁾).",
            "오차 신호는 층마다 거슬러 갑니다: δ⁽³⁾ = u ⊙ σ′(z⁽³⁾), 이어서 δ⁽²⁾ = W⁽²⁾ᵀ δ⁽³⁾ ⊙ σ′(z⁽²⁾).",
        ),
        "z2 = W1 @ x + b1; a2 = sigmoid(z2); z3 = W2 @ a2 + b2; a3 = sigmoid(z3); s = u.T @ a3",
        {
            "W1": [[0.5, -1, 0.2], [1, 0.3, -0.6], [-0.4, 0.8, 1], [0.7, 0.1, 0.5]],
            "x": [1, -2, 0.5],
            "b1": [0.1, 0, -0.2, 0.3],
            "W2": [[1, -0.5, 0.3, 0.8], [-0.7, 0.6, 1.2, -0.1]],
            "b2": [0, 0.1],
            "u": [2, -1],
        },
    ),
    Example(
        "window",
        NETWORKS,
        Words("A window of five words", "단어 다섯 개의 창"),
        Words(
            "x joins five word vectors, so ∇x = Wᵀ δ is cut into five pieces again: one update for each word.",
            "x는 단어 벡터 다섯 개를 이은 것이므로 ∇x = Wᵀ δ도 다시 다섯 조각으로 나뉩니다: 단어마다 하나씩.",
        ),
        "x = concat(x1, x2, x3, x4, x5); s = u.T @ tanh(W @ x + b)",
        {**_WORDS, "W": _WINDOW, "b": [0.1, 0, -0.1], "u": [1, -1, 0.5]},
    ),
    Example(
        "softmax",
        LOSSES,
        Words("Softmax and cross-entropy", "소프트맥스와 교차 엔트로피"),
        Words(
            "The gradient at z is what is predicted minus what is right: p − y, whose entries sum to 0.",
            "z에서의 기울기는 예측에서 정답을 뺀 것, p − y이고, 성분의 합은 0입니다.",
        ),
        "z = W @ x + b; J = -y.T @ log_softmax(z)",
        {"W": [[1, 0], [-1, 1], [0, -2]], "x": [1, 0.5], "b": [0, 0.2, 0.1], "y": [0, 1, 0]},
        facts="y: one-hot",
    ),
    Example(
        "margin",
        LOSSES,
        Words("Max-margin: too close", "최대 마진: 너무 가까움"),
        Words(
            "s is only 0.5 above s_c, so J = 0.5 and the gradients are −1 at s and +1 at s_c: apart they go.",
            "s가 s_c보다 0.5만 크므로 J = 0.5이고, 기울기는 s에서 −1, s_c에서 +1입니다. 둘을 떼어 놓습니다.",
        ),
        _SCORES,
        {"u": [1, 0.5], "x": [1, 1], "x_c": [0.5, 1]},
    ),
    Example(
        "at-the-margin",
        LOSSES,
        Words("At the margin", "마진 위에서"),
        Words(
            "s − s_c is exactly 1: a kink. max is tied and shares the gradient by halves; the check says so.",
            "s − s_c가 정확히 1인 꺾인 점입니다. max는 동점이라 기울기를 반씩 나누고, 확인란도 그렇게 말합니다.",
        ),
        _SCORES,
        {"u": [1, 0.5], "x": [1, 1], "x_c": [0, 1]},
    ),
    Example(
        "beyond",
        LOSSES,
        Words("Beyond the margin", "마진 너머"),
        Words(
            "s is more than 1 above s_c: J = 0, and no gradient flows. What is right enough is left alone.",
            "s가 s_c보다 1 넘게 큽니다. J = 0이고 기울기가 흐르지 않습니다. 충분히 맞은 것은 건드리지 않습니다.",
        ),
        _SCORES,
        {"u": [1, 0.5], "x": [2, 1], "x_c": [0, 1]},
    ),
    Example(
        "hinge",
        LOSSES,
        Words("Linear classifier, hinge loss", "선형 분류기와 힌지 손실"),
        Words(
            "Both wrong classes are within the margin: each has gradient 1, the right one, which y marks, −2.",
            "틀린 클래스 둘이 모두 마진 안에 있습니다: 기울기는 각각 1, y가 가리키는 맞는 클래스는 −2입니다.",
        ),
        "f = W @ x + b; L = sum(max(0, f - y.T @ f + 1)) - 1",
        {"W": [[1, 0], [0, 1], [1, 1]], "x": [1, 2], "b": [1, 0, 0], "y": [1, 0, 0]},
        facts="y: one-hot",
    ),
)
"""All examples, in the order of the notes."""

EXAMPLES: Mapping[str, Example] = {example.key: example for example in GALLERY}
