"""How far the derivations reach, as a table: `python -m benchmarks.targets [FORMULAS.json] [ERRORS.json] [-v]`.

Formulas with verified derivatives are derived; the generated Python is run at three sets of sizes and compared,
its operators are counted against the reference form. Without files the shared ones are taken (`CHAINRULE_DATA`,
or `../shared/data` beside the repository). Exit code 1 if a formula is not derived, or an answer is wrong.
"""

import argparse
import math
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from benchmarks.intermediates import formulas, shares
from benchmarks.operators import operators
from benchmarks.random_expressions import expressions

import chainrule as cr
from chainrule.algebra.node import Node
from chainrule.algebra.parse import formula, parse
from chainrule.algebra.signature import Binding, shape_of
from chainrule.calculus.facts import read_facts
from chainrule.calculus.naming import Program, named
from chainrule.calculus.notes import notes
from chainrule.calculus.textbook import recognised, textbook
from chainrule.compute.source import python_source
from chainrule.errors import ChainruleError

Entry = Mapping[str, Any]

OWN = Path(__file__).parents[1] / "tests" / "formulas.json"
COLD = ["derive", "u' * tanh(W*x + b)", "--shape", "W=n,m", "x=m", "b=n", "u=n"]


# ── one formula ───────────────────────────────────────────────────────────────────────────────────────


class Answer(NamedTuple):
    """A derivative: the program that computes it, and that program as a Python function of the inputs."""

    program: Program
    inputs: list[str]
    source: str


def answer(entry: Entry) -> Answer:
    """The derivative that an entry asks for, as `chainrule derive` gives it, proof and all."""
    mode = entry["mode"].removesuffix("_vec")
    if mode == "gradient_symmetric":
        return _in_free_entries(entry)
    found = cr.derive(
        entry["expr"],
        entry["wrt"],
        kind=mode,
        vec=entry["mode"].endswith("_vec"),
        facts=entry.get("assume", {}),
        shapes=formulas.shapes(entry),
    )
    return Answer(found.program, [x.attrs["name"] for x in found.question.variables], found.python())


def _in_free_entries(entry: Entry) -> Answer:
    """The gradient in the free entries of a symmetric matrix (Matrix Cookbook 2.8): G + Gᵀ − diag(diag(G))."""
    read = formula(entry["expr"], formulas.shapes(entry))
    facts = read_facts(entry.get("assume", {}), read.variables)
    s, *_ = recognised([read.result], facts)
    G = cr.gradient(s, read.variables[entry["wrt"]])
    program = named(textbook([G + G.T - cr.diag(cr.diag(G))], facts), s, {}, {})
    inputs = list(read.variables.values())
    source = python_source("gradient", inputs, program, ["gradient"])
    return Answer(program, [x.attrs["name"] for x in inputs], source)


def misfit(entry: Entry, found: Answer) -> str:
    """How the generated function differs from the verified derivative, at three sets of sizes; "" if it agrees."""
    held: dict[str, Any] = {}
    function = re.findall(r"^def (\w+)", found.source, re.MULTILINE)[-1]
    exec(compile(found.source, f"<{entry['id']}>", "exec"), held)
    for more in (0, 1, 2):
        sizes, values = drawn(entry, more)
        names = {**formulas.REFERENCE, **sizes, **values}
        for name, text in entry.get("let", {}).items():
            names[name] = eval(text, names)
        wanted = np.asarray(eval(entry["expected_gradient"], names))
        value = np.asarray(held[function](*(values[name] for name in found.inputs)))
        if value.shape != wanted.shape:
            return f"the shape is {value.shape} and should be {wanted.shape}"
        if not np.allclose(value, wanted, rtol=1e-8, atol=1e-9):
            return f"the value is off by {np.max(np.abs(value - wanted)):.1e}"
    return ""


def drawn(entry: Entry, more: int) -> tuple[dict[str, int], dict[str, np.ndarray]]:
    """Sizes and values of an entry; `more` is added to every size and seeds the values."""
    rng = np.random.default_rng(more)
    sizes = {name: size + more for name, size in entry["dims"].items()}
    binding, kinds = Binding(sizes), entry.get("sample", {})
    shapes = {
        name: tuple(binding.size(a) for a in shape_of(axes)) for name, axes in formulas.shapes(entry).items()
    }
    return sizes, {n: np.asarray(formulas.drawn(kinds.get(n), shape, rng)) for n, shape in shapes.items()}


