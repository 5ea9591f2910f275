"""What the page of an explanation says, in English and Korean."""

from collections.abc import Mapping

from chainrule.display.language import Words
from chainrule.ner.explain_methods import GRADIENT, INTEGRATED, OCCLUSION

TITLE = Words("Why these names", "왜 이 이름인가")
TEXT = Words("Text", "글")
HINT = Words("Choose a name to see why.", "이름을 고르면 이유가 보입니다.")
METHOD = Words("Method", "방법")
METHODS: Mapping[str, Words] = {
    INTEGRATED: Words("integrated gradients", "적분 기울기"),
    OCCLUSION: Words("occlusion", "가림"),
    GRADIENT: Words("gradient × input", "기울기 × 입력"),
}
MEANINGS: Mapping[str, Words] = {
    INTEGRATED: Words(
        "What each word adds on the way from unknown words to these; sums to the difference of the scores",
        "모르는 단어들에서 이 단어들로 가는 길에 각 단어가 더하는 양. 합은 점수의 차와 같음",
    ),
    OCCLUSION: Words(
        "What the score loses when a word is replaced by an unknown one, computed anew",
        "단어를 모르는 단어로 바꾸고 다시 계산했을 때 점수가 잃는 양",
    ),
    GRADIENT: Words(
        "The gradient of the score by a word's vectors, times these",
        "단어 벡터에 대한 점수의 기울기와 그 벡터의 곱",
    ),
}
SHADES = Words(
    "Shaded: what raises the score (+) and what lowers it (−). Point at a word for the number.",
    "색: 점수를 올리는 단어(+)와 낮추는 단어(−). 단어를 가리키면 수가 보임.",
)
NO_NAMES = Words("No names were found.", "찾은 이름이 없습니다.")
NO_TEXT = Words("There is no word in it.", "단어가 없습니다.")
LEFT = Words(
    "{left} of {names} names are not explained (--most).",
    "이름 {names}개 중 {left}개는 설명하지 않음(--most).",
)
CUT = Words("The text is shown in part.", "글의 일부만 보입니다.")

SCORE: Mapping[str, Words] = {
    "score": Words("score of its tags", "태그 점수"),
    "margin": Words("ahead of the runner-up's scores", "차점 태그 점수와의 차"),
}
BLANK = Words("where no word is known", "아는 단어가 하나도 없을 때")
RUNNER_UP = Words("runner-up", "차점")
BEHIND = Words("{margin} behind", "{margin} 뒤짐")
NO_NAME = Words("no name", "이름 아님")
ALONE = Words("there is no other tag", "다른 태그가 없음")
PROBABILITY = Words("probability", "확률")
TOKEN = Words("token {number}", "토큰 {number}")

WORD = Words("word", "단어")
ADDS = Words("adds", "더하는 양")
LENGTH = Words("‖∂s/∂x‖", "‖∂s/∂x‖")
DELTA = Words("∂s/∂x", "∂s/∂x")
START, END = Words("‹start›", "‹시작›"), Words("‹end›", "‹끝›")
PROOF = Words(
    "{sum} = {value} − ({blank}): integrated gradients sum to the difference; relative error {error}, "
    "{points} points",
    "{sum} = {value} − ({blank}): 적분 기울기의 합은 점수의 차와 같음, 상대 오차 {error}, 점 {points}개",
)
FEATURES = Words("Features of the words", "단어의 특징")
FEATURES_REMARK = Words(
    "What each feature adds; → through scores of its own; ? a value that the model does not know",
    "각 특징이 더하는 양. →는 자기 점수를 통한 것, ?는 모델이 모르는 값",
)
TAGS = Words("Tags by score", "점수순 태그")
TAG = Words("tag", "태그")
ITS_SCORE = Words("score", "점수")
NEAREST = Words("Nearest windows of training", "가장 가까운 훈련 창")
COSINE = Words("cosine", "코사인")
WINDOW = Words("window", "창")
PLACE = Words("place", "위치")
