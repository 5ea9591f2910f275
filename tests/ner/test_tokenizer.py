import gc
import re
import time
import unicodedata

import pytest
from hypothesis import given, strategies as st

from chainrule.ner.corpus import read_corpus
from chainrule.ner.tokenizer import CHARACTERS, TOKENIZER, TOKENIZERS, Token, characters, sentences, tokenize

PIECES = [
    *(
        "do",
        "n't",
        "’s",
        "U.S.",
        "e.g.",
        "3.5",
        "1,000",
        "http://",
        "www.",
        "a@b.c",
        "@",
        "#",
        "한국",
        "東京",
        "カナ",
    ),
    *(
        "\u0301",
        "\u200d",
        "\ufe0f",
        "\u20e3",
        "👩",
        "🏽",
        "🇰",
        "❤",
        "ᄏ",
        "ᅡ",
        "ᆫ",
        "-",
        "--",
        ".",
        "...",
        "'",
        '"',
        "(",
    ),
    *(")", " ", "\n", "\u00a0", "\u2028", "_", "&", ":", ";", "<3", "Mr.", "J.", "No.", "𝒳", "\x00", "\x1f", "𠀀"),
]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.lists(
    st.sampled_from(PIECES), max_size=12
).map("".join)
LONG = [
    *"a1.'@-#(<:_ \n가漢",
    "a.",
    "a-",
    "a'",
    "1.",
    "A.",
    ".'",
    ". ",
    "A&",
    "a@",
    "a@a.",
    "n't",
    "http://",
    "www.",
]


def words(text):
    return " ".join(token.text for token in tokenize(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I don't, can’t, won't and cannot.", "I do n't , ca n’t , wo n't and can not ."),
        ("Cannot DON'T cannoth n't", "Can not DO N'T cannoth n't"),
        ("John's we're I’m they'll he'd I've", "John 's we 're I ’m they 'll he 'd I 've"),
        ("O'Brien's d’Ivoire James' rock'n'roll", "O'Brien 's d’Ivoire James ' rock'n'roll"),
        ("'em '90s '96 'quoted'", "'em '90s '96 ' quoted '"),
        ("the U.S., N.Y. and e.g. 5 a.m.", "the U.S. , N.Y. and e.g. 5 a.m."),
        ("U.S.-based AT&T R&D B&b", "U.S.-based AT&T R&D B & b"),
        ("Mr. Smith vs. Dr. J. K. Doe, Ph.D., Inc.", "Mr. Smith vs. Dr. J. K. Doe , Ph.D. , Inc."),
        ("No. 5. No. I. Vitamin C.", "No. 5 . No . I . Vitamin C ."),
        ("It ended in Paris.The next", "It ended in Paris . The next"),
        ("$5 10% 3.5m 1,000.50 12:30 1/2 2-0 1st £3bn", "$ 5 10 % 3.5m 1,000.50 12:30 1/2 2-0 1st £ 3bn"),
        ("-5 +1.5 .5 (-3) 1996-08-22 5-", "-5 +1.5 .5 ( -3 ) 1996-08-22 5 -"),
        ("family-run Franco-German -- well—so 2010–12", "family-run Franco-German -- well — so 2010 – 12"),
        ("Wait... what…?! ``So''", "Wait ... what … ? ! `` So ''"),
        ("“Hi,” he «said» [1]{2}", "“ Hi , ” he « said » [ 1 ] { 2 }"),
        ("see https://a.b/c?d=1,2. (www.x.kr/a_(b))", "see https://a.b/c?d=1,2 . ( www.x.kr/a_(b) )"),
        ("cnn.com's http://t.co/x입니다 http://...", "cnn.com 's http://t.co/x 입니다 http : / / ..."),
        ("mail first.last+tag@mail.co-op.org.", "mail first.last+tag@mail.co-op.org ."),
        ("a.b@c.de a@b", "a.b@c.de a @b"),
        ("@paul_walk: #BREAKING #한국어 #1 #2nd", "@paul_walk : #BREAKING #한국어 # 1 #2nd"),
        ("ok :) ;-) <3 note:(a)", "ok :) ;-) <3 note : ( a )"),
        ("👩‍👩‍👧‍👦🇰🇷🇯🇵1️⃣#️⃣❤️👍🏽🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👩‍👩‍👧‍👦 🇰🇷 🇯🇵 1️⃣ #️⃣ ❤️ 👍🏽 🏴󠁧󠁢󠁥󠁮󠁧󠁿"),
        ("삼성전자는 10일 BTS가 'ITV방송'", "삼성전자는 10일 BTS가 ' ITV방송 '"),
        ("東京タワーへ行った。IBM社", "東京 タワー へ 行 った 。 IBM 社"),
        ("e\u0301te\u0301 हिन्दी। ไทย ن\u200cه", "e\u0301te\u0301 हिन्दी । ไทย ن\u200cه"),
        ("snake_case _x_ a\u00a0b\u200bc", "snake_case _ x _ a b \u200b c"),
        ("", ""),
        (" \n\t\u2028", ""),
    ],
)
def test_words_follow_the_conventions_of_conll(text, expected):
    assert words(text) == expected


