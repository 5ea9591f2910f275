"""From every format to every other and back: what both can hold comes back; real data does too."""

import re
from io import BytesIO
from itertools import islice, permutations
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings, strategies as st

from chainrule.errors import DataError
from chainrule.ner.bundled import sample
from chainrule.ner.corpus import read_corpus, write_conll
from chainrule.ner.formats import convert_file, fit_all, read_any, records_in
from chainrule.ner.formats_brat import read_brat, write_brat
from chainrule.ner.formats_conll import Reading, Writing
from chainrule.ner.formats_fit import Fitting
from chainrule.ner.formats_record import Name, Record, Report, joined
from chainrule.ner.formats_table import FORMATS
from chainrule.ner.source import Source

TOKENED = [name for name, form in FORMATS.items() if "tokens" in form.holds]
ONLY_TEXT = [name for name, form in FORMATS.items() if "text" in form.holds and name not in TOKENED]

# letters of all planes, marks, joiners, spaces that are no ASCII, and characters that formats use themselves
LETTERS = st.sampled_from("aBé́한국 人🎉🇰\u200d\u00a0\u3000\u2028#_-|\\;,\"'.<[{/1٣")
WORDS = st.text(LETTERS, min_size=1, max_size=5).map(lambda w: "".join(w.split())).filter(lambda w: w)
LABELS = st.sampled_from(["PER", "LOC", "a_b", "제품", "X-Y"])


@st.composite
def sentences(draw):
    """Tokens, and names between their borders."""
    words = draw(st.lists(WORDS, min_size=1, max_size=6))
    ends = sorted(draw(st.sets(st.integers(0, len(words)), max_size=4)))
    names = [(a, b, draw(LABELS)) for a, b in zip(ends[::2], ends[1::2], strict=False)]
    text, tokens = joined(words, " ")
    return Record(text, tuple(Name(tokens[a][0], tokens[b - 1][1], label) for a, b, label in names), tokens, "x:1")


@st.composite
def texts(draw):
    """A text with any space in it, and names that begin and end with no space, and do not overlap."""
    text = draw(st.text(LETTERS | st.sampled_from(" \n\t\r\f"), max_size=20)) + "x"
    ends = sorted(draw(st.sets(st.integers(0, len(text)), max_size=4)))
    names = [Name(a, b, draw(LABELS)) for a, b in zip(ends[::2], ends[1::2], strict=False)]
    return Record(text, tuple(n for n in names if text[n.start : n.end].strip() == text[n.start : n.end]))


def carried(records, form, scheme="IOB2"):
    """Records as they are after they were fitted to a format, written and read again."""
    row, report = FORMATS[form], Report()
    fit = list(fit_all(records, row.demands, Fitting(whole=True), report, {}))
    if row.write is None or row.read is None:
        return standoff(fit), report
    raw = BytesIO()
    row.write(fit, raw, Writing(scheme))
    return list(row.read(Source(Path("x"), BytesIO(raw.getvalue())), Reading())), report


def standoff(records):
    """What a folder of brat makes of records, each file through its own pair."""
    with TemporaryDirectory() as folder:
        write_brat(records, Path(folder) / "x")
        return list(read_brat(Path(folder) / "x", Reading()))


def spelt(record):
    return [(record.text[n.start : n.end], n.label) for n in record.names]


def places(record):
    return [n[:3] for n in record.names]


@settings(max_examples=12)
@pytest.mark.parametrize(("a", "b"), list(permutations(TOKENED, 2)))
@given(records=st.lists(sentences(), min_size=1, max_size=3))
def test_tokens_and_names_come_back(a, b, records):
    now = records
    for form in (a, b, a):
        now, report = carried(now, form)
        assert not report.kinds
        assert [r.words() for r in now] == [r.words() for r in records]
        assert [r.spans() for r in now] == [r.spans() for r in records]


@settings(max_examples=12)
@pytest.mark.parametrize(("a", "b"), list(permutations(ONLY_TEXT, 2)))
@given(records=st.lists(texts(), min_size=1, max_size=3))
def test_texts_and_names_come_back_to_the_character(a, b, records):
    now = records
    for form in (a, b, a):
        now, report = carried(now, form)
        assert not report.kinds
        assert [r.text for r in now] == [r.text for r in records]
        assert [places(r) for r in now] == [places(r) for r in records]


