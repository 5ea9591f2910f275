"""`chainrule tag MODEL SRC… --out FOLDER`: each file is a shard, and has a file of records there.

All that is clever is `tag_shard`: it may be called any number of times, by anybody, anywhere, also twice at once,
since a result takes its place whole. So a run that was killed is begun again by the same command, and does what is
not done. `chainrule.json` in the folder says of which model and settings the results are.
"""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import chain
from os.path import commonpath
from pathlib import Path
from typing import NamedTuple

from chainrule.compute.files import written_whole
from chainrule.display.language import Language
from chainrule.errors import DataError, counted
from chainrule.ner.folder import CONFIG
from chainrule.ner.jobs import Executors, Outcome, carry_out
from chainrule.ner.tagger import Tagger
from chainrule.shell.tag_forms import Frame
from chainrule.shell.tag_lines import grouped, refuse
from chainrule.shell.tag_work import work_of, write_all, written

ABOUT = "chainrule.json"


class Manner(NamedTuple):
    """How all shards of a run are tagged; with the texts it decides every byte of the results."""

    model: str
    digest: str
    form: str
    given: str
    alternatives: int = 0
    min_score: float = 0.0
    recall_bias: float = 0.0
    gazetteers: tuple[tuple[str, str, str], ...] = ()
    """Lists in the place of the model's: name, file, digest."""
    language: Language = "en"
    backend: str = "auto"


class Shard(NamedTuple):
    """A file of texts, and the file of their records."""

    source: str
    target: str
    manner: Manner


class Tally(NamedTuple):
    """How many texts and names a shard has; nothing where its result was there."""

    texts: int = 0
    names: int = 0
    there: bool = False


def digest_of(path: str | Path) -> str:
    """The hash of a file; a model is told from others by that of its config.json, which has those of its files."""
    try:
        return sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from None


@lru_cache(maxsize=1)
def _tagger(manner: Manner) -> Tagger:
    """The model, which a worker reads once."""
    told = [(str(Path(manner.model) / CONFIG), manner.digest), *((path, d) for _, path, d in manner.gazetteers)]
    for path, digest in told:
        if digest_of(path) != digest:
            raise DataError(f"{path}: is here another file than where the run began; copy that one here")
    lists = {name: Path(path) for name, path, _ in manner.gazetteers}
    tagger = Tagger.load(manner.model, manner.backend).with_gazetteers(lists)
    return tagger.inclined(manner.recall_bias, manner.min_score)


def tag_shard(shard: Shard) -> Tally:
    """Write the records of a file of texts, in bounded memory, whole or not at all; nothing if they are there.

    Raises DataError for what cannot be read, ModelError, WriteError.
    """
    target, manner = Path(shard.target), shard.manner
    if target.exists():
        return Tally(there=True)
    tagger = _tagger(manner)
    target.parent.mkdir(parents=True, exist_ok=True)
    work = work_of(manner.given, manner.form, manner.alternatives)
    frame = Frame(Path(manner.model).name, tagger.labels, manner.language, manner.alternatives)
    groups = filter(None, grouped([shard.source], refuse, manner.given))
    with written(target, manner.form) as write:
        texts, counts = write_all(write, manner.form, frame, (work(tagger, group) for group in groups))
    return Tally(texts, counts.total())


# ── a run ─────────────────────────────────────────────────────────────────────────────────────────────


def shards_of(sources: Sequence[str], out: Path, manner: Manner) -> list[Shard]:
    """A shard for every file, and for those in folders; their results lie in `out` as they lie to one another.

    Raises DataError for what is no file.
    """
    files = list(dict.fromkeys(chain.from_iterable(map(_files, sources))))
    if not files:
        raise DataError(f"{sources[0]}: holds no files; name files of texts")
    common = Path(commonpath([file.resolve().parent for file in files]))
    suffix = f".{manner.form}"
    names = [str(file.resolve().relative_to(common)) for file in files]
    targets = [out / (name if name.endswith(suffix) else name + suffix) for name in names]
    return [Shard(str(f), str(t), manner) for f, t in zip(files, targets, strict=True)]


def _files(source: str) -> list[Path]:
    path = Path(source)
    if path.is_dir():
        return sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    if not path.is_file():
        raise DataError(f"{source}: there is no such file; with --out FOLDER, give files and folders of texts")
    return [path]


def begin(out: Path, manner: Manner) -> None:
    """Say in the folder of what the results are. Raises DataError where they are of something else, WriteError."""
    about = out / ABOUT
    told = json.dumps(manner._replace(model=Path(manner.model).name)._asdict(), indent=1, ensure_ascii=False)
    out.mkdir(parents=True, exist_ok=True)
    if about.exists():
        before = about.read_text("utf-8")
        if before != told:
            changed = _changed(before, told)
            raise DataError(f"{out}: holds results of another run ({changed}); choose another folder, or empty it")
        return
    if strangers := sorted(p.name for p in out.iterdir() if not p.name.startswith(".")):
        raise DataError(f"{out}: holds {strangers[0]}, which is no result of tagging; choose another folder")
    with written_whole(about) as file:
        file.write(told.encode())


def _changed(before: str, now: str) -> str:
    try:
        old, new = json.loads(before), json.loads(now)
        names = [f"{n} {old.get(n)!r}, not {v!r}" for n, v in new.items() if old.get(n) != v and n != "digest"]
    except (ValueError, AttributeError):
        return f"its {ABOUT} is damaged"
    return ", ".join(names) or "the model has changed since"


def tag_shards(
    shards: Sequence[Shard],
    executors: Executors,
    watch: Callable[[Outcome[Shard, Tally]], None] = lambda outcome: None,
) -> list[Outcome[Shard, Tally]]:
    """All shards, on any executor; drafts that killed workers left are gone at the end. Raises WorkerError."""
    found = carry_out(tag_shard, shards, executors, watch)
    for folder in {Path(shard.target).parent for shard in shards}:
        for draft in folder.glob(".*.tmp"):
            draft.unlink(missing_ok=True)
    return found


def summary(found: Sequence[Outcome[Shard, Tally]], seconds: float) -> str:
    """What a run did, as a line."""
    done = [outcome.result for outcome in found if outcome.result]
    texts, names = sum(t.texts for t in done), sum(t.names for t in done)
    there, failed = sum(t.there for t in done), len(found) - len(done)
    parts = [
        counted(len(done) - there, "file"),
        *([f"{there:,} were there"] * bool(there)),
        *([f"{failed:,} failed"] * bool(failed)),
        counted(texts, "text"),
        counted(names, "name"),
        f"{texts / max(seconds, 1e-9):,.0f} texts/s",
    ]
    return " · ".join(parts)
