"""Signals and terminals: a run that is stopped keeps its best model and goes on where it stood."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from types import SimpleNamespace

import pytest

from chainrule.algebra.recent import COLLECTING
from chainrule.ner import Tagger
from chainrule.ner.bundled import sample
from chainrule.ner.corpus import write_conll
from chainrule.ner.folder import CHECKPOINT, CONFIG, WEIGHTS
from chainrule.shell.stopping import stopping

SETTINGS = ("--hidden", "8", "--dimension", "8", "--epochs", "6", "--patience", "6", "--seed", "3")


def command(*arguments):
    return [sys.executable, "-m", "chainrule", *map(str, arguments)]


@pytest.fixture(scope="module")
def long_data(tmp_path_factory):
    """Enough sentences for an epoch to last long enough to be interrupted."""
    path = tmp_path_factory.mktemp("long") / "train.conll"
    write_conll(path, sample("en").train.sentences * 2)
    return path


@pytest.fixture(scope="module")
def whole(long_data, tmp_path_factory):
    """The weights of the run that nobody interrupts."""
    out = tmp_path_factory.mktemp("whole") / "m"
    subprocess.run(
        command("train", long_data, "--out", out, "--quiet", *SETTINGS), check=True, capture_output=True
    )
    return (out / WEIGHTS).read_bytes()


def stopped(arguments, number, after):
    """Run, send a signal after a line that begins like `after`, return code, output and errors."""
    child = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen = []
    for line in child.stderr:
        seen.append(line)
        if line.startswith(after):
            child.send_signal(number)
            break
    out, rest = child.communicate(timeout=60)
    return child.returncode, out, "".join(seen) + rest


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("after", ["word vectors", "epoch=2"])
def test_a_run_that_is_stopped_keeps_its_best_model_and_resumes_bit_for_bit(
    long_data, whole, tmp_path, shell, number, code, after
):
    out = tmp_path / "m"
    arguments = ("train", long_data, "--out", out, *SETTINGS)
    left, printed, said = stopped(arguments, number, after)
    assert left == code, said
    assert "Traceback" not in said
    assert f"  stopped; the best model is kept. Continue with --out {out} --resume\n" in said
    assert "  dev  " in printed
    Tagger.load(out)
    assert (out / CHECKPOINT).exists()
    resumed = shell(*arguments, "--resume")
    assert resumed.code == 0
    assert (out / WEIGHTS).read_bytes() == whole
    assert not (out / CHECKPOINT).exists()


def test_a_run_that_is_killed_resumes_bit_for_bit(long_data, whole, tmp_path, shell):
    out = tmp_path / "m"
    arguments = ("train", long_data, "--out", out, *SETTINGS)
    left, printed, _ = stopped(arguments, signal.SIGKILL, "epoch=2")
    assert (left, printed) == (-9, "")
    assert not (out / CONFIG).exists()
    assert "no model here" in shell("tag", out, "Paris").err
    resumed = shell(*arguments, "--resume")
    assert resumed.code == 0
    assert (out / WEIGHTS).read_bytes() == whole


def test_an_impatient_second_signal_ends_it_at_once_and_leaves_no_half_model(long_data, tmp_path):
    out = tmp_path / "m"
    child = subprocess.Popen(
        command("train", long_data, "--out", out, "--batch-size", "20000", *SETTINGS),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in child.stderr:
        if line.startswith("word vectors"):
            break
    child.send_signal(signal.SIGTERM)
    child.send_signal(signal.SIGINT)
    _, rest = child.communicate(timeout=60)
    assert child.returncode in (130, 143)
    assert "Traceback" not in rest
    if (out / CONFIG).exists():
        Tagger.load(out)


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_signal_is_a_request_only_once_training_has_begun(number, error):
    before = signal.getsignal(number)
    with pytest.raises(error), stopping(lambda: False):
        os.kill(os.getpid(), number)
    with stopping(lambda: True) as asked:
        os.kill(os.getpid(), number)
        assert asked == [number]
        with pytest.raises(error):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, "\nstopped by Ctrl-C\n"), (signal.SIGTERM, 143, "")]
)
def test_tagging_that_is_stopped_ends_in_silence(model, number, code, said):
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command("tag", model), text=True, **pipes) as child:
        child.stdin.write("Berlin\n")
        child.stdin.flush()
        child.stdout.readline()
        child.send_signal(number)
        assert child.wait(30) == code
        assert child.stderr.read() == said


# ── on a terminal ─────────────────────────────────────────────────────────────────────────────────────


def on_a_terminal(arguments, columns=80, interrupt=b"", **env):
    """Run on a pseudo-terminal; press Ctrl-C when `interrupt` is on the screen. Exit code, and all that was sent."""
    child, screen = pty.fork()
    if child == 0:
        kept = {n: v for n, v in os.environ.items() if n not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")}
        words = command(*arguments)
        os.execve(words[0], words, {**kept, "TERM": "xterm-256color", **env})
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    sent, pressed = b"", False
    while True:
        try:
            block = os.read(screen, 65536)
        except OSError:  # how Linux says that the other side is gone
            break
        if not block:
            break
        sent += block
        if interrupt and not pressed and interrupt in sent:
            os.write(screen, b"\x03")
            pressed = True
    _, status = os.waitpid(child, 0)
    os.close(screen)
    return os.waitstatus_to_exitcode(status), sent.decode()


def plain(sent: str) -> str:
    """What was sent, without the sequences that move the cursor or colour; what was overwritten has its own line."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", sent.replace("\r\n", "\n")).replace("\r", "\n")


