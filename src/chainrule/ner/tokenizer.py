"""Text to tokens with exact character offsets: `text[t.start:t.end] == t.text`, nothing but space left out.

Words follow the conventions of CoNLL-2003 and the Penn treebank: `do|n't`, `John|'s`, `U.S.`, `3.5m`, `10|%`.
A run of Hangul with the Latin letters and digits in it is one token; so is a run of Han, of hiragana and of
katakana.  Characters, for models of Korean, are letters with their marks, and spaces too.
Every pattern reads in linear time: repetitions are possessive, bounded, or followed by what they cannot hold.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

TOKENIZER = "words-1"
CHARACTERS = "characters-1"


class Token(NamedTuple):
    """Characters `start` to `end` of a text, end-exclusive, in code points."""

    start: int
    end: int
    text: str

    def moved(self, by: int) -> "Token":
        """The same token where `by` more characters stand in front."""
        return Token(self.start + by, self.end + by, self.text)


def _class(ranges: str) -> str:
    """The inside of [ ] for hexadecimal code points and ranges of them."""
    return "".join("-".join(f"\\U{int(end, 16):08x}" for end in part.split("-")) for part in ranges.split())


# Combining marks of Unicode 14, soft hyphen and joiners; letters between them are taken along.
MARKS = _class(
    """
    ad 200c-200d 2060
    300-36f 483-489 591-5bd 5bf 5c1-5c2 5c4-5c5 5c7 610-61a 64b-65f 670 6d6-6dc 6df-6e8 6ea-6ed 711-7f3 7fd
    816-82d 859-85b 898-8e1 8e3-963 981-9e3 9fe-a75 a81-ae3 afa-b63 b82-bd7 c00-c63 c81-c83 cbc-d4d d57-d63
    d81-df3 e31-e3a e47-e4e eb1-ecd f18-f19 f35 f37 f39 f3e-f84 f86-fbc fc6 102b-103e 1056-109d 135d-135f
    1712-1734 1752-17d3 17dd 180b-180d 180f-193b 1a17-1a1b 1a55-1a7f 1ab0-1b44 1b6b-1b73 1b80-1bf3 1c24-1c37
    1cd0-1cd2 1cd4-1dff 20d0-20f0 2cef-2cf1 2d7f-2dff 302a-302f 3099-309a a66f-a672 a674-a67d a69e-a6f1
    a802-a827 a82c a880-a8c5 a8e0-a8f1 a8ff-a92d a947-a953 a980-a9c0 a9e5-aa4d aa7b-aac1 aaeb-aaef aaf5-aaf6
    abe3-abea abec-abed fb1e fe00-fe0f fe20-fe2f 101fd-1037a 10a01-10a3f 10ae5-10ae6 10d24-10eac 10f46-10f50
    10f82-10f85 11000-11046 11070-110ba 110c2 11100-11134 11145-11173 11180-111c0 111c9-111cc 111ce-111cf
    1122c-11237 1123e 112df-11446 1145e-114c3 115af-115c0 115dc-11640 116ab-116b7 1171d-1172b 1182c-1183a
    11930-11943 119d1-119e0 119e4-11a3e 11a47-11a99 11c2f-11c3f 11c92-11ef6 16af0-16af4 16b30-16b36
    16f4f-16f92 16fe4-16ff1 1bc9d-1bc9e 1cf00-1cf46 1d165-1d169 1d16d-1d172 1d17b-1d182 1d185-1d18b
    1d1aa-1d1ad 1d242-1d244 1da00-1da36 1da3b-1da6c 1da75 1da84 1da9b-1daaf 1e000-1e136 1e2ae-1e2ef
    1e8d0-1e94a e0100-e01ef
    """
)
_HAN = _class("3005-3007 3400-4dbf 4e00-9fff f900-faff 20000-3ffff")
_HIRAGANA = _class("3041-309f")
_KATAKANA = _class("30a1-30fa 30fc-30ff 31f0-31ff ff66-ff9f")
_EMOJI = _class(
    "a9 ae 203c 2049 2122 2139 2194-21aa 231a-23ff 24c2 25aa-25fe 2600-27bf 2934-2935 2b05-2b55 3030 303d"
    " 3297 3299 1f000-1faff"
)
CAPITALS = "A-Z" + _class("c0-d6 d8-de 400-42f")
_LATIN = "A-Za-z" + _class("c0-24f 400-4ff")

_CJK = _HAN + _HIRAGANA + _KATAKANA
_ALNUM = rf"[^\W_{_CJK}]"  # a letter or digit of a script with spaces
_LETTER = rf"[^\W\d_{_CJK}]"
_END = r"(?!\w)"
_RUN = rf"{_ALNUM}++(?:[{MARKS}]++{_ALNUM}*+)*+"
_CLITIC = rf"(?i:s|re|ve|ll|d|m){_END}"

# ── abbreviations, which keep their full stop ─────────────────────────────────────────────────────────

_SHORT = (
    "Mr Mrs Ms Mx Dr Drs Prof Sen Rep Gov Gen Col Lt Sgt Capt Cmdr Adm Maj Brig Rev Hon Supt Insp Ph.D St "
    "Ste Jr Sr Esq Inc Corp Co Ltd Bros Dept Univ Assn Mt Ft Ave Blvd Rd vs v etc al cf ca approx Fig Vol pp Nos "
    "Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Ala Ariz Calif Colo Conn Fla Ga Kan Ky Mass Md Mich Minn Mo "
    "Mont Neb Nev Okla Ore Pa Tenn Tex Va Vt Wis Wyo"
)
_LISTED = "|".join(map(re.escape, _SHORT.split()))
_DOTTED = rf"[{_LATIN}](?:\.[{_LATIN}]){{1,9}}+(?![\w@])"  # U.S  e.g  a.m
_INITIAL = rf"(?!I)[{CAPITALS}]"
_STOPPED = re.compile(rf"(?:{_LISTED}|{_DOTTED}|{_INITIAL})\.")

# ── words ─────────────────────────────────────────────────────────────────────────────────────────────

_URL_LETTER = r"A-Za-z0-9_/#%&=+~$@*|-"
_URL_REST = rf"(?:[{_URL_LETTER}]++|[.,:;!?'’]++(?=[{_URL_LETTER}])|\([^\s()<>]*+\))++"
_DOMAIN = "com|org|net|edu|gov|mil|info|biz|io|tv|ly|gl|fm|uk|kr|jp|de|fr|eu|ru|cn|au|nl|ch|COM|ORG|NET"
_JOINER = "|".join(
    (
        r"(?<=\d)[.,:/](?=\d)",  # 3.5  1,000  12:30  1/2
        rf"[-‐‑_](?={_ALNUM})",
        rf"['’](?!{_CLITIC})(?={_LETTER})",  # O'Brien
        r"(?<=[A-Z])&(?=[A-Z])",  # AT&T
    )
)
_WORD = rf"{_RUN}(?:(?:{_JOINER}){_RUN})*+"
_PART = rf"[{_EMOJI}][\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*+"
_PICTURE = rf"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_PART}(?:\u200d{_PART})*+"

_COMMON = rf"{_LETTER}++(?=[ ,])(?<![cC]annot)|[,!?()\[\]\"]|\.(?=\s)"  # for speed; the others would agree
_WORDLIKE = (
    rf"{_LETTER}++(?![\w{MARKS}.:'’@&+‐‑-])(?<![cC]annot)",
    rf"[cC]an(?=not{_END})",
    rf"(?:(?i:https?|ftp)://|(?i:www)\.){_URL_REST}",
    rf"(?:[A-Za-z0-9-]++\.){{1,4}}(?:{_DOMAIN})(?![\w@-])(?:[/?:#]{_URL_REST})?",
    rf"{_DOTTED}\.?+(?:-{_RUN})*+",
    rf"(?:{_LISTED}|No(?=\.\s?\d)|{_INITIAL}(?=\.[ \u00a0]?[{CAPITALS}]))\.",
    rf"{_LETTER}+(?=[nN]['’][tT]{_END})",  # do|n't
    rf"[nN]['’][tT]{_END}",
    rf"{_WORD}(?:(?:[.+]{_RUN}){{0,8}}@{_RUN}(?:[.-]{_RUN}){{1,8}}+)?",  # or an e-mail address
    rf"[{_HAN}]++|[{_HIRAGANA}]++|[{_KATAKANA}]++",
)
_SIGNS = (
    _PICTURE,
    rf"['’](?:{_CLITIC}|(?i:em|til|tis|twas){_END}|\d\ds?{_END})",  # 's  'em  '90s
    rf"(?<![^\s(\[])[-+−]\.?(?=\d){_WORD}",  # -5  +1.5
    rf"(?<![\w.])\.(?=\d){_WORD}",  # .5
    rf"#(?=\d*+[^\W\d])[\w{MARKS}]++",
    r"@[A-Za-z0-9_]++",
    rf"[:;]['’]?-?[)(DPp]{_END}|<3+{_END}",  # :-)
    r"--++|\.\.++|''|``",
    r"\S",
)
_CHARACTERS = (
    r"[가-힣A-Za-z0-9 ](?![^\x00-\x7f가-힣])",  # most characters, for speed
    _PICTURE,
    r"[\u1100-\u115f][\u1160-\u11a7][\u11a8-\u11ff]?",  # a Hangul syllable in parts
    rf"(?s:.)(?:(?!\w)[{MARKS}])*+",
)
_WORDS = re.compile(rf"(?=\S)(?:{_COMMON}|(?=\w)(?:{'|'.join(_WORDLIKE)})|{'|'.join(_SIGNS)})")
_SINGLES = re.compile("|".join(_CHARACTERS))


def tokenize(text: str) -> list[Token]:
    """The words, numbers and signs of a text, in order; spaces lie between them."""
    return _found(_WORDS, text)


def words(text: str) -> list[str]:
    """The words of a text as `tokenize` finds them, without their places."""
    return _WORDS.findall(text)


def characters(text: str) -> list[Token]:
    """The characters of a text in order, spaces too; marks, joined emoji and flags are one character."""
    return _found(_SINGLES, text)


def _found(pattern: re.Pattern[str], text: str) -> list[Token]:
    new = tuple.__new__  # what Token(…) comes to, in half the time
    return [new(Token, (m.start(), m.end(), m[0])) for m in pattern.finditer(text)]


PATTERNS: Mapping[str, re.Pattern[str]] = {TOKENIZER: _WORDS, CHARACTERS: _SINGLES}
TOKENIZERS: Mapping[str, Callable[[str], list[Token]]] = {TOKENIZER: tokenize, CHARACTERS: characters}

# ── sentences ─────────────────────────────────────────────────────────────────────────────────────────

_BREAK = re.compile(
    r"""[\n\r\v\f\x85\u2028\u2029]++
    | (?<![.?!…])[.?!…]++ ["'”’»)\]]*+ (?=\s)
    | (?<![。！？])[。！？]++ ["'”’»)\]」』）]*+
    """,
    re.VERBOSE,
)
_AFTER_SPACE = re.compile(r"\S")
_QUOTES = "\"'“‘«([「『¿¡"


def sentences(text: str) -> list[tuple[int, int]]:
    """Where the sentences of a text begin and end, end-exclusive, without the space around them.

    A sentence ends with a line, and after . ? ! … where a space and a capital, a letter of a script without
    capitals, or an opening quote follows; not after an abbreviation or an initial.
    """
    found, start = [], 0
    for end in (*_breaks(text), len(text)):
        part = text[start:end]
        if stripped := part.strip():
            first = start + len(part) - len(part.lstrip())
            found.append((first, first + len(stripped)))
        start = end
    return found


def cut_text(text: str, tokenizer: str) -> list[list[Token]]:
    """The tokens of each sentence of a text, with their places in the text."""
    tokenize = TOKENIZERS[tokenizer]
    cut = [[t.moved(start) for t in tokenize(text[start:end])] for start, end in sentences(text)]
    return [tokens for tokens in cut if tokens]


def _breaks(text: str) -> Iterator[int]:
    for match in stops(text):
        stop, end = match[0], match.end()
        if stop[0] not in ".?!…" or (opens(text, end) and not (stop == "." and abbreviates(text, end))):
            yield end


def stops(text: str) -> Iterator[re.Match[str]]:
    """Where a text might be cut: line breaks, and stops with the closing quotes behind them."""
    return _BREAK.finditer(text)


def opens(text: str, position: int) -> bool:
    """Whether a sentence may begin after the space at a position."""
    first = _AFTER_SPACE.search(text, position)
    return first is not None and (first[0] in _QUOTES or (first[0].isalpha() and not first[0].islower()))


def abbreviates(text: str, end: int) -> bool:
    """Whether the word before the full stop that ends at `end` is an abbreviation or an initial."""
    word = text[max(0, end - 24) : end].rsplit(maxsplit=1)[-1].lstrip(_QUOTES)
    return _STOPPED.fullmatch(word) is not None