# ── all of them ───────────────────────────────────────────────────────────────────────────────────────


class Outcome(NamedTuple):
    """What became of an entry: the answer, what is wrong with it, the time it took, and which parts it names."""

    entry: Entry
    answer: Answer | None
    fault: str
    seconds: float
    named: list[tuple[str, bool]]

    @property
    def operators(self) -> int:
        """The operators of the generated function."""
        return operators(self.answer.source) if self.answer else 0

    @property
    def ratio(self) -> float:
        """They against those of the reference form; a form without any is met by none alone."""
        theirs = self.entry["ref_nodes"]
        if self.answer is None:
            return float("inf")
        return self.operators / theirs if theirs else 1.0 + self.operators


def tried(entry: Entry) -> Outcome:
    """An entry derived and judged."""
    start = time.perf_counter()
    try:
        found = answer(entry)
    except Exception as error:  # whatever it is, the formula is missed and the rest is still measured
        fault = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        return Outcome(entry, None, fault, time.perf_counter() - start, [])
    seconds = time.perf_counter() - start
    return Outcome(entry, found, misfit(entry, found), seconds, shares(entry, found.program, entry["dims"]))


def said_of(entry: Entry) -> str:
    """The error or the notes that a formula gets."""
    try:
        read = formula(entry["expr"], formulas.shapes(entry))
    except ChainruleError as error:
        return str(error)
    return "\n".join(notes(read.result, [read.variables[entry["wrt"]]], entry["expr"]))


def unnamed(entry: Entry) -> list[str]:
    """What a message should name and does not."""
    said = said_of(entry)
    return [asked for asked in entry["message_should_name"] if not formulas.names(said, asked)]


def cold_start() -> float:
    """Seconds of `chainrule derive` from a cold start, the fastest of five; infinite where it fails."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "chainrule", *COLD], capture_output=True, check=False)
        times.append(time.perf_counter() - start if done.returncode == 0 else math.inf)
    return min(times)


def not_read_back(number: int) -> list[Node]:
    """Random expressions that do not read back as the same object."""
    return [node for node in expressions(np.random.default_rng(1), number) if not _reads_back(node)]


def _reads_back(node: Node) -> bool:
    try:
        return parse(str(node), {v.attrs["name"]: v for v in cr.variables(node)}) is node
    except ChainruleError:
        return False


# ── the table ─────────────────────────────────────────────────────────────────────────────────────────


class Row(NamedTuple):
    """A line of the table."""

    what: str
    ours: str
    wanted: str
    met: bool
    must: bool = False


def share(count: int, of: int) -> str:
    """`97.5 %  (117 of 120)`."""
    return f"{100 * count / max(of, 1):.1f} %  ({count} of {of})"


def of_formulas(outcomes: Sequence[Outcome]) -> Iterator[Row]:
    """The rows about formulas."""
    total = len(outcomes)
    derived = [o for o in outcomes if o.answer]
    wrong = [o for o in derived if o.fault]
    right = len(derived) - len(wrong)
    yield Row("read and derived", share(len(derived), total), "all", len(derived) == total, must=True)
    yield Row("right value and shape, three sizes", share(right, total), "all", right == total)
    yield Row("wrong answers", str(len(wrong)), "0", not wrong, must=True)
    for limit, wanted in ((1.25, 0.95), (1.0, 0.60)):
        short = sum(o.ratio <= limit for o in outcomes)
        yield Row(
            f"operators ≤ {limit:.2f} × reference", share(short, total), f"{wanted:.0%}", short >= wanted * total
        )
    having = [o for o in outcomes if o.named]
    alike = sum(all(same for _, same in o.named) for o in having)
    yield Row("the same intermediates named", share(alike, len(having)), "90%", alike >= 0.9 * len(having))
    times = [o.seconds for o in outcomes]
    median, longest = statistics.median(times), max(times)
    yield Row("a derivation, median", f"{1000 * median:.0f} ms", "50 ms", median <= 0.05)
    yield Row("a derivation, longest", f"{1000 * longest:.0f} ms", "1000 ms", longest <= 1)


def of_errors(entries: Sequence[Entry]) -> Row:
    """The row about messages."""
    good = sum(not unnamed(entry) for entry in entries)
    return Row("messages that name what is asked", share(good, len(entries)), "all", good == len(entries))


def of_reading(number: int = 3000) -> Row:
    """The row about random expressions."""
    lost = len(not_read_back(number))
    return Row("random expressions read back", share(number - lost, number), "all", not lost)


def of_start() -> Row:
    """The row about the command line."""
    seconds = cold_start()
    shown = f"{1000 * seconds:.0f} ms" if math.isfinite(seconds) else "does not run"
    return Row("chainrule derive, cold start", shown, "600 ms", seconds <= 0.6)


def shown(rows: Sequence[Row]) -> str:
    """The table."""
    wide = [max(len(row[k]) for row in rows) for k in range(3)]
    lines = [
        f"  {r.what:<{wide[0]}}   {r.ours:>{wide[1]}}   {r.wanted:>{wide[2]}}   {'✓' if r.met else '✗'}"
        for r in rows
    ]
    head = f"  {'':<{wide[0]}}   {'measured':>{wide[1]}}   {'wanted':>{wide[2]}}"
    return "\n".join([head, "  " + "─" * (len(lines[0]) - 2), *lines])


def detailed(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Every formula: operators, those of the reference, their ratio, the time, and both forms."""
    for o in outcomes:
        ours = o.operators if o.answer else "–"
        took = f"{1000 * o.seconds:.0f} ms"
        yield f"{o.entry['id']:<18} {ours:>3} {o.entry['ref_nodes']:>3}  {o.ratio:5.2f}  {took:>8}"
        yield f"    {o.entry['expr']}   wrt {o.entry['wrt']}, {o.entry['mode']}"
        if o.fault:
            yield f"    ✗ {o.fault}"
        if o.answer:
            yield from (f"    ours  {line.strip()}" for line in body(o.answer.source))
        yield from (f"    ref   {name} = {text}" for name, text in o.entry.get("let", {}).items())
        yield f"    ref   return {o.entry['expected_gradient']}"
        missing = ", ".join(name for name, same in o.named if not same)
        if missing:
            yield f"    ✗ not named: {missing}"


