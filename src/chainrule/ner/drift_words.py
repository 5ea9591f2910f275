"""What is said about words that moved and words that were left behind, in English and Korean."""

from chainrule.display.axes import percent
from chainrule.display.language import Words
from chainrule.ner.drift import Drift

TITLE = Words("Drift of word vectors", "단어 벡터의 이동")
VERDICT = Words("Verdict", "판정")
STAYED = Words(
    "No vector moved: the words are where they were before training.",
    "움직인 벡터가 없습니다. 모든 단어가 훈련 전 그 자리에 있습니다.",
)
TOGETHER = Words(
    "Words moved: {moved}. None of the untrained words near them ({near}) was left behind.",
    "단어 {moved}개가 움직였고, 그 주변의 훈련되지 않은 단어 {near}개 가운데 뒤에 남은 것은 없습니다.",
)
BEHIND = Words(
    "Left behind: {count} of {near} untrained words near trained ones ({share} %), such as {word}: it is not "
    "in the training data, {by} is and moved away, and their cosine fell from {before} to {after}.",
    "훈련된 단어 주변의 훈련되지 않은 단어 {near}개 중 {count}개({share} %)가 뒤에 남았습니다. 예: 훈련 데이터에 "
    "없는 {word} 곁에서 훈련된 단어 {by} 쪽이 멀어졌습니다(코사인 {before} → {after}).",
)
ADVICE = Words(
    "What the model learnt of the words that moved does not hold for these: keep the vectors fixed, anchor them "
    "to where they were, or drag the untrained words along.",
    "모델이 움직인 단어에서 배운 것은 남은 단어에 통하지 않습니다. 벡터를 고정하거나, 원래 자리에 묶어 두거나, "
    "훈련되지 않은 단어를 함께 끌고 가십시오.",
)
FEW = Words("They are too few to matter in most texts.", "대부분의 글에서는 문제가 되지 않을 만큼 적습니다.")

MOVED = Words("words moved", "움직인 단어")
OF_ALL = Words("of {count} that both have", "양쪽에 있는 {count}개 중")
TRAINED = Words("words trained", "훈련된 단어")
TRAINED_BY = Words("in the training data, or moved", "훈련 데이터에 있거나 움직인 단어")
LEFT = Words("left behind", "뒤에 남은 단어")
OF_NEAR = Words("of {near} near trained words: {share} %", "훈련된 단어 주변 {near}개 중 {share} %")
FARTHEST = Words("farthest move", "가장 먼 이동")
OF_LENGTH = Words("{word}: {share} % of its length", "{word}: 길이의 {share} %")

PICTURE = Words("Before → after", "훈련 전 → 후")
PICTURE_REMARK = Words(
    "The two directions in which these vectors differ most, before and after together; they hold {share} % of the "
    "differences, so distances mislead: the cosines are in the table.",
    "훈련 전후의 벡터를 합쳐 가장 크게 갈리는 두 방향입니다. 전체 차이의 {share} %만 담으므로 거리는 어림일 "
    "뿐이며, 정확한 코사인은 표에 있습니다.",
)
LEGEND = {
    "trained": Words("● trained", "● 훈련됨"),
    "still": Words("○ not trained", "○ 훈련되지 않음"),
    "behind": Words("○ left behind", "○ 뒤에 남음"),
}
HOVER = Words("Point at a word, or walk with Tab.", "단어를 가리키거나 Tab으로 옮겨 다니십시오.")
READ = Words(
    "{word} · moved {distance} · cos(before, after) {cosine}", "{word} · 이동 {distance} · cos(전, 후) {cosine}"
)
LOST = Words("lost {by}: cosine {before} → {after}", "잃은 이웃 {by}: 코사인 {before} → {after}")

PICTURE_WHOLE = Words(
    "The two directions in which these vectors differ, before and after together; there is no other.",
    "훈련 전후의 벡터를 합쳐 갈리는 두 방향입니다. 다른 방향의 차이는 없습니다.",
)
NEIGHBOURS = Words("Words and their neighbours", "단어와 이웃")
NEIGHBOURS_REMARK = Words(
    "The words most alike among all {count}, with cosines; those that came or went in bold.",
    "전체 {count}개 단어 중 가장 비슷한 단어와 코사인. 들어오거나 나간 이웃은 굵게 표시합니다.",
)
COLUMNS = (
    Words("word", "단어"),
    Words("trained", "훈련"),
    Words("moved", "이동"),
    Words("cos", "cos"),
    Words("neighbours before", "훈련 전 이웃"),
    Words("neighbours after", "훈련 후 이웃"),
)
YES, NO = Words("yes", "예"), Words("no", "아니요")
PAIRS = Words("Cosines of the words with each other", "단어 사이의 코사인")
FIRST, SECOND = Words("word", "단어"), Words("and", "와(과)")
BEFORE, AFTER, CHANGE = Words("before", "전"), Words("after", "후"), Words("change", "변화")
MOST = Words("What moved farthest", "가장 멀리 움직인 단어")
MOST_COLUMNS = (
    Words("word", "단어"),
    Words("length of the move", "이동 거리"),
    Words("share of its length", "자기 길이 대비"),
    Words("cos(before, after)", "cos(전, 후)"),
)
BEHIND_TITLE = Words("Left behind", "뒤에 남은 단어")
BEHIND_COLUMNS = (
    Words("word", "단어"),
    Words("moved away from it", "멀어진 단어"),
    BEFORE,
    AFTER,
    Words("neighbours lost", "잃은 이웃"),
)
SHOWN = Words("the first {shown} of {count}", "{count}개 중 처음 {shown}개")
NOBODY = Words("None.", "없습니다.")


ALONE = (
    Words(
        "{count} words have a vector only before: left out.",
        "훈련 전에만 벡터가 있는 단어 {count}개는 제외했습니다.",
    ),
    Words(
        "{count} words have a vector only after: left out.",
        "훈련 후에만 벡터가 있는 단어 {count}개는 제외했습니다.",
    ),
)


def cosine(value: float, sign: str = "") -> str:
    """A cosine, or a change of one with `+`, as it is written: −0.83."""
    return f"{value:{sign}.2f}".replace("-", "−")


def notes(d: Drift) -> list[Words]:
    """What was left out."""
    return [text.filled(count=f"{count:,}") for text, count in zip(ALONE, d.alone, strict=True) if count]


def verdict(d: Drift, words: tuple[str, ...] = ()) -> Words:
    """What happened, in a sentence, about one of these words if it was among those left behind."""
    moved = int((d.trained & (d.distance > 0)).sum())
    if not moved:
        return STAYED
    if not d.left:
        return TOGETHER.filled(moved=f"{moved:,}", near=f"{d.near:,}")
    told = next((each for each in d.left if each.word in words), d.left[0])
    counts = {"count": f"{len(d.left):,}", "near": f"{d.near:,}", "share": percent(d.share)}
    fall = {"before": cosine(told.before), "after": cosine(told.after)}
    return BEHIND.filled(**counts, **fall, word=told.word, by=told.by)


def advice(d: Drift) -> Words | None:
    """What to do about it; nothing where no word was left behind."""
    return (ADVICE if d.matters else FEW) if d.left else None
