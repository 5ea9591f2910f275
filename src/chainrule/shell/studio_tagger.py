"""The studio's page of a tagger: a text, its names, their probabilities, and each word's share of the reason."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

from chainrule.display.language import Language, Words, in_html, plain
from chainrule.display.studio import shell
from chainrule.ner.explain_methods import GRADIENT
from chainrule.ner.explain_records import Explanation, Reason, Sentence, Word
from chainrule.ner.folder import Config
from chainrule.ner.tags import OUTSIDE
from chainrule.ner.tokenizer import CHARACTERS

FIRST: Mapping[bool, str] = {
    False: "Museums in Paris are amazing. Paris Hilton met Will Smith in Seoul last Monday.",
    True: "김민수는 지난 월요일 서울에서 이영희를 만났다.",
}
"""The text that the page begins with, for words and for characters."""

SAID: Mapping[str, Words] = {
    "title": Words("Names in a text", "글 속의 이름"),
    "model": Words("Model", "모델"),
    "text": Words("Text", "글"),
    "hint": Words("Choose a name, or any word, to see why.", "이름이나 단어를 고르면 이유가 보입니다."),
    "none": Words(
        "There is no trained model yet. This trains one on the bundled sample in a few seconds; then start the "
        "studio again in the same folder, or name the folder of a model:",
        "아직 훈련된 모델이 없습니다. 다음 명령은 함께 있는 예문으로 몇 초 만에 모델을 훈련합니다. "
        "그다음 같은 폴더에서, 또는 모델 폴더를 지정하여 스튜디오를 다시 시작하세요:",
    ),
    "why": Words("Why", "이유"),
    "share": Words(
        "gradient × input of its score, by word; sums to 1", "점수의 기울기 × 입력, 단어별 몫이며 합은 1"
    ),
    "beyond": Words("beyond the sentence", "문장 밖"),
    "chances": Words("Probabilities", "확률"),
    "against": Words("lowers the score", "점수를 낮춤"),
    "nothing": Words("There is no word in it.", "단어가 없습니다."),
}
BAR = 200.0  # length of a share of 1
SHADES = 5


def page(models: Sequence[tuple[str, Config]], lang: Language) -> str:
    """The page for these models: the name of each, and its settings."""
    body = (
        _asking(models) if models else f'<p>{in_html(SAID["none"])}</p><pre class="command">chainrule train</pre>'
    )
    inside = f'<main class="tagger"><section class="card"><h1>{in_html(SAID["title"])}</h1>{body}</section></main>'
    return shell("chainrule tagger", "tagger", inside, ("tagger.js",), lang)


def _asking(models: Sequence[tuple[str, Config]]) -> str:
    options = "".join(
        f'<option value="{k}" data-first="{escape(_first(config))}">{escape(_named(name, config))}</option>'
        for k, (name, config) in enumerate(models)
    )
    return (
        f'<p class="options"><label>{in_html(SAID["model"])} <select id="model">{options}</select></label></p>'
        f'<textarea id="text" rows="3" aria-label="{plain(SAID["text"])}">'
        f"{escape(_first(models[0][1]))}</textarea>"
        f'<p id="problem" role="alert"></p><p class="mute">{in_html(SAID["hint"])}</p>'
        '<div id="names" aria-live="polite"></div>'
    )


def in_page(found: Explanation) -> str:
    """The sentences with their names marked, and a panel for each name and each word."""
    if not found.sentences:
        return f'<p class="mute">{in_html(SAID["nothing"])}</p>'
    return "".join(_sentence(k, found, sentence) for k, sentence in enumerate(found.sentences))


def _sentence(number: int, found: Explanation, sentence: Sentence) -> str:
    reasons = sentence.reasons
    gaps = [found.text[a.end : b.start] for a, b in pairwise(reasons)]
    pieces = [_piece(number, k, found, sentence, reason) for k, reason in enumerate(reasons)]
    words = "".join(f"{piece}{escape(gap)}" for piece, gap in zip(pieces, [*gaps, ""], strict=True))
    panels = "".join(_panel(number, k, found, sentence, reason) for k, reason in enumerate(reasons))
    return f'<section class="sentence"><p class="words">{words}</p>{panels}</section>'


def _piece(number: int, k: int, found: Explanation, sentence: Sentence, reason: Reason) -> str:
    """A name or a word, to be chosen: its tokens, and of a name its label and its probability."""
    tokens = [sentence.tokens[t - sentence.first] for t in reason.tokens]
    between = [found.text[a.end : b.start] for a, b in pairwise(tokens)]
    inside = "".join(
        f'<span data-t="{t}">{escape(token.text)}</span>{escape(gap)}'
        for t, token, gap in zip(reason.tokens, tokens, [*between, ""], strict=True)
    )
    if reason.label == OUTSIDE:
        return f'<button type="button" class="word" data-why="{number}-{k}">{inside}</button>'
    label = f"<small>{escape(reason.label)} {reason.probability:.2f}</small>"
    return f'<button type="button" class="word name" data-why="{number}-{k}">{inside}{label}</button>'


def _panel(number: int, k: int, found: Explanation, sentence: Sentence, reason: Reason) -> str:
    each = list(zip(reason.words, reason.shares(GRADIENT), strict=True))
    shares = "".join(_share(word, share) for word, share in each)
    shades = " ".join(
        f"{word.token}:{min(int(share * SHADES * 2) + 1, SHADES)}"
        for word, share in each
        if word.token is not None
    )
    return (
        f'<div class="reason" id="why-{number}-{k}" data-shades="{shades}" hidden><div>'
        f"<h2>{in_html(SAID['why'])} <b>{escape(reason.text)}</b> → {escape(reason.label)} "
        f"{reason.probability:.2f}</h2>"
        f'<div class="scroll"><table class="shares">{shares}</table></div>'
        f'<p class="mute">{in_html(SAID["share"])}</p></div>'
        f"<div><h2>{in_html(SAID['chances'])}</h2>{_chances(found.labels, sentence, reason)}</div></div>"
    )


def _share(word: Word, share: float) -> str:
    against = word.adds[GRADIENT] < 0
    name = in_html(SAID["beyond"]) if word.token is None else escape(word.text.strip() or "␣")
    kind = ' class="against"' if against else ""
    mark = f"<small>− {in_html(SAID['against'])}</small>" if against else ""
    rect = f'<rect width="{BAR * share:.1f}" height="14" rx="3"/>'
    bar = f'<svg viewBox="0 0 {BAR:.0f} 14" preserveAspectRatio="none" aria-hidden="true">{rect}</svg>'
    return f'<tr{kind}><th scope="row">{name}</th><td>{bar}</td><td>{share:.2f}</td><td>{mark}</td></tr>'


def _chances(labels: Sequence[str], sentence: Sentence, reason: Reason) -> str:
    """The probabilities of every label for the tokens of a name."""
    tokens = [t - sentence.first for t in reason.tokens]
    p = sentence.probabilities
    order = sorted(range(len(labels)), key=lambda c: -p[tokens, c].mean())
    head = "".join(f'<th scope="col">{escape(labels[c])}</th>' for c in order)
    rows = "".join(
        f'<tr><th scope="row">{escape(sentence.tokens[t].text.strip() or "␣")}</th>'
        + "".join(f"<td{' class=most' if c == order[0] else ''}>{p[t, c]:.2f}</td>" for c in order)
        + "</tr>"
        for t in tokens
    )
    return f'<div class="scroll"><table class="chances"><tr><td></td>{head}</tr>{rows}</table></div>'


def _named(name: str, config: Config) -> str:
    figure = config.figures.get("f1") or config.figures.get("dev_f1")
    labels = ", ".join(config.labels)
    return f"{name} · {labels}" + (f" · F1 {100 * figure if figure <= 1 else figure:.1f}" if figure else "")


def _first(config: Config) -> str:
    return FIRST[config.tokenizer == CHARACTERS]
