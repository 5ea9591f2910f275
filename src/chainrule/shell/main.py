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
from chainrule.errors import ChainruleError, NonFiniteError, WriteError

COMMANDS: Mapping[str, str] = {
    "train": "Train a tagger, on DATA or on the bundled sample; write a model folder.",
    "evaluate": "Judge a model on tagged data: precision, recall and F1 of every type.",
    "tag": "Find the names in text, files or standard input.",
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
            hint = f"; did you mean {near[0]}?" if near else ""
            ctx.fail(f"there is no command {cmd_name!r}{hint} One of: {', '.join(COMMANDS)}")
        command: click.Command = import_module(f"chainrule.shell.{cmd_name}").command
        return command

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


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(chainrule.__version__, prog_name="chainrule")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """One graph, read as mathematics, as numbers, as a program and as a model."""


ONE_THREAD = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""The products of a window network are small: a second thread costs more than it brings."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for name in ONE_THREAD:  # read when NumPy is loaded, which no module has done yet
        os.environ.setdefault(name, "1")
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(_run(given))


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _run(arguments: list[str]) -> int:
    try:
        result: Any = cli.main(arguments, prog_name="chainrule", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (click.Abort, KeyboardInterrupt):
        return _complain("stopped by Ctrl-C", 130)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "chainrule"
        return _complain(f"{error.format_message()}\n  see {where} --help", 2)
    except click.ClickException as error:
        return _complain(error.format_message(), 2)
    except ChainruleError as error:
        if "--debug" in arguments:
            raise
        return _complain(str(error), 1 if isinstance(error, (NonFiniteError, WriteError)) else 2)


def _complain(message: str, code: int) -> int:
    click.echo(f"error: {message}" if code != 130 else message, err=True)
    return code
