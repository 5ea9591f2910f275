"""`chainrule explain`: lines, JSON and a page; texts of little or much; what is refused."""

import json
import re

import pytest

from chainrule.ner import Tagger, sample, write_conll
from chainrule.ner.explain_methods import METHODS

TEXT = " ".join(sample("en").train.sentences[0].tokens)
COLOUR = re.compile(r"\x1b\[\d+m")


def numbers(text):
    return [float(x.replace("−", "-")) for x in re.findall(r"(?<![\w.])[+−]?\d+\.\d+", text)]


@pytest.fixture(scope="module")
def named(model):
    tagger = Tagger.load(model)
    texts = [" ".join(s.tokens) for s in sample("en").train.sentences[:20]]
    return next(text for text in texts if tagger.tag(text))


def test_every_name_has_its_words_and_a_sum(cli, model, named):
    done = cli("explain", model, named)
    assert (done.code, done.err) == (0, "")
    found = Tagger.load(model).explain(named, methods=["integrated"])
    for reason in found.reasons:
        block = done.out[done.out.index(f"  {reason.text}  {reason.label} {reason.probability:.3f}") :]
        rows = block.split("\n\n")[1].splitlines()
        assert len(rows) == len(reason.words) + 2
        for row, word in zip(rows, reason.words, strict=False):
            assert numbers(row.split("│")[1])[0] == pytest.approx(word.adds["integrated"], abs=0.006)
        adds = [numbers(row.split("│")[1])[0] for row in rows[:-2]]
        blank, value = (numbers(row)[0] for row in rows[-2:])
        assert sum(adds) + blank == pytest.approx(value, abs=0.006 * len(rows))
        assert "the sum is exact to" in rows[-1]


def test_rows_stand_below_one_another(cli, model, named):
    lines = [line for line in cli("explain", model, named).out.splitlines() if "│" in line]
    assert len({line.index("│") for line in lines}) == 1
    assert len({re.search(r"[+−]\d+\.\d+", line).end() for line in lines}) == 1


@pytest.mark.parametrize("method", METHODS)
def test_methods_are_chosen_and_named(cli, model, named, method):
    found = Tagger.load(model).explain(named, methods=[method], of="margin").reasons[0]
    out = cli("explain", model, named, "--method", method, "--of", "margin").out
    row = next(line for line in out.splitlines() if "│" in line)
    assert numbers(row.split("│")[1])[0] == pytest.approx(found.words[0].adds[method], abs=0.006)
    assert ("gradient × input" in out) == (method == "gradient")
    assert "above the runner-up" in out