def test_a_terminal_shows_a_table_that_grows(data, tmp_path):
    code, sent = on_a_terminal(
        ("train", data / "train.conll", "--out", tmp_path / "m", "--epochs", "3", *SETTINGS[:4])
    )
    assert code == 0
    text = plain(sent)
    assert "\n  epoch   train loss   dev loss   dev F1                     time\n  ───" in text
    rows = re.findall(r"^ +(\d) +\d\.\d{4} +\d\.\d{4} +\d+\.\d\d   . *(?:best)? +\d\.\d s$", text, re.MULTILINE)
    assert rows == ["1", "2", "3"]
    assert "Ctrl-C stops after this batch and keeps the best model" in text
    assert re.search(r"\d+%  loss \d\.\d{4}  \|g\| \S+  eta ", text)
    assert sent.count("\x1b[?25l") == sent.count("\x1b[?25h") == 1  # the cursor comes back
    assert "epoch=" not in text


def test_ctrl_c_on_a_terminal_keeps_the_model_and_the_cursor(long_data, tmp_path):
    arguments = ("train", long_data, "--out", tmp_path / "m", *SETTINGS)
    code, sent = on_a_terminal(arguments, interrupt=b"  best")
    assert code == 130
    assert "stopped; the best model is kept. Continue with" in plain(sent)
    assert "Traceback" not in sent
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l")
    Tagger.load(tmp_path / "m")


def test_colour_is_not_forced_on_those_who_refuse_it(data, tmp_path):
    arguments = ("train", data / "train.conll", "--out", tmp_path / "m", "--epochs", "1", *SETTINGS[:4])
    _, refused = on_a_terminal(arguments, NO_COLOR="1")
    assert not re.search(r"\x1b\[(3|4|9|10)\d", refused)
    _, dumb = on_a_terminal(arguments, TERM="dumb")
    assert "\x1b" not in dumb
    assert "epoch=1 " in dumb


def test_a_terminal_gets_the_text_with_its_names(model):
    code, sent = on_a_terminal(("tag", model, "Helen Marsh flew to Berlin on Monday"), columns=36)
    assert code == 0
    lines = plain(sent).splitlines()
    assert lines[:3] == ["", "  Helen Marsh flew to Berlin on", lines[2]]
    assert "PER" in lines[2]


def test_nothing_to_tag_on_a_terminal_is_said_at_once(model):
    code, sent = on_a_terminal(("tag", model))
    assert code == 2
    assert plain(sent).splitlines() == [
        "error: nothing to tag; give a text, files, or - for standard input",
        "  see chainrule tag --help",
    ]


def test_a_signal_that_comes_while_garbage_is_collected_comes_again_behind_it():
    frame = SimpleNamespace(f_code=None, f_back=SimpleNamespace(f_code=COLLECTING, f_back=None))
    passed = []

    def work():
        with stopping(lambda: False):
            signal.getsignal(signal.SIGINT)(signal.SIGINT, frame)
            passed.append("the handler")
            for _ in range(1000):
                pass
            passed.append("the work")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert "the work" not in passed
