"""What a report says, in English and Korean."""

from collections.abc import Mapping

from chainrule.display.language import Words

TITLE = Words("Training report", "훈련 보고서")
EVALUATION = Words("Evaluation", "평가 보고서")

DEV = Words("dev", "검증")
HELD_OUT = Words("dev, held out of the training data", "검증(훈련 데이터에서 떼어 둔 부분)")
PARTS: Mapping[str, Words] = {
    "train": Words("train", "훈련"),
    "dev": DEV,
    "test": Words("test", "테스트"),
    "old": Words("rehearsed", "복습"),
    "old_test": Words("old test", "이전 테스트"),
}

# ── at a glance ───────────────────────────────────────────────────────────────────────────────────────

F1_OF = Words("F1 on {part}", "{part} F1")
BEST_OF = Words("best epoch {best} of {epochs}", "{epochs} 에폭 중 {best}번째가 최고")
NO_EPOCH = Words("no epoch was finished", "끝난 에폭 없음")
ENTITIES = Words("{right} of {gold} names", "이름 {gold}개 중 {right}개")
FOUND = Words("{found} names found", "이름 {found}개를 찾음")
ACCURACY = Words("token accuracy", "토큰 정확도")
TOKENS = Words("{count} tokens", "토큰 {count}개")
TRAINED_IN = Words("training time", "훈련 시간")
SPEED = Words("{speed} tokens a second", "초당 토큰 {speed}개")
NUMBERS = Words("parameters", "매개변수")
TRAINED = Words("{count} of them trained", "그중 {count}개를 훈련")
ALL_TRAINED = Words("all of them trained", "모두 훈련")
CHECK = Words("gradient check", "기울기 검사")
ENTRIES = Words("{count} entries against differences", "성분 {count}개를 차분과 비교")
AGREES = Words("✓ right", "✓ 일치")
WRONG = Words("✗ wrong", "✗ 불일치")
INTERRUPTED = Words("The run was stopped before its end.", "실행이 끝나기 전에 중단되었습니다.")

# ── curves ────────────────────────────────────────────────────────────────────────────────────────────