def test_colours_are_for_terminals(cli, model, named, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain = cli("explain", model, named).out
    assert not COLOUR.search(plain)
    monkeypatch.setenv("FORCE_COLOR", "1")
    painted = cli("explain", model, named).out
    assert {"\x1b[32m", "\x1b[2m"} <= set(COLOUR.findall(painted))
    assert COLOUR.sub("", painted) == plain
    cli("explain", model, named, "--output", "why.txt")


def test_json_has_its_fields(cli, model, named):
    done = cli("explain", model, named, "--format", "json")
    told, found = json.loads(done.out), Tagger.load(model).explain(named)
    assert told["text"] == named and told["methods"] == list(METHODS)
    assert (told["names"], told["not_explained"]) == (len(found.entities), 0)
    for one, reason in zip(told["reasons"], found.reasons, strict=True):
        assert named[one["start"] : one["end"]] == one["text"] == reason.text
        assert one["runner_up"]["margin"] == reason.runner_up.margin
        for word, known in zip(one["words"], reason.words, strict=True):
            assert {m: word[m] for m in METHODS} == known.adds
            assert word["gradient_norm"] == known.length
            assert sum(f["integrated"] for f in word["features"]) == pytest.approx(word["integrated"])
        assert one["integrated"]["error"] < 1e-6
        assert [w["tag"] for w in one["windows"]] == [w.chosen.tag for w in reason.windows]
        assert one["windows"][0]["nearest"] == []


def test_a_token_is_asked_for(cli, model, named):
    tag = Tagger.load(model).explain(named, token=0).reasons[0].windows[0].chosen.tag
    out = cli("explain", model, named, "--token", 0).out
    assert f"  {named.split()[0]}  {tag} " in out
    told = json.loads(cli("explain", model, named, "--token", 1, "--format", "json").out)
    assert [reason["tokens"] for reason in told["reasons"]] == [[1, 2]]


def test_nearest_windows_of_training(cli, model, named, tmp_path):
    write_conll(tmp_path / "train.conll", sample("en").train.sentences[:20])
    out = cli("explain", model, named, "--train", tmp_path / "train.conll", "--neighbors", 2).out
    lines = [line for line in out.splitlines() if "train.conll:" in line]
    found = Tagger.load(model).explain(named, methods=[])
    assert len(lines) == 2 * sum(len(reason.windows) for reason in found.reasons)
    assert all(re.match(r" +[01]\.\d\d  .*\[.+\].*  [BIO]", line) for line in lines)
    assert " 1.00 " in lines[0]  # the window itself


def test_the_name_of_the_output_says_what_it_is(cli, model, named, tmp_path):
    for name, begin in (("why.html", "<!doctype html>"), ("why.json", "{"), ("why.txt", "\n  ")):
        done = cli("explain", model, named, "--output", name)
        assert (done.code, done.out) == (0, "") and name in done.err
        assert (tmp_path / "here" / name).read_text("utf-8").startswith(begin)
    done = cli("explain", model, named, "--output", "no/why.html")
    assert done.code == 1 and "no/why.html" in done.err


def test_files_and_standard_input_are_read(cli, model, named, tmp_path):
    expected = cli("explain", model, named).out
    (tmp_path / "text.txt").write_bytes(named.encode())
    assert cli("explain", model, tmp_path / "text.txt").out == expected
    assert cli("explain", model, "-", stdin=named.encode()).out == expected


@pytest.mark.parametrize("text", ["", "   ", "\n\n"])
def test_no_text_is_no_line(cli, model, text):
    done = cli("explain", model, "-", stdin=text.encode())
    assert (done.code, done.out.strip(), done.err) == (0, "", "")


def test_a_text_without_names_says_so(cli, model):
    tagger = Tagger.load(model)
    text = next(text for text in ("of the", "the of", ".", ", ,") if not tagger.tag(text))
    assert "no names found" in cli("explain", model, text).out
    assert json.loads(cli("explain", model, text, "--format", "json").out)["reasons"] == []


def test_much_text_is_bounded_and_that_is_said(cli, model, named, monkeypatch):
    many = "\n".join([named] * 20)
    names = len(Tagger.load(model).tag(many))
    done = cli("explain", model, "-", "--most", 3, stdin=many.encode())
    assert done.out.count("the sum is exact") == 3
    assert f"… {names - 3} more of {names} names" in done.out
    done = cli("explain", model, "-", "--most", 1, "--format", "json", stdin=many.encode())
    assert json.loads(done.out)["not_explained"] == names - 1
    assert f"{names - 1} of {names} names are not explained" in done.err
    monkeypatch.setattr("chainrule.shell.explain.LONGEST", len(named) + 5)
    done = cli("explain", model, "-", "--format", "json", stdin=many.encode())
    assert json.loads(done.out)["text"] == named
    assert "the first 1 lines are explained" in done.err


def test_signs_that_move_the_cursor_are_not_printed(cli, model, named):
    done = cli("explain", model, "-", stdin=named.replace(" ", "\x1b[2J ", 1).encode())
    assert "\x1b" not in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none", "x"], "no model here"),
        (["{model}", "none.txt"], "there is no such file"),
        (["{model}", "."], "is a folder"),
        (["{model}", "x", "--token", 5], "token 5 of 1 token"),
        (["{model}", "", "--token", 0], "token 0 of 0 tokens"),
        (["{model}", "x", "--method", "magic"], "'magic' is not one of"),
        (["{model}", "x", "--train", "none.conll"], "none.conll"),
        (["{model}"], "Missing argument"),
    ],
)
def test_mistakes_are_named(cli, model, arguments, message):
    done = cli("explain", *(str(a).format(model=model) for a in arguments))
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err
