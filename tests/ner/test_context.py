"""Features of the surroundings: each against its plain definition, and read from text as from tokens."""

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from chainrule.ner.features import Features
from chainrule.ner.vocab import Vocabulary

WORDS = "the The THE of Of I iPad McDonald paris Paris PARIS 12 , . 서울 NATO é É"
TOKENS = st.sampled_from([*WORDS.split(), " ", ""])
SENTENCES = st.lists(st.lists(TOKENS, max_size=7), max_size=5)


def kind_of(token):
    """How a token is written: in small letters, all capital, the first one, elsewhere; None without such letters."""
    if token.islower():
        return "lower"
    if token.isupper():
        return "upper"
    if not any(c.isupper() or c.islower() for c in token):
        return None
    return "title" if token[0].isupper() else "mixed"


def plain_case(sentence, k):
    found = [kind_of(t) for t in sentence]
    words = [f for f in found if f in ("lower", "upper", "title")]
    begun = [f for f in words if f != "lower"]
    share = Fraction(len(begun), max(1, len(words)))
    bounds = {"<15%": Fraction(15, 100), "<30%": Fraction(30, 100), "<55%": Fraction(55, 100)}
    degree = next((name for name, bound in bounds.items() if share < bound), "more")
    if not begun:
        degree = "no capitals"
    if 2 * words.count("upper") > len(words):
        degree = "all capitals"
    return degree, found[k]


@given(SENTENCES)
def test_case_is_the_degree_of_the_sentence_and_the_capitals_of_the_token(sentences):
    made = Features.build(["case"], Vocabulary.build(sentences), sentences, 1)
    values = [made.values["case"].words[k] for k in made.ids(sentences)["case"]]
    for value, (degree, caps) in zip(
        values, [plain_case(s, k) for s in sentences for k in range(len(s))], strict=True
    ):
        here = value.split(", ")
        assert here[0] == degree
        assert caps is None or here[1] == caps


@pytest.mark.parametrize(
    ("sentence", "degree"),
    [
        ("it is here", "no capitals"),
        ("a b c d e f g h i J", "<15%"),
        ("Helen Marsh met the man of Berlin in a park", "<55%"),
        ("Helen met a man on the train", "<15%"),
        ("Brown Says Taxes Will Rise", "more"),
        ("BROWN SAYS TAXES will rise", "all capitals"),
        ("12 , 서울", "no capitals"),
    ],
)
def test_degrees(sentence, degree):
    sentences = [sentence.split()]
    made = Features.build(["case"], Vocabulary.build(sentences), sentences, 1)
    assert {made.values["case"].words[k].split(", ")[0] for k in made.ids(sentences)["case"]} == {degree}
