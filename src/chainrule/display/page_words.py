"""What the graph page says, in English and Korean."""

from collections.abc import Mapping

from chainrule.display.language import Words

SAID: Mapping[str, Words] = {
    "forward": Words("Forward", "앞으로"),
    "python": Words("The same in Python", "같은 것을 파이썬으로"),
    "check": Words("Check against finite differences", "유한 차분으로 확인"),
    "wait": Words(
        "Shown when the backward pass is done: guess the gradients first.",
        "뒤로 가는 계산이 끝나면 보입니다. 먼저 기울기를 짐작해 보세요.",
    ),
    "explain": Words("Explanation of the selected node", "선택한 노드의 설명"),
    "backprop": Words("backprop", "역전파"),
    "numeric": Words("numeric", "수치"),
    "shape": Words("shape", "모양"),
    "worst": Words("worst rel. error", "최대 상대 오차"),
    "kink": Words("kink: no gradient", "꺾인 점: 기울기 없음"),
    "wrong": Words("differs", "다름"),
    "undefined": Words("not a number", "수가 아님"),
    "value": Words("value (forward)", "값 (앞으로)"),
    "gradient": Words("gradient (backward)", "기울기 (뒤로)"),
    "local gradient": Words("local gradient at the selected node", "선택한 노드의 국소 기울기"),
    "palette": Words("Colour-blind palette", "색각 이상 팔레트"),
    "dark": Words("Dark", "어둡게"),
    "export": Words("Export", "내보내기"),
    "all": Words("Show repetitions", "반복도 보이기"),
    "first": Words("First step", "처음"),
    "back": Words("Step back", "이전"),
    "next": Words("Step forward", "다음"),
    "last": Words("Last step", "끝"),
    "step": Words("step", "단계"),
    "to front": Words("forward", "앞으로"),
    "to back": Words("backward", "뒤로"),
    "upstream": Words("upstream", "상류"),
    "local": Words("local", "국소"),
    "upstream of": Words("upstream of {name}", "{name}의 상류"),
    "downstream": Words("downstream", "하류"),
    "rule of all": Words(
        "Upstream gradient × local gradient = downstream gradient, once for each input:",
        "상류 기울기 × 국소 기울기 = 하류 기울기, 입력마다 한 번:",
    ),
    "node": Words("Node {name} is {title}", "노드 {name}: {title}"),
    "input": Words("Input {name}", "입력 {name}"),
    "constant": Words("Constant", "상수"),
    "sent": Words("Sent to {name}. Local rule:", "{name}(으)로 보냅니다. 국소 규칙:"),
    "if": Words("if", "조건"),
    "else": Words("else", "그 밖에는"),
    "used": Words(
        "{name} is used {times} times. Its gradient is the sum over every path back from {output}.",
        "{name}: {times}번 쓰였습니다. 기울기는 {output}에서 돌아오는 모든 경로의 합입니다.",
    ),
    "used once": Words(
        "{name} is used once: its gradient comes back along one path from {output}.",
        "{name}: 한 번 쓰였으므로 기울기는 {output}에서 한 경로로 돌아옵니다.",
    ),
    "unused": Words("Nothing flows back to {name}.", "{name}(으)로 돌아오는 것이 없습니다."),
    "through": Words("through", "지나는 곳:"),
    "grows": Words(
        "If {name} grows by {step}, {output} {moves} by about {change}.",
        "{name}: {step}만큼 커지면 {output}: 약 {change}만큼 {moves}.",
    ),
    "moves up": Words("grows", "커집니다"),
    "moves down": Words("falls", "작아집니다"),
    "paths": Words("{count} paths into {name}.", "{name}(으)로 오는 경로 {count}개."),
    "no flow": Words("No gradient flows through it.", "기울기가 흐르지 않습니다."),
    "same shape": Words(
        "Every gradient has the shape of the thing it belongs to: {shape}, the shape of {name}.",
        "기울기는 그것이 속한 것과 모양이 같습니다. {name}의 모양 {shape}.",
    ),
    "outer": Words("an outer product. Point at a cell.", "외적입니다. 칸을 가리켜 보세요."),
    "block": Words("repeats {times} times: {symbols}", "{times}번 반복: {symbols}"),
    # the caption of each step
    "at start": Words(
        "Start. The inputs have values. Press ▶ or the → key.",
        "시작. 입력에 값이 있습니다. ▶ 또는 → 키를 누르세요.",
    ),
    "at forward": Words(
        "Forward {k} of {all}. {equation}{numbers} = {value}",
        "앞으로 {all} 중 {k}. {equation}{numbers} = {value}",
    ),
    "at seed": Words(
        "Backward starts. The gradient of {output} by itself is {seed}.",
        "뒤로 시작. {output}의 자신에 대한 기울기는 {seed}입니다.",
    ),
    "at backward": Words(
        "Backward {k} of {all}. {name} receives {gradient} and sends {sent}.",
        "뒤로 {all} 중 {k}. {name}: {gradient} 받음. 보냄: {sent}.",
    ),
    "to": Words("{amount} to {name}", "{name}에 {amount}"),
    "and": Words(" and ", ", "),
    "at end": Words("Done. {gradients}", "끝. {gradients}"),
    "summed": Words(
        " {name} is used {times} times, so its gradients are added.",
        " {name}: {times}번 쓰였으므로 기울기를 더합니다.",
    ),
    "none": Words("The result has no gradient.", "결과에 기울기가 없습니다."),
}
"""Every text by its key."""