CURVES = Words("Loss and F1", "손실과 F1")
LOSS = Words("Loss", "손실")
LOSS_REMARK = Words(
    "mean cross-entropy of a token; on train with dropout and regulariser. Dots are values, the line is smoothed",
    "토큰당 평균 교차 엔트로피. 훈련 손실에는 드롭아웃과 정규화가 들어 있음. 점은 실제 값, 선은 평활한 값",
)
F1 = Words("F1 on dev", "검증 F1")
F1_REMARK = Words("whole names, in percent", "이름 전체가 맞아야 정답, 단위 %")
RATE = Words("Learning rate", "학습률")
RATE_REMARK = Words("at the end of each epoch", "각 에폭이 끝날 때")
NORMS = Words("Gradient norm ‖g‖ of each parameter", "매개변수별 기울기 노름 ‖g‖")
NORMS_REMARK = Words(
    "on the same examples after each epoch; a norm that falls to 0 learns no more, one that grows may explode",
    "에폭마다 같은 예제에서 잼. 0으로 줄면 더 배우지 못하고, 커지면 발산할 수 있음",
)
MOVES = Words("Update for weight ‖Δw‖ / ‖w‖", "갱신 대 가중치 비 ‖Δw‖ / ‖w‖")
MOVES_REMARK = Words(
    "over the whole epoch; the line is one thousandth a step, the usual rule of thumb, if steps add up at random",
    "한 에폭 전체의 비. 가로선은 흔히 쓰는 기준인 단계마다 천분의 일(단계가 무작위로 쌓일 때)",
)
THUMB = Words("10⁻³ √steps", "10⁻³ √단계 수")
UNITS = Words("Hidden units", "은닉 유닛")
UNITS_REMARK = Words(
    "{dead} of {count} dead: blocked, f′(z) under 5 % of its largest, in all {windows} windows of dev",
    "{count}개 중 {dead}개가 죽음: 검증 창 {windows}개 모두에서 f′(z)가 최댓값의 5 % 미만으로 막힘",
)
UNITS_AXIS = Words(
    "share of windows in which a unit is blocked, in % → number of units", "유닛이 막힌 창의 비율(%) → 유닛 수"
)
EPOCHS = Words("Epochs", "에폭")
THINNED = Words("{shown} of {epochs} epochs are shown", "{epochs} 에폭 중 {shown}개만 보임")
COLUMNS: Mapping[str, Words] = {
    "epoch": Words("epoch", "에폭"),
    "train_loss": Words("train loss", "훈련 손실"),
    "dev_loss": Words("dev loss", "검증 손실"),
    "dev_precision": Words("precision", "정밀도"),
    "dev_recall": Words("recall", "재현율"),
    "dev_f1": Words("F1", "F1"),
    "rate": Words("rate", "학습률"),
    "norm": Words("mean |g|", "평균 |g|"),
    "seconds": Words("seconds", "초"),
}
LAYERS = Words("How the parameters learn", "매개변수의 학습")
LAYER_COLUMNS = (
    Words("parameter", "매개변수"),
    Words("shape", "모양"),
    Words("what it is", "뜻"),
    Words("‖g‖ by epoch", "에폭별 ‖g‖"),
    Words("last", "마지막"),
    Words("‖Δw‖/‖w‖ by epoch", "에폭별 ‖Δw‖/‖w‖"),
    Words("last", "마지막"),
)
MEANINGS: Mapping[str, Words] = {
    "E": Words("word vectors", "단어 벡터"),
    "K": Words("vectors of word shapes", "글자꼴 벡터"),
    "W": Words("hidden layer", "은닉층"),
    "b": Words("its bias", "은닉층 편향"),
    "W_2": Words("second hidden layer", "둘째 은닉층"),
    "b_2": Words("its bias", "그 편향"),
    "a": Words("slope below 0", "0 아래의 기울기"),
    "U": Words("scores of the tags", "태그 점수"),
    "c": Words("their bias", "점수 편향"),
    "Q": Words("vectors of letters", "글자 벡터"),
    "F": Words("filters over letters", "글자 필터"),
    "d": Words("their bias", "그 편향"),
    "L": Words("scores of single features", "특징 하나하나의 점수"),
    "A": Words("scores of moves between tags", "태그 사이 이동의 점수"),
}
VECTORS_OF = Words("vectors of {feature}", "{feature} 벡터")

FIXED = Words("kept as it was", "고정됨")

# ── figures and mistakes ──────────────────────────────────────────────────────────────────────────────

TYPES = Words("Names by type", "유형별 점수")
TYPE_COLUMNS = (
    Words("precision", "정밀도"),
    Words("recall", "재현율"),
    Words("F1", "F1"),
    Words("F1, ticks: precision and recall", "F1(눈금은 정밀도와 재현율)"),
    Words("gold", "정답"),
    Words("found", "예측"),
    Words("right", "맞음"),
)
ALL = Words("all", "전체")
MATRIX = Words("Confusion of tokens", "토큰 혼동 행렬")
MATRIX_REMARK = Words(
    "percent of each row, count below; the darker, the more of a type is mistaken. Click a cell for its sentences",
    "행 기준 %, 아래는 개수. 짙을수록 많이 틀림. 칸을 누르면 해당 문장이 나옴",
)
MATRIX_CUT = Words("; the {shown} commonest of {count} types", "; {count}개 유형 중 많은 {shown}개만")
GOLD = Words("gold", "정답")
PREDICTED = Words("predicted", "예측")
MISTAKES = Words("Commonest mistakes, and what is right", "가장 흔한 오류, 그리고 맞힌 것")
LEGEND = Words(
    "gold above, prediction below; ✗ and a dashed frame: wrong", "위는 정답, 아래는 예측. ✗와 점선은 틀림"
)
NO_MISTAKES = Words("No token was mistaken.", "틀린 토큰이 없습니다.")
GROUP = Words("{tokens} tokens in {sentences} sentences", "{sentences}개 문장의 토큰 {tokens}개")
MORE = Words("and {count} more sentences", "그 밖에 {count}개 문장")
MISSED = Words("not found", "못 찾음")
LINE = Words("line {line}", "{line}행")

# ── before and after ──────────────────────────────────────────────────────────────────────────────────