def body(source: str) -> list[str]:
    """The lines of the generated function, without its head."""
    return [line for line in source[source.rindex("\ndef ") :].strip().splitlines()[1:] if '"""' not in line]


def worst(outcomes: Sequence[Outcome], number: int = 10) -> Iterator[str]:
    """The formulas whose answers are longest against the reference, and those without a right one."""
    yield from (f"  ✗ {o.entry['id']}: {o.fault}" for o in outcomes if o.fault)
    longer = sorted((o for o in outcomes if o.answer and o.ratio > 1.25), key=lambda o: -o.ratio)
    yield from (
        f"  {o.ratio:.2f} × {o.entry['id']}: {o.operators} operators, {o.entry['ref_nodes']}"
        for o in longer[:number]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The table for formulas and errors; 1 if a formula is not derived or an answer is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.targets", description="How far the derivations reach."
    )
    parser.add_argument("formulas", nargs="?", type=Path, default=formulas.DATA / "formulas.json")
    parser.add_argument("errors", nargs="?", type=Path, default=formulas.DATA / "formula_errors.json")
    parser.add_argument("-v", "--verbose", action="store_true", help="one paragraph for every formula")
    parser.add_argument("--only", help="formulas whose id holds this text")
    options = parser.parse_args(arguments)
    if not options.formulas.exists():
        print(f"{options.formulas} is not here: the shared formulas are read in place; {OWN} are our own")
        return 0
    entries = [e for e in formulas.load(options.formulas) if (options.only or "") in e["id"]]
    tried(entries[0])
    outcomes = [tried(entry) for entry in entries]
    rows = list(of_formulas(outcomes))
    if not options.only:
        rows += [of_errors(formulas.load(options.errors))] if options.errors.exists() else []
        rows += [of_reading(), of_start()]
    print(*(detailed(outcomes) if options.verbose else worst(outcomes)), shown(rows), sep="\n")
    return int(any(row.must and not row.met for row in rows))


if __name__ == "__main__":
    sys.exit(main())
