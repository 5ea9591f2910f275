"""The commands: help, what they print and where, what they leave behind."""

import json
import re
import subprocess
import sys

import pytest
from clock import process_cost

import chainrule
from chainrule.ner import Tagger, read_scored
from chainrule.ner.folder import CHECKPOINT, WEIGHTS
from chainrule.shell.main import COMMANDS

QUICK = ("--hidden", "10", "--dimension", "12", "--lr", "0.2", "--dropout", "0", "--epochs", "2")
EPOCH = re.compile(
    r"epoch=(\d+) train_loss=\d+\.\d{4} dev_loss=\d+\.\d{4} dev_f1=\d+\.\d\d( best=1)? seconds=\d+\.\d"
)
ROW = re.compile(r"  (\w+) +\d+\.\d +\d+\.\d +\d+\.\d +\d+ +\d+ +\d+")
LABELS = ["DATE", "LOC", "MISC", "ORG", "PER"]


# ── help ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], *([name, flag] for name in COMMANDS for flag in ("--help", "-h"))]
)
def test_every_help_has_an_example_that_starts_with_the_command(cli, arguments):
    done = cli(*arguments)
    assert (done.code, done.err) == (0, "")
    name = arguments[0] if arguments[0] in COMMANDS else ""
    assert done.out.startswith(f"Usage: chainrule {name}".rstrip())
    _, _, examples = done.out.partition("Examples:\n")
    assert [line for line in examples.splitlines() if f"chainrule {name}".rstrip() in line]
    assert all(len(line) <= 100 for line in done.out.splitlines())


def test_the_help_lists_every_command_and_every_command_exists(cli):
    out = cli("--help").out
    for name in COMMANDS:
        assert f"\n  {name}" in out
        assert cli(name, "--help").code == 0


def test_every_setting_says_its_default(cli):
    out = " ".join(cli("train", "--help").out.split())
    for option, default in {"--window": "5", "--optimizer": "adagrad", "--seed": "0", "--scheme": "BIOES"}.items():
        assert re.search(rf"{option} [^-]*\[default: {default}\]", out), option


def test_no_command_shows_the_help_and_is_a_mistake(cli):
    done = cli()
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: chainrule ")


