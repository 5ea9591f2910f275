"""`chainrule studio`: the local page, on which formulas are typed, traced and derived, and texts are tagged."""

import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from chainrule.display.document import static
from chainrule.display.language import LANGUAGES
from chainrule.display.studio import studio, styles
from chainrule.errors import ModelError
from chainrule.ner.folder import CONFIG, Config, read_folder
from chainrule.shell.studio_pool import SECONDS, Pool
from chainrule.shell.studio_server import Page, Studio
from chainrule.shell.studio_tagger import page as tagger_page
from chainrule.shell.studio_work import start

EPILOG = """\b
Examples:
  chainrule studio                                  the models in ./runs, if there are any
  chainrule studio runs/mine runs/ko --port 8800 --open
"""

PORT = 8765
QUESTIONS: Mapping[str, str] = {"/api/trace": "trace", "/api/derive": "derive", "/api/tag": "tag"}
SCRIPTS = ("appearance.js", "page.js", "studio.js", "tagger.js")


@click.command(epilog=EPILOG)
@click.argument("models", nargs=-1, type=click.Path(path_type=Path), metavar="[MODEL]...")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 takes one that is free."
)
@click.option("--open", "opens", is_flag=True, help="Open it in the browser.")
@click.option("--lang", type=click.Choice(LANGUAGES), default="en", show_default=True, help="The language.")
def command(models: tuple[Path, ...], port: int, opens: bool, lang: Any) -> None:
    """Serve the local page: formulas with graph, derivation and examples, and the names in a text.

    Only this machine can open it. MODEL are folders of trained taggers; those in ./runs are found. Ctrl-C ends it.
    """
    with served(models or found(Path("runs")), port, lang) as server:
        click.echo(f"  chainrule studio: {server.address}\n  Ctrl-C ends it", err=False)
        if opens:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("\n  ended", err=True)


@contextmanager
def served(models: Sequence[Path], port: int, lang: Any = "en", seconds: float = SECONDS) -> Iterator[Studio]:
    """The server with its processes, which end with it. UsageError where the port is taken."""
    known = [(str(folder), read_folder(folder)[0]) for folder in models]
    try:
        server = Studio(port, _pages(known, lang), QUESTIONS)
    except PermissionError:
        raise click.UsageError(f"port {port} is not for users; take one above 1023, or --port 0") from None
    except OSError:
        raise click.UsageError(f"port {port} is taken; end what has it, or choose another: --port 0") from None
    with server, Pool(start, [str(folder.resolve()) for folder in models], seconds=seconds) as pool:
        server.pool = pool
        yield server


def found(runs: Path) -> list[Path]:
    """The model folders in a folder, those that can be read."""
    folders = sorted(path.parent for path in runs.glob(f"*/{CONFIG}")) if runs.is_dir() else []
    return [folder for folder in folders if _is_whole(folder)]


def _is_whole(folder: Path) -> bool:
    try:
        read_folder(folder)
    except ModelError:
        return False
    return True


def _pages(models: Sequence[tuple[str, Config]], lang: Any) -> dict[str, Page]:
    """All that can be asked for, written once."""
    texts = {"/": ("text/html", studio(lang)), "/tagger": ("text/html", tagger_page(models, lang))}
    styled = {"/studio.css": ("text/css", styles())}
    scripts = {f"/{name}": ("text/javascript", static(name)) for name in SCRIPTS}
    return {**texts, **styled, **scripts}
