"""What the studio says, in English and Korean."""

from collections.abc import Mapping

from chainrule.display.language import Words

SAID: Mapping[str, Words] = {
    "graph": Words("Graph", "그래프"),
    "derivation": Words("Derivation", "유도"),
    "gallery": Words("Examples", "예제"),
    "tagger": Words("Tagger", "개체명 인식"),
    "views": Words("Views", "보기"),
    "formula": Words("Formula", "수식"),
    "how": Words(
        "Python: u.T @ tanh(W @ x + b) · MATLAB: u' * tanh(W*x + b) · lines name parts: z = W @ x; …",
        "파이썬: u.T @ tanh(W @ x + b) · MATLAB: u' * tanh(W*x + b) · 이름 붙이기: z = W @ x; …",
    ),
    "spelling": Words("Spelling", "표기"),
    "auto": Words("as typed", "자동"),
    "one gate": Words("σ, softmax … as one gate", "σ, softmax 등을 게이트 하나로"),
    "values": Words("Values", "값"),
    "random": Words("Other numbers", "다른 수로"),
    "shape of": Words("Shape of {name}: 3 or 3×4, empty for a number", "{name}의 모양: 3 또는 3×4, 수는 비워 둠"),
    "large": Words("{shape}, in brackets", "{shape}, 괄호로"),
    "kept": Words("The last graph that could be computed is shown.", "마지막으로 계산된 그래프를 보입니다."),
    "number": Words("is not a number", "수가 아닙니다"),
    "bad shape": Words("is no shape; write 3 or 3×4, at most 64", "모양이 아닙니다. 3 또는 3×4로, 64까지"),
    "gone": Words(
        "The studio does not answer; is it still running?", "스튜디오가 응답하지 않습니다. 아직 실행 중인가요?"
    ),
    "open": Words(
        "Choose an example, then change it: formula and values stay yours.",
        "예제를 고른 뒤 수식과 값을 바꿔 보세요.",
    ),
    # the derivation
    "kind": Words("Derivative", "도함수"),
    "usual": Words("gradient, or Jacobian", "기울기 또는 야코비"),
    "jacobian": Words("Jacobian", "야코비 행렬"),
    "hessian": Words("Hessian", "헤세 행렬"),
    "by": Words("by", "변수"),
    "all": Words("all", "모두"),
    "facts": Words("Facts", "알려진 사실"),
    "detail": Words("Steps", "단계"),
    "less": Words("backprop", "역전파"),
    "more": Words("by differentials", "미분으로"),
    "most": Words("every operation", "연산마다"),
    "asked": Words("The formula", "수식"),
    "with": Words("with", "이때"),
    "results": Words("The derivatives", "도함수"),
    "steps to": Words("Step by step:", "단계별로:"),
    "used": Words("facts used:", "쓰인 사실:"),
    "copy": Words("Copy", "복사"),
    "copied": Words("Copied", "복사됨"),
}
"""Every text by its key."""

TOLD = ("number", "bad shape", "gone")
"""What the scripts say."""
