"""Arguments that several commands read alike."""

from collections.abc import Iterable, Sequence

import click


class FormulaCommand(click.Command):
    """A command whose formula may begin with a minus, as in `-sum(log(x))`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put a space before what begins with one minus and is no option."""
        known = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        return super().parse_args(ctx, [f" {a}" if _is_formula(a) and a not in known else a for a in args])


def _is_formula(argument: str) -> bool:
    return argument.startswith("-") and not argument.startswith("--") and len(argument) > 1


def shapes(written: Iterable[str]) -> dict[str, Sequence[str | int]]:
    """The shapes by name; UsageError where one name is given two."""
    found: dict[str, Sequence[str | int]] = {}
    for text in written:
        name, axes = shape(text)
        if list(found.setdefault(name, axes)) != list(axes):
            first, second = (",".join(map(str, s)) or "scalar" for s in (found[name], axes))
            raise click.UsageError(f"{name} is given two shapes, {name}={first} and {name}={second}")
    return found


def alternatives(parameters: Iterable[click.Parameter], given: Sequence[str]) -> None:
    """UsageError where two options are given of which only one can hold, such as --latex and --json."""
    holds: dict[str, list[str]] = {}
    for parameter in parameters:
        if isinstance(parameter, click.Option) and parameter.is_flag and isinstance(parameter.flag_value, str):
            holds.setdefault(str(parameter.name), []).extend(o for o in parameter.opts if o in given)
    for options in holds.values():
        if len(options) > 1:
            raise click.UsageError(f"{' and '.join(options)} exclude each other; choose one")


def shape(written: str) -> tuple[str, Sequence[str | int]]:
    """The name and the axes of `W=n,m` or `W=n×m`; of a number, `lam=` or `lam=scalar`."""
    name, sign, axes = written.replace("×", ",").partition("=")
    axes = axes.removesuffix("scalar")
    if not (name and sign):
        raise click.UsageError(f"{written!r}: a shape is written NAME=AXES, as in W=n,m, and of a number NAME=")
    if any(mark.isspace() for mark in axes):
        raise click.UsageError(f"{written!r}: axes are separated by commas, as in x=n,m")
    return name, [int(a) if a.isdigit() else a for a in axes.split(",") if a]