def test_the_version_is_that_of_the_package(cli):
    assert cli("--version") == (0, f"chainrule, version {chainrule.__version__}\n", "")


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_load_no_numpy_and_are_instant(flag):
    code = (
        "import sys; sys.argv = ['chainrule', sys.argv[1]]\n"
        "from chainrule.shell.main import main\n"
        "try: main()\n"
        "finally: print(sorted({'numpy', 'rich', 'safetensors'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, flag], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    assert process_cost(["-m", "chainrule", flag]) < 2


# ── train ─────────────────────────────────────────────────────────────────────────────────────────────


def test_training_writes_a_model_and_says_what_it_does(cli, data, tmp_path):
    done = cli("train", data / "train.conll", "--dev", data / "dev.conll", "--out", tmp_path / "m", *QUICK)
    assert done.code == 0
    lines = done.err.splitlines()
    assert lines[0] == "train  20 sentences, 312 tokens, 35 names · IOB2: B- begins all 35 spans"
    assert lines[1].startswith("dev    10 sentences")
    assert lines[2] == "window 5 · vectors 12 · hidden 10 · 21 tags"
    assert lines[3] == "word vectors: random at first, trained"
    assert [EPOCH.fullmatch(line)[1] for line in lines[4:6]] == ["1", "2"]
    assert re.fullmatch(rf"  best epoch \d of 2 · \d\.\d s · model: {tmp_path}/m", lines[6])
    assert lines[7:] == [
        f"  report: {tmp_path}/m/report.html",
        f'  try: chainrule tag {tmp_path}/m "Museums in Paris are amazing"',
    ]
    assert done.out.startswith("\n  dev  ")
    assert [ROW.fullmatch(line)[1] for line in done.out.splitlines()[3:-1]] == [*LABELS, "all"]
    assert "\x1b" not in done.out + done.err
    assert Tagger.load(tmp_path / "m").labels == LABELS
    assert not (tmp_path / "m" / CHECKPOINT).exists()


def test_the_line_it_recommends_works(cli, data):
    done = cli("train", data / "train.conll", "--out", "my model", *QUICK)
    (line,) = (line for line in done.err.splitlines() if "try:" in line)
    assert line == "  try: chainrule tag 'my model' \"Museums in Paris are amazing\""
    tagged = cli("tag", "my model", "Museums in Paris are amazing")
    assert json.loads(tagged.out)["text"] == "Museums in Paris are amazing"


def test_quiet_says_nothing_but_the_figures(cli, data):
    done = cli("train", data / "train.conll", "--out", "m", "--quiet", *QUICK)
    assert (done.code, done.err) == (0, "")
    assert "  dev  " in done.out


def test_json_is_json_and_nothing_else(cli, data):
    done = cli("train", data / "train.conll", "--test", data / "dev.conll", "--out", "m", "--json", *QUICK)
    assert (done.code, done.err) == (0, "")
    result = json.loads(done.out)
    assert (result["model"], result["report"]) == ("m", "m/report.html")
    assert result["interrupted"] is False
    assert set(result["dev"]) == {
        *("dev_loss", "dev_precision", "dev_recall", "dev_f1"),
        *("threshold", "calibration_error"),
    }
    assert sorted(result["test"]["by_type"]) == LABELS
    assert result["test"]["gold"] == 18
    assert "test" in json.loads(cli("train", data / "train.conll", "--out", "n", "--json", *QUICK).out)


def test_a_rate_is_named_and_nothing_is_trained(cli, data, tmp_path):
    done = cli("train", data / "train.conll", "--find-rate", *QUICK)
    assert done.code == 0 and re.search(r"try --learning-rate \d", done.out)
    found = json.loads(cli("train", data / "train.conll", "--find-rate", "--json", *QUICK).out)
    assert found.keys() == {"rates", "losses", "named"} and len(found["rates"]) == len(found["losses"])
    assert not (tmp_path / "runs").exists()


def test_the_network_is_checked_before_it_is_trained(cli, data, monkeypatch):
    done = cli("train", data / "train.conll", "--out", "m", "--check", "--objective", "sentence", *QUICK)
    assert done.code == 0 and re.search(r"^  A +\d+×\d+ +\d+ .* ok$", done.err, re.MULTILINE)
    assert done.err.index(" agree") < done.err.index("epoch=1")

    class Wrong:
        def __bool__(self):
            return False

        def __str__(self):
            return "WRONG"

    monkeypatch.setattr("chainrule.shell.train.checked", lambda job: Wrong())
    done = cli("train", data / "train.conll", "--out", "n", "--check", *QUICK)
    assert (
        done.code == 1 and "WRONG" in done.err and "nothing was trained" in done.err and "epoch=1" not in done.err
    )


def test_without_a_terminal_no_colour_and_no_cursor_is_moved(shell, data):
    for env in ({}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}, {"TERM": "dumb"}):
        done = shell("train", data / "train.conll", "--out", "m", *QUICK, env=env)
        assert done.code == 0
        assert "\x1b" not in done.out + done.err
        assert len([line for line in done.err.splitlines() if EPOCH.fullmatch(line)]) == 2


def test_held_out_sentences_are_mentioned(cli, data):
    err = cli("train", data / "train.conll", "--out", "m", *QUICK).err
    assert "\ndev    2 of these sentences, held out\n" in err


def test_who_computes_can_be_chosen(cli, model, data):
    trained = [
        cli("train", data / "train.conll", "--out", b, "--backend", b, "--json", *QUICK)
        for b in ("numpy", "interpreter")
    ]
    figures = [json.loads(done.out)["dev"]["dev_loss"] for done in trained]
    assert figures[0] == pytest.approx(figures[1], rel=1e-4)
    judged = [
        cli("evaluate", model, data / "dev.conll", "--json", "--backend", b).out for b in ("numpy", "interpreter")
    ]
    assert judged[0] == judged[1]
    tagged = [cli("tag", model, "Museums in Paris", "--backend", b).out for b in ("numpy", "interpreter")]
    assert tagged[0] == tagged[1]
    wrong = cli("train", "--backend", "numbba")
    assert wrong.code == 2 and "'numbba' is not one of 'auto', 'numba', 'numpy', 'interpreter'" in wrong.err


def test_models_without_a_place_of_their_own_are_numbered(cli, data, tmp_path):
    for _ in range(2):
        cli("train", data / "train.conll", *QUICK)
    cli("train", *QUICK[:-1], "1")
    runs = tmp_path / "here" / "runs"
    assert sorted(p.name for p in runs.iterdir()) == ["sample-en-01", "train-01", "train-02"]


def test_the_korean_sample_has_a_korean_example(cli):
    done = cli("train", "--sample", "ko", "--out", "m", *QUICK[:-1], "1")
    assert "the tokens are characters" in done.err
    assert done.err.endswith('try: chainrule tag m "철수는 서울역에서 영희를 만났다"\n')
    tagged = cli("tag", "m", "철수는 서울역에서 영희를 만났다")
    assert json.loads(tagged.out)["text"] == "철수는 서울역에서 영희를 만났다"