CHANGES = Words("Before and after", "이전과 이후")
CHANGE_COLUMNS = (
    Words("gold", "정답"),
    Words("F1 before", "이전 F1"),
    Words("F1 after", "이후 F1"),
    Words("change", "변화"),
    Words("gained", "새로 맞힘"),
    Words("forgotten", "잊음"),
)
UNTAGGED_REMARK = Words(
    "* not tagged in this data: compared with what the model found before",
    "* 이 데이터에 표시되지 않은 유형: 이전 모델이 찾은 것과 비교",
)
GAINED = Words("Gained: right now, not before", "새로 맞힘: 이전에는 틀렸으나 이제 맞음")
FORGOTTEN = Words("Forgotten: right before, not now", "잊음: 이전에는 맞았으나 이제 틀림")
OTHERWISE = Words("Otherwise now, of labels that this data lacks", "이제 달라짐: 이 데이터에 표시되지 않은 유형")
NAMES_OF = Words("{count} names", "이름 {count}개")
CASES = Words("In other letters", "대소문자를 바꾸면")
CASE_COLUMNS = (
    Words("precision", "정밀도"),
    Words("recall", "재현율"),
    Words("F1", "F1"),
    Words("change", "변화"),
)
CASE_NAMES: Mapping[str, Words] = {
    "as it is": Words("as it is", "그대로"),
    "lower": Words("lower case", "소문자로"),
    "upper": Words("UPPER CASE", "대문자로"),
    "title": Words("Title Case", "단어 첫 글자만 대문자로"),
}
CASES_REMARK = Words(
    "the same sentences with every token in other letters; --augment lower:0.1 shows some of them so in training",
    "같은 문장의 모든 토큰을 바꾸어 쓴 것. --augment lower:0.1을 주면 훈련 때 일부를 그렇게 보여 줌",
)

# ── the network ───────────────────────────────────────────────────────────────────────────────────────

FORMULA = Words("The network for one window, and its gradients", "한 창에 대한 신경망과 그 기울기")
FORMULA_REMARK = Words(
    "Sizes: {sizes}. In training, dropout multiplies x and h by masks; the loss is the mean over a batch.",
    "크기: {sizes}. 훈련 때는 드롭아웃이 x와 h에 마스크를 곱하며, 손실은 배치 평균입니다.",
)
PROVED = Words(
    "Proved by numbers at {draws} random points, largest error {error}.",
    "무작위 점 {draws}개에서 수치로 확인, 최대 오차 {error}.",
)
CHECKED = Words("Gradient check of the trained network", "훈련된 신경망의 기울기 검사")
CHECKED_REMARK = Words(
    "backprop against central differences, with a dropout mask, in float64; at the window of the first sentences "
    "of the training data of which the network is least sure",
    "드롭아웃 마스크를 포함해 역전파와 중앙 차분을 float64로 비교. "
    "훈련 데이터 앞부분에서 신경망이 가장 자신 없는 창",
)
CHECK_COLUMNS = (
    Words("parameter", "매개변수"),
    Words("shape", "모양"),
    Words("checked", "검사"),
    Words("worst relative error", "최대 상대 오차"),
    Words("at", "위치"),
    Words("backprop", "역전파"),
    Words("numeric", "차분"),
    Words("verdict", "판정"),
)
ROWS_USED = Words("rows used", "쓰인 행")
VERDICTS: Mapping[str, Words] = {
    "ok": Words("✓", "✓"),
    "kink": Words("kink", "꺾임"),
    "undefined": Words("undefined", "정의되지 않음"),
    "WRONG": Words("✗ WRONG", "✗ 틀림"),
}

# ── data and settings ─────────────────────────────────────────────────────────────────────────────────

DATA = Words("Data", "데이터")
DATA_COLUMNS: Mapping[str, Words] = {
    "file": Words("file", "파일"),
    "sentences": Words("sentences", "문장"),
    "tokens": Words("tokens", "토큰"),
    "entities": Words("names", "이름"),
    "documents": Words("documents", "문서"),
    "unknown": Words("unknown words", "모르는 단어"),
}
SETTINGS = Words("Settings", "설정")
SETTINGS_REMARK = Words("bold where it is not as usual", "굵은 글씨는 기본값과 다름")
VERSIONS = Words("Versions", "버전")
