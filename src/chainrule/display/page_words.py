"""What the graph page says, in English and Korean."""

from collections.abc import Mapping

from chainrule.display.language import Words

SAID: Mapping[str, Words] = {
    "forward": Words("Forward", "순전파"),
    "python": Words("The same in Python", "파이썬 코드로 보기"),
    "check": Words("Check against finite differences", "유한 차분으로 검산"),
    "wait": Words(
        "Shown when the backward pass is done: guess the gradients first.",
        "역전파가 끝나면 나타납니다. 먼저 기울기를 예상해 보세요.",
    ),
    "explain": Words("Explanation of the selected node", "선택한 노드 설명"),
    "backprop": Words("backprop", "역전파"),
    "numeric": Words("numeric", "수치 미분"),
    "shape": Words("shape", "모양"),
    "worst": Words("worst rel. error", "최대 상대 오차"),
    "kink": Words("kink: no gradient", "꺾인 점: 미분 불가능"),
    "wrong": Words("differs", "불일치"),
    "undefined": Words("not a number", "정의되지 않음"),
    "value": Words("value (forward)", "값 (순전파)"),
    "gradient": Words("gradient (backward)", "기울기 (역전파)"),
    "local gradient": Words("local gradient at the selected node", "선택한 노드의 국소 기울기"),
    "export": Words("Export", "내보내기"),
    "all": Words("Show repetitions", "반복 구간 펼치기"),
    "first": Words("First step", "처음으로"),
    "back": Words("Step back", "뒤로"),
    "next": Words("Step forward", "앞으로"),
    "last": Words("Last step", "끝으로"),
    "step": Words("step", "단계"),
    "to front": Words("forward", "순전파"),
    "to back": Words("backward", "역전파"),
    "upstream": Words("upstream", "상류 기울기"),
    "local": Words("local", "국소 기울기"),
    "upstream of": Words("upstream of {name}", "{name}의 상류 기울기"),
    "downstream": Words("downstream", "하류 기울기"),
    "rule of all": Words(
        "Upstream gradient × local gradient = downstream gradient, once for each input:",
        "입력마다 상류 기울기 × 국소 기울기 = 하류 기울기:",
    ),
    "node": Words("Node {name} is {title}", "노드 {name}: {title}"),
    "input": Words("Input {name}", "입력 {name}"),
    "constant": Words("Constant", "상수"),
    "sent": Words("Sent to {name}. Local rule:", "{name} 쪽으로 보냅니다. 국소 기울기:"),
    "if": Words("if", "조건:"),
    "else": Words("else", "그 외에는"),
    "used": Words(
        "{name} is used {times} times. Its gradient is the sum over every path back from {output}.",
        "{name}: {times}번 쓰입니다. 기울기는 {output}에서 되돌아오는 모든 경로의 합입니다.",
    ),
    "used once": Words(
        "{name} is used once: its gradient comes back along one path from {output}.",
        "{name}: 한 번만 쓰이므로 기울기는 {output}에서 한 경로로 되돌아옵니다.",
    ),
    "unused": Words("Nothing flows back to {name}.", "{name} 쪽으로 되돌아오는 기울기가 없습니다."),
    "through": Words("through", "경유:"),
    "grows": Words(
        "If {name} grows by {step}, {output} {moves} by about {change}.",
        "{name} 값이 {step}만큼 커지면 {output} 값은 약 {change}만큼 {moves}.",
    ),
    "moves up": Words("grows", "커집니다"),
    "moves down": Words("falls", "작아집니다"),
    "paths": Words("{count} paths into {name}.", "{name} 쪽으로 오는 경로: {count}개."),
    "no flow": Words("No gradient flows through it.", "기울기가 흐르지 않습니다."),
    "same shape": Words(
        "Every gradient has the shape of the thing it belongs to: {shape}, the shape of {name}.",
        "기울기의 모양은 언제나 그 변수의 모양과 같습니다. {name}의 모양은 {shape}입니다.",
    ),
    "outer": Words("an outer product. Point at a cell.", "외적입니다. 성분을 가리켜 보세요."),
    "block": Words("repeats {times} times: {symbols}", "{times}번 반복: {symbols}"),
    # the caption of each step
    "at start": Words(
        "Start. The inputs have values. Press ▶ or the → key.",
        "시작. 입력값이 주어져 있습니다. ▶ 버튼이나 → 키를 누르세요.",
    ),
    "at forward": Words(
        "Forward {k} of {all}. {equation}{numbers} = {value}",
        "순전파 {k}/{all}. {equation}{numbers} = {value}",
    ),
    "at seed": Words(
        "Backward starts. The gradient of {output} by itself is {seed}.",
        "역전파 시작. {output} 자신에 대한 기울기는 {seed}입니다.",
    ),
    "at backward": Words(
        "Backward {k} of {all}. {name} receives {gradient} and sends {sent}.",
        "역전파 {k}/{all}. {name}: 상류 기울기 {gradient}. 하류로 보냄: {sent}.",
    ),
    "to": Words("{amount} to {name}", "{name}에 {amount}"),
    "and": Words(" and ", ", "),
    "at end": Words("Done. {gradients}", "완료. {gradients}"),
    "summed": Words(
        " {name} is used {times} times, so its gradients are added.",
        " {name}: {times}번 쓰이므로 기울기를 더합니다.",
    ),
    "none": Words("The result has no gradient.", "결과에 대한 기울기가 없습니다."),
}
"""Every text by its key."""