def test_tokens_have_exact_offsets():
    assert tokenize(" I’m 👩‍👧") == [(1, 2, "I"), (2, 4, "’m"), (5, 8, "👩‍👧")]
    assert tokenize("ab")[0].moved(3) == Token(3, 5, "ab")


def test_the_versions_name_the_tokenizers():
    assert {"words-1": tokenize, "characters-1": characters} == TOKENIZERS
    assert tuple(TOKENIZERS) == (TOKENIZER, CHARACTERS)


@given(TEXT)
def test_words_cover_everything_but_space(text):
    end = 0
    for token in tokenize(text):
        assert text[end : token.start].strip() == ""
        assert token.start < token.end
        assert text[token.start : token.end] == token.text
        assert not any(map(str.isspace, token.text))
        end = token.end
    assert text[end:].strip() == ""


@given(TEXT)
def test_characters_cover_everything(text):
    found = characters(text)
    assert "".join(t.text for t in found) == text
    assert [t.end for t in found] == [*[t.start for t in found[1:]], *[len(text)] * bool(found)]
    assert all(text[t.start : t.end] == t.text for t in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("가 a1", ["가", " ", "a", "1"]),
        ("e\u0301é", ["e\u0301", "é"]),
        (unicodedata.normalize("NFD", "한국"), [unicodedata.normalize("NFD", c) for c in "한국"]),
        ("ᄏ큐ᅲ", ["ᄏ", "큐", "ᅲ"]),
        ("👩‍👧🇰🇷1️⃣👍🏽", ["👩‍👧", "🇰🇷", "1️⃣", "👍🏽"]),
        ("हिन्दी,अ", ["हि", "न्", "दी", ",", "अ"]),
        ("\r\n\n", ["\r", "\n", "\n"]),
    ],
)
def test_characters_keep_their_marks(text, expected):
    assert [t.text for t in characters(text)] == expected


@pytest.mark.parametrize("part", ["train", "dev", "test"])
def test_characters_are_those_of_klue(shared_data, part):
    for sentence in read_corpus(shared_data / f"ner/klue/{part}.tsv").sentences:
        assert [t.text for t in characters("".join(sentence.tokens))] == sentence.tokens


def test_words_are_nearly_those_of_wikigold(shared_data):
    corpus = read_corpus(shared_data / "ner/wikigold/wikigold.conll")
    same = sum(tokenize(" ".join(s.tokens)) == _placed(s.tokens) for s in corpus.sentences)
    assert same / len(corpus.sentences) > 0.95


def _placed(tokens):
    end, placed = -1, []
    for token in tokens:
        placed.append(Token(end + 1, end + 1 + len(token), token))
        end = placed[-1].end
    return placed


# ── sentences ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? four", ["One.", "Two!", "Three? four"]),
        ("  A line \n\n another\r\nlast ", ["A line", "another", "last"]),
        ("He said “No.” Then (yes.) “So”", ["He said “No.”", "Then (yes.)", "“So”"]),
        ("Mr. Smith met J. Doe of the U.S. Army. They", ["Mr. Smith met J. Doe of the U.S. Army.", "They"]),
        ("It cost 3.5 dollars. 5 more", ["It cost 3.5 dollars. 5 more"]),
        ("So… Why?! 'Well' ...no", ["So…", "Why?!", "'Well' ...no"]),
        ("어제 갔다. 오늘은 3.5도! 끝", ["어제 갔다.", "오늘은 3.5도!", "끝"]),
        ("行った。「はい。」次", ["行った。", "「はい。」", "次"]),
        ("a.\u2028b", ["a.", "b"]),
        (" . . A", [". .", "A"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_end_where_a_reader_would_say(text, expected):
    assert [text[start:end] for start, end in sentences(text)] == expected


@given(TEXT)
def test_sentences_cover_everything_but_space(text):
    end = 0
    for start, stop in sentences(text):
        assert text[end:start].strip() == ""
        assert text[start:stop] == text[start:stop].strip() != ""
        assert "\n" not in text[start:stop]
        end = stop
    assert text[end:].strip() == ""


# ── speed ─────────────────────────────────────────────────────────────────────────────────────────────


def seconds(cut, unit, length, times=3):
    """The time that a text takes, by this process alone, with the collector of garbage at rest."""
    text, taken = (unit * length)[:length], []
    gc.disable()
    try:
        for _ in range(times):
            begin = time.process_time()
            cut(text)
            taken.append(time.process_time() - begin)
    finally:
        gc.enable()
    return min(taken)


def barely(text):
    """The least that cutting into single characters takes in Python."""
    return [(m.start(), m.end(), m[0]) for m in re.finditer(r"(?s:.)", text)]


@pytest.mark.parametrize("unit", ["a", ".", "'", "@"])
def test_a_character_takes_little_more_than_a_look_at_it(unit):
    assert seconds(tokenize, unit, 100_000) < 15 * seconds(barely, unit, 100_000)  # three times on a quiet machine


@pytest.mark.parametrize("cut", [tokenize, characters, sentences])
@pytest.mark.parametrize("unit", LONG)
def test_no_repetition_is_read_in_more_than_linear_time(cut, unit):
    short = seconds(cut, unit, 10_000)
    assert seconds(cut, unit, 80_000, times=2) < 24 * short + 0.02  # a square would be 64 times the time