def test_parts_of_the_sample_can_be_replaced(cli, data):
    err = cli("train", "--dev", data / "dev.conll", "--out", "m", *QUICK[:-1], "1").err
    assert "\ndev    10 sentences" in err
    assert "\ntest   134 sentences" in err


def test_the_same_seed_is_the_same_model_in_another_process(cli, shell, data, tmp_path):
    arguments = ("train", data / "train.conll", "--quiet", "--seed", "7", *QUICK, "--out")
    cli(*arguments, "a")
    shell(*arguments, "b")
    a, b = ((tmp_path / "here" / name / WEIGHTS).read_bytes() for name in "ab")
    assert a == b


def test_resuming_where_nothing_was_interrupted_is_said(cli, data):
    err = cli("train", data / "train.conll", "--out", "m", "--resume", *QUICK).err
    assert err.startswith("no interrupted run in m: this is a new one\n")


def test_a_diverging_run_fails_with_the_step_and_a_repair(cli, data, tmp_path):
    diverging = ("--optimizer", "sgd", "--lr", "1e30", "--activation", "relu")
    done = cli("train", data / "train.conll", "--out", "m", "--quiet", *diverging)
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(r"error: epoch 1, step \d+: .*; lower the learning rate .*\n", done.err)
    assert list((tmp_path / "here").iterdir()) == []


# ── evaluate and score ────────────────────────────────────────────────────────────────────────────────


def test_evaluation_prints_types_and_mistakes(cli, model, data):
    done = cli("evaluate", model, data / "train.conll")
    assert (done.code, done.err) == (0, "")
    assert "  all           100.0   100.0  100.0 " in done.out
    assert "commonest mistakes   none" in done.out
    assert "gold ↓ predicted →" in done.out


def test_evaluation_as_json_is_the_score(cli, model, data):
    done = cli("evaluate", model, data / "dev.conll", "--json")
    assert json.loads(done.out) == json.loads(
        json.dumps(Tagger.load(model).evaluate(data / "dev.conll").as_dict())
    )
    assert done.err == ""


def test_labels_that_the_model_has_not_are_mentioned_and_can_be_renamed(cli, model, tmp_path):
    (tmp_path / "other.conll").write_text("Helen B-person\nMarsh I-person\nflew O\n")
    done = cli("evaluate", model, tmp_path / "other.conll")
    assert done.code == 0
    assert done.err == (
        "note: person not in the model, so missed; it has DATE, LOC, MISC, ORG, PER (see --rename)\n"
    )
    renamed = cli("evaluate", model, tmp_path / "other.conll", "--rename", "PER=person")
    assert renamed.err == ""
    assert re.search(r"  all +100.0 +100.0 +100.0 +1 +1 +1\n", renamed.out)


def test_words_and_characters_that_meet_are_mentioned(cli, model, data, tmp_path):
    (tmp_path / "ko.conll").write_text("철\tB-PER\n수\tI-PER\n \tO\n왔\tO\n다\tO\n", encoding="utf-8")
    note = "note: the model reads words, the data is in characters, so little is found\n"
    assert cli("evaluate", model, tmp_path / "ko.conll").err == note
    train = ("train", data / "train.conll", "--test", tmp_path / "ko.conll", *QUICK[:-1], "1", "--out", "m")
    for form in ("--quiet", "--json"):
        assert cli(*train, form).err == note


SCORED = "Helen B-PER B-PER\nMarsh I-PER I-PER\nflew O O\nto O B-LOC\n\nRome B-LOC O\n"


def test_a_file_is_scored_as_conlleval_does(cli, tmp_path):
    (tmp_path / "s.conll").write_text(SCORED)
    done = cli("score", tmp_path / "s.conll")
    assert (done.code, done.err) == (0, "")
    assert "  all            50.0    50.0   50.0     2      2      1" in done.out
    as_json = json.loads(cli("score", tmp_path / "s.conll", "--json").out)
    assert as_json == json.loads(json.dumps(read_scored(tmp_path / "s.conll").as_dict()))


def test_standard_input_is_scored(cli, shell, tmp_path):
    (tmp_path / "s.conll").write_text(SCORED)
    wanted = cli("score", tmp_path / "s.conll").out
    assert cli("score", "-", stdin=SCORED.encode()) == (0, wanted, "")
    assert shell("score", "-", stdin=SCORED.encode()) == (0, wanted, "")
