"""The command line: `chainrule COMMAND`. A command's module is loaded when it is called, so help is instant.

Exit codes: 0 done · 1 the work failed · 2 wrong usage or input · 130 Ctrl-C · 141 closed pipe · 143 SIGTERM.
"""

import difflib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

import click

import chainrule
from chainrule.errors import ChainruleError, NonFiniteError, ProofError, WorkerError, WriteError

COMMANDS: Mapping[str, str] = {
    "train": "Train a tagger, on DATA or on the bundled sample; write a model folder.",
    "evaluate": "Judge a model on tagged data: precision, recall and F1 of every type.",
    "tag": "Find the names in text, files or standard input.",
    "inspect": "Look at tagged data: sizes, copies, odd tokens, labels at odds, labels that look wrong.",
    "merge": "Write the mean of several models as one: an ensemble by seeds.",
    "prune": "Write a smaller model: 16 bits, fewer words, the same names; report what changed.",
    "explain": "Say why names are names: what each word and feature adds, what else it could be.",
    "convert": "Write annotated text in another format; report every name that does not fit.",
    "export": "Write the network of a model for other runtimes: ONNX.",
    "vectors": "Train word vectors on text of any size; neighbours and analogies; what fine-tuning moved.",
    "derive": "Differentiate a formula: textbook form, steps, LaTeX, Python, proved by numbers.",
    "trace": "Compute a formula forward and backward: every value, every gradient, as a table, tree or page.",
    "compile": "Print the program that computes a formula and its gradients, statement by statement.",
    "check": "Prove the gradients of a formula by numbers, or judge a gradient made by hand.",
    "speed": "Time a formula and its gradients: example by example in a loop against a batch.",
    "studio": "Serve the local page: type formulas, see graph and derivation; find names in text.",
    "score": "Judge a file whose last two columns are gold and predicted tags.",
}


class Commands(click.Group):
    """The table above as a group of commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Load the module of a command; UsageError with the nearest name if there is none."""
        if cmd_name not in COMMANDS:
            near = difflib.get_close_matches(cmd_name, COMMANDS, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            ctx.fail(f"there is no command {cmd_name!r}{hint} One of: {', '.join(COMMANDS)}")
        command: click.Command = import_module(f"chainrule.shell.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a closed pipe comes out without its number, of which click would make exit code 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise BrokenPipeError from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


EPILOG = """\b
Examples:
  chainrule train                                   train on the bundled sample
  chainrule train train.conll --dev dev.conll --vectors vectors.bin --out runs/mine
  chainrule tag runs/mine "Museums in Paris are amazing"
"""


@click.group(
    cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(chainrule.__version__, prog_name="chainrule")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """One graph, read as mathematics, as numbers, as a program and as a model."""


CLOSED = 141  # the exit code for output that nobody reads: 128 + SIGPIPE

ONE_THREAD = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""The products of a window network are small: a second thread costs more than it brings."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for name in ONE_THREAD:  # read when NumPy is loaded, which no module has done yet
        os.environ.setdefault(name, "1")
    signal.signal(signal.SIGTERM, _terminated)
    heard = _open_streams()
    code = _run(given)
    sys.exit(code or (0 if heard else CLOSED))


def _open_streams() -> bool:
    """Let no closed stream and no character of a text break the output; whether anybody hears it."""
    heard = sys.stdout is not None
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:  # closed by the shell: >&-
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  open until the end
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")
    return heard


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _run(arguments: list[str]) -> int:
    try:
        result: Any = cli.main(arguments, prog_name="chainrule", standalone_mode=False)
        sys.stdout.flush()
    except (click.ClickException, click.Abort, KeyboardInterrupt, MemoryError, ChainruleError, OSError) as error:
        if "--debug" in arguments:
            raise
        message, code = _explained(error)
        if isinstance(error, OSError) and not error.filename:  # the output refuses: what is left of it is dropped
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if message:
            click.echo(message, err=True)
        return code
    return result if isinstance(result, int) else 0


def _explained(error: BaseException) -> tuple[str, int]:
    """What to say about an error, and the exit code."""
    match error:
        case click.NoSuchOption():
            names = {option.lstrip("-"): option for option in error.possibilities or ()}
            near = difflib.get_close_matches(error.option_name.lstrip("-"), names, n=2)
            error = click.NoSuchOption(error.option_name, possibilities=[names[n] for n in near], ctx=error.ctx)
    match error:
        case BrokenPipeError():
            return "", CLOSED
        case KeyboardInterrupt() | click.Abort():
            return "stopped by Ctrl-C", 130
        case click.exceptions.NoArgsIsHelpError():
            return error.message, 2
        case click.ClickException():
            context = error.ctx if isinstance(error, click.UsageError) else None
            hint = f"\n  see {context.command_path} --help" if context else ""
            return f"error: {error.format_message()}{hint}", 2
        case MemoryError():
            return f"error: not enough memory: {error or 'the sizes are too large'}", 1
        case OSError():
            place, reason = error.filename or "standard output", error.strerror or error
            return f"error: {place}: {reason}", 2 if error.filename else 1
    return f"error: {error}", 1 if isinstance(error, (NonFiniteError, ProofError, WorkerError, WriteError)) else 2
