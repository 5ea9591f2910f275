"""`chainrule vectors analogy`: a is to b as c is to what, one question or a file of them."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from chainrule.display.axes import percent
from chainrule.errors import DataError
from chainrule.ner.analogies import Section, answered, read_questions
from chainrule.ner.drift import read_words
from chainrule.ner.similar import METHODS, Similar

EPILOG = """\b
Examples:
  chainrule vectors analogy vectors.bin france paris italy
  chainrule vectors analogy vectors.bin man king woman --method mul --count 3
  chainrule vectors analogy vectors.bin --questions questions-words.txt --first 30000
"""
PATH = click.Path(path_type=Path)


@click.command("analogy", epilog=EPILOG)
@click.argument("file", type=PATH)
@click.argument("words", metavar="[A B C]", nargs=-1)
@click.option("--questions", type=PATH, help="Lines of four words, and `: section`, as in questions-words.txt.")
@click.option(
    "--method",
    type=click.Choice(list(METHODS)),
    default="add",
    show_default=True,
    help="3CosAdd, or 3CosMul, which lets no single cosine decide.",
)
@click.option(
    "--first", type=click.IntRange(0), default=0, help="Only so many words of FILE take part, the first."
)
@click.option("--count", "-n", type=click.IntRange(1), default=10, show_default=True, help="Answers to A B C.")
@click.option("--json", "as_json", is_flag=True, help="The answers or the figures as JSON.")
def command(
    file: Path, words: tuple[str, ...], questions: Path | None, method: str, first: int, count: int, as_json: bool
) -> None:
    """A is to B as C is to what? Answer by the vectors in FILE or a model folder, or judge them by questions."""
    if len(words) != (3 if questions is None else 0):
        raise click.UsageError("give three words A B C, or --questions FILE")
    asked = None if questions is None else read_questions(questions)
    similar = Similar(read_words(file).first(first))
    if asked is None:
        a, b, c = words
        found = similar.analogy(a, b, c, count, method)
        if as_json:
            answers = [{"word": each.word, "score": each.cosine} for each in found]
            click.echo(json.dumps({"query": [a, b, c], "method": method, "answers": answers}, ensure_ascii=False))
        else:
            rows = [f"    {each.cosine:6.3f}  {each.word}" for each in found]
            click.echo("\n".join(["", f"  {a} : {b} = {c} : ?", *rows, ""]))
        return
    sections = answered(similar, asked, method)
    if not sections[-1].asked:
        raise DataError(f"{questions}: {file} has no vectors for any of its questions; give other vectors")
    if as_json:
        figures = [{**each._asdict(), "accuracy": each.accuracy if each.asked else None} for each in sections]
        click.echo(json.dumps({"method": method, "sections": figures}, ensure_ascii=False))
    else:
        click.echo("\n".join(_table(sections)))


def _table(sections: Sequence[Section]) -> list[str]:
    wide = max(len("section"), *(len(each.name) for each in sections))
    head = f"  {'section':<{wide}}   accuracy    right    asked   questions"
    rows = [
        f"  {each.name:<{wide}}   {percent(each.accuracy):>8}   {each.right:>6,}   {each.asked:>6,}   "
        f"{each.questions:>9,}"
        for each in sections
    ]
    return ["", head, "  " + "─" * (len(head) - 2), *rows, ""]