@pytest.mark.parametrize("form", TOKENED)
@given(records=st.lists(texts(), min_size=1, max_size=3))
def test_names_of_any_text_survive_its_tokens(form, records):
    """A text is cut into tokens so that no name is lost; only space between tokens may go."""
    now, report = carried(records, form)
    assert not report.left_out

    def inner(record):
        return [(re.sub(r"\s+", "", text), label) for text, label in spelt(record)]

    assert [name for r in now for name in inner(r)] == [name for r in records for name in inner(r)]


@pytest.mark.parametrize("form", [name for name in TOKENED if FORMATS[name].demands.sentences])
@pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "BIOES", "BILOU"])
@settings(max_examples=20)
@given(records=st.lists(sentences(), min_size=1, max_size=2))
def test_every_scheme_that_keeps_touching_names_apart_says_the_same(form, scheme, records):
    assert [spelt(r) for r in carried(records, form, scheme)[0]] == [spelt(r) for r in records]


@pytest.mark.parametrize("scheme", ["IO", "bare"])
@given(records=st.lists(sentences(), min_size=1, max_size=2))
def test_the_others_melt_names_of_one_label_that_touch_and_nothing_else(scheme, records):
    if scheme == "bare" and any("-" in n.label for r in records for n in r.names):
        with pytest.raises(DataError, match=r"no bare tag can hold the label 'X-Y'; give --rename 'X-Y=X_Y'"):
            carried(records, "conll", scheme)
        return
    covered = [
        [(r.text[a:b], n.label) for a, b in r.tokens for n in r.names if n.start <= a < n.end] for r in records
    ]
    after = [
        [(r.text[a:b], n.label) for a, b in r.tokens for n in r.names if n.start <= a < n.end]
        for r in carried(records, "conll", scheme)[0]
    ]
    assert after == covered


# ── real data ─────────────────────────────────────────────────────────────────────────────────────────

REAL = ["brands/fashion_brands_eval.jsonl", "wnut17/dev.conll", "klue/dev.tsv", "wikigold/wikigold.conll"]


@pytest.fixture(params=REAL)
def real(shared_data, request):
    source = shared_data / "ner" / request.param
    if not source.exists():
        pytest.skip(f"{source} is not there")
    return source


def test_real_data_comes_back_whole(real, tmp_path):
    """From its format to another and to CoNLL."""
    there, before = tmp_path / "there.jsonl", read_any(real)
    done = convert_file(real, there)
    assert done.report.kinds == {}
    assert done.report.names == before.entities > 100
    convert_file(there, tmp_path / "back.conll")
    assert [s.tokens for s in read_corpus(tmp_path / "back.conll").sentences] == [
        s.tokens for s in before.sentences
    ]
    assert read_corpus(tmp_path / "back.conll").tagged("BIOES") == before.tagged("BIOES")


def test_real_data_goes_through_every_format(real):
    """Tokens through all formats that hold them, then texts through all that hold these."""
    with records_in(real) as given:
        before = list(islice(given.records, 150))
    now = before
    for form in TOKENED:
        if form == "conll2003" and any(" " in r.words() for r in before):
            continue  # it cannot hold tokens of space
        now, report = carried(now, form)
        assert not report.kinds
        assert [r.words() for r in now] == [r.words() for r in before]
        assert [r.spans() for r in now] == [r.spans() for r in before]
    now = before
    for form in ONLY_TEXT:
        now, report = carried(now, form)
        assert not report.kinds
        assert [r.text for r in now] == [r.text for r in before]
        assert [places(r) for r in now] == [places(r) for r in before]


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_is_found_to_be_what_it_was_written_as(tmp_path, form):
    part = sample("en").dev
    corpus = part.of(part.sentences[:40])
    write_conll(tmp_path / "a.conll", corpus.sentences)
    convert_file(tmp_path / "a.conll", tmp_path / "there", to=form)
    with records_in(tmp_path / "there") as given:
        assert given.found.form == {"conll2003": "conll"}.get(form, form)
        assert given.found.evidence
    back = read_any(tmp_path / "there", tokens="spaces")
    assert [s.tokens for s in back.sentences] == [s.tokens for s in corpus.sentences]
    assert back.tagged("IOB2") == corpus.tagged("IOB2")
