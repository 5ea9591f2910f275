"""A model folder: safetensors, JSON and text. Nothing in it is ever executed.

    config.json         format number, versions, architecture, tags, figures, hash of the weights
    model.safetensors   the parameters
    vocab.txt           one word a line
    features.json       the values of the other features; values in a list of their own share a row
    brown.txt, gazetteers.txt     what features are looked up in, if they are: see `lookups`
    README.md           the model card

Tables, of which only rows are looked up, may be stored in 16 bits: float16, which rounds by 1 part in 2048
at most (2e-4, root mean square; bfloat16 1.7e-3), and needs no scale beside it.

The files are written out of sight, inside the folder, and renamed when all are complete. A folder is read with
distrust: every field is checked, and the tensors must be exactly those that the architecture implies.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

import chainrule
from chainrule.errors import DataError, ModelError, SettingError, WriteError
from chainrule.learn.choose import within
from chainrule.learn.store import (
    Bytes,
    Tensors,
    forget,
    mapped_bytes,
    read_bytes,
    release,
    tensors_in,
    write_tensors,
)
from chainrule.ner.architecture import Architecture
from chainrule.ner.families import family
from chainrule.ner.features import LETTERS, Features
from chainrule.ner.lookups import LISTS, PATHS, Lookups, files
from chainrule.ner.model import Network
from chainrule.ner.tags import OUTSIDE, SCHEMES, fault
from chainrule.ner.vocab import LINE, SPECIAL, Vocabulary, kept
from chainrule.ner.words import Words

FORMAT = 2
CONFIG, WEIGHTS, WORDS, CARD = "config.json", "model.safetensors", "vocab.txt", "README.md"
VALUES = "features.json"
CHECKPOINT, REPORT = "checkpoint.safetensors", "report.html"
FILES = (WEIGHTS, WORDS, VALUES, PATHS, LISTS, CARD, CONFIG)
HASHED = (WEIGHTS, WORDS, VALUES)
MOST_CONFIG = 1 << 20
LATER = frozenset({"gazetteer_dropout"})  # settings that older models lack
BITS: Mapping[int, np.dtype[Any]] = {32: np.dtype(np.float32), 16: np.dtype(np.float16)}


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a model is, apart from its numbers; `bits` are those of the numbers in tables that are looked up."""

    architecture: Architecture
    tags: tuple[str, ...]
    scheme: str
    tokenizer: str
    temperature: float = 1.0
    bits: int = 32
    training: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if type(self.bits) is not int or self.bits not in BITS:
            raise SettingError(f"bits is {self.bits!r}; it must be {' or '.join(map(str, BITS))}")

    @property
    def labels(self) -> list[str]:
        """The types of names that the tags stand for."""
        return sorted({tag.partition("-")[2] or tag for tag in self.tags if tag != OUTSIDE})


def write_folder(folder: str | Path, config: Config, features: Features, params: Tensors) -> None:
    """Write a model folder, whole or not at all; a model that stands there is replaced.

    Raises DataError if something else than a model stands there, or the disk refuses; SettingError where numbers
    do not fit into the bits that they are to have.
    """
    target, params = Path(folder), stored(config, features, params)
    with opened(target):
        made = target / f".{os.getpid()}.tmp"
        try:
            shutil.rmtree(made, ignore_errors=True)  # of a process that had our number and was killed
            made.mkdir()
            _fill(made, config, features, params)
            _exchange(made, target)
        except OSError as error:
            raise WriteError(
                f"{target}: cannot be written ({error.strerror}); make room or choose another folder"
            ) from None
        except WriteError as error:
            raise WriteError(str(error).replace(str(made), str(target))) from None
        finally:
            shutil.rmtree(made, ignore_errors=True)


def network_of(config: Config, features: Features) -> Network:
    """The network whose parameters a folder holds."""
    return Network(config.architecture, len(features.vocabulary), len(config.tags), features.rows)


def dtypes(config: Config, network: Network) -> dict[str, np.dtype[Any]]:
    """What every parameter is stored as."""
    tables = {"L", *(table.parameter for table in network.tables)}
    return {name: BITS[config.bits if name in tables else 32] for name in network.parameters}


def stored(config: Config, features: Features, params: Tensors) -> Tensors:
    """The parameters as a folder holds them. Raises SettingError for numbers that 16 bits do not hold."""
    wanted = dtypes(config, network_of(config, features))
    with np.errstate(over="ignore"):
        found = {name: np.asarray(array, wanted[name]) for name, array in params.items()}
    for name, array in found.items():
        if not np.isfinite(array).all() and np.isfinite(params[name]).all():
            most = f"{np.finfo(array.dtype).max:,.0f}"
            raise SettingError(f"tensor {name} holds numbers beyond ±{most}, which need 32 bits; keep these")
    return found


@contextmanager
def opened(folder: str | Path) -> Iterator[None]:
    """Hold a folder ready for a model; after an error what was made for it, and is still empty, is gone again.

    Raises DataError if something else than a model stands there, or no folder can be made.
    """
    target = Path(folder)
    try:
        _refuse_strangers(target)
        made = [p for p in (target, *target.parents) if not p.exists()]
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{target}: cannot be made ({error.strerror}); choose another folder") from None
    if not os.access(target, os.W_OK):
        raise DataError(f"{target}: is not yours to write to; choose another folder")
    try:
        yield
    except BaseException:
        with suppress(OSError):  # not empty: a checkpoint is worth keeping
            for path in made:
                path.rmdir()
        raise


def _refuse_strangers(target: Path) -> None:
    known = {*FILES, CHECKPOINT, REPORT}
    if target.is_dir():
        strangers = sorted(p.name for p in target.iterdir() if p.name not in known and not p.name.startswith("."))
        if strangers:
            raise DataError(f"{target}: holds {strangers[0]}, which is no part of a model; choose another folder")
    elif target.exists():
        raise DataError(f"{target}: is a file; choose a folder for the model")


def _fill(folder: Path, config: Config, features: Features, params: Tensors) -> None:
    clusters = {name: numbers.astype(np.int32) for name, numbers in features.clusters.items()}
    write_tensors(folder / WEIGHTS, {**params, **clusters})
    features.vocabulary.write(folder / WORDS)
    values = {name: _listed(known) for name, known in features.numbered.items()}
    (folder / VALUES).write_text(json.dumps(values, indent=0) + "\n", encoding="utf-8")
    texts = features.lookups.texts()
    for name, text in texts.items():
        (folder / name).write_bytes(text)
    described = {
        "format": FORMAT,
        "made_by": f"chainrule {chainrule.__version__}",
        "architecture": asdict(config.architecture),
        "tags": list(config.tags),
        "scheme": config.scheme,
        "tokenizer": config.tokenizer,
        "temperature": config.temperature,
        "bits": config.bits,
        "training": dict(config.training),
        "figures": dict(config.figures),
        "sha256": {name: sha256((folder / name).read_bytes()).hexdigest() for name in (*HASHED, *texts)},
    }
    (folder / CARD).write_text(_card(config, len(features.vocabulary)), encoding="utf-8")
    (folder / CONFIG).write_text(json.dumps(described, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _listed(known: Vocabulary) -> list[str | list[str]]:
    """The values of a feature in order; those that share the last number as a list."""
    values: list[str | list[str]] = [*known.words[len(SPECIAL) :]]
    return [*values[:-1], [known.words[-1], *known.shared]] if known.shared else values


def _exchange(made: Path, target: Path) -> None:
    """Move the finished files into place, config.json last; after any error in between the old ones come back."""
    old = made / "old"
    old.mkdir()
    moves = [(target / name, old / name) for name in reversed(FILES) if (target / name).exists()]
    moves += [(made / name, target / name) for name in FILES if (made / name).exists()]
    try:
        for source, goal in moves:
            os.replace(source, goal)
    except BaseException:
        for source, goal in reversed(moves):
            if goal.exists() and not source.exists():
                with suppress(OSError):
                    os.replace(goal, source)
        raise


def read_folder(folder: str | Path) -> tuple[Config, Features, Tensors]:
    """Read a model folder. Raises ModelError, naming the file and the repair, for anything not as written."""
    target = Path(folder)
    if not (target / CONFIG).is_file():
        raise ModelError(f"{target}: no model here ({CONFIG} is missing); give the folder that training wrote")
    described = _described(target / CONFIG)
    config = _config(target / CONFIG, described)
    named = config.architecture.named
    for name in (WORDS, VALUES):
        _check_hash(target / name, read_bytes(target / name), described["sha256"][name])
    texts = {name: read_bytes(target / name) for name in files(named)}
    for name, text in texts.items():
        _check_hash(target / name, text, described["sha256"][name])
    weights = mapped_bytes(target / WEIGHTS)
    _check_hash(target / WEIGHTS, weights, described["sha256"][WEIGHTS])
    params, _ = tensors_in(target / WEIGHTS, weights)
    forget(weights)
    vocabulary, values = _vocabulary(target / WORDS), _values(target / VALUES)
    clusters = {name: params.pop(name) for name in config.architecture.clusters if name in params}
    _check_clusters(target / WEIGHTS, config.architecture.clusters, clusters, len(vocabulary))
    letters = values.pop(LETTERS, None)
    features = Features(vocabulary, values, clusters, letters, _lookups(target, texts, config))
    letters_too = [LETTERS] if config.architecture.letters else []
    if sorted([*features.numbered, *clusters]) != sorted([*config.architecture.named, *letters_too]):
        raise ModelError(f"{target / VALUES}: does not fit {CONFIG}; restore the folder or train again")
    _check_tensors(target / WEIGHTS, config, network_of(config, features), params)
    forget(weights)
    release()
    return config, features, params


def _described(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        described = json.loads(raw[: MOST_CONFIG + 1])
    except (ValueError, RecursionError):
        raise ModelError(f"{path}: cut short or damaged; restore the file or train again") from None
    if not isinstance(described, dict) or not isinstance(described.get("format"), int):
        raise ModelError(f"{path}: is no model of chainrule; give the folder that training wrote")
    if described["format"] != FORMAT:
        raise ModelError(
            f"{path}: format {described['format']}, made by {described.get('made_by', 'another version')}; "
            f"this is chainrule {chainrule.__version__}, which reads format {FORMAT}: upgrade chainrule"
        )
    return described


def _config(path: Path, described: Mapping[str, Any]) -> Config:
    try:
        tags, scheme = tuple(described["tags"]), described["scheme"]
        wrong = [t for t in tags if not isinstance(t, str) or fault(t)]
        if wrong or len(set(tags)) < len(tags) or not tags or scheme not in SCHEMES:
            raise ModelError(f"{path}: its tags or their scheme are damaged; restore the file or train again")
        lacking = {f.name for f in fields(Architecture)} ^ {*described["architecture"]}
        if not lacking <= LATER:
            raise ModelError(f"{path}: its architecture is damaged; restore the file or train again")
        architecture = Architecture(**described["architecture"])
        if {*described["sha256"].keys()} != {*HASHED, *files(architecture.named)}:
            raise ModelError(f"{path}: its hashes are damaged; restore the file or train again")
        return Config(
            architecture=architecture,
            tags=tags,
            scheme=scheme,
            tokenizer=str(described["tokenizer"]),
            temperature=float(within("temperature", described["temperature"], above=0)),
            bits=described.get("bits", 32),
            training={**described["training"]},
            figures={**described["figures"]},
        )
    except (KeyError, TypeError, AttributeError, SettingError) as error:
        raise ModelError(f"{path}: damaged ({error}); restore the file or train again") from None


def _check_hash(path: Path, raw: Bytes, digest: object) -> None:
    if sha256(raw).hexdigest() != digest:
        raise ModelError(f"{path}: has been altered or cut since it was written; restore the file or train again")


def _vocabulary(path: Path) -> Vocabulary:
    try:
        return Vocabulary.read(path)
    except DataError as error:
        raise ModelError(str(error)) from None


def _values(path: Path) -> dict[str, Vocabulary]:
    """The values of every feature, different strings; the last of the list may be a list of several."""
    try:
        return {name: _read_values(values) for name, values in json.loads(path.read_bytes()).items()}
    except (ValueError, RecursionError, AttributeError, TypeError, DataError) as error:
        raise ModelError(f"{path}: damaged ({error}); restore the file or train again") from None


def _read_values(values: Any) -> Vocabulary:
    last = values[-1] if isinstance(values, list) and values and isinstance(values[-1], list) else None
    words = [*values[:-1], *last[:1]] if last else values
    shared = last[1:] if last else []
    if not isinstance(words, list) or not all(isinstance(value, str) for value in (*words, *shared)):
        raise TypeError("a feature without a list of values")
    if any(LINE in value for value in words):
        raise TypeError("a value with a line break")
    return Vocabulary(kept(Words.of((*SPECIAL, *words)).raw), shared=tuple(shared))


def _lookups(folder: Path, texts: Mapping[str, Bytes], config: Config) -> Lookups:
    """What features are looked up in. Raises ModelError."""
    try:
        return Lookups.read(texts, config.tokenizer, config.architecture.named)
    except ValueError as error:
        raise ModelError(f"{folder}: {' or '.join(texts)}: damaged ({error}); restore or train again") from None


def _check_clusters(path: Path, names: Sequence[str], clusters: Tensors, words: int) -> None:
    for name in names:
        ids, most = clusters.get(name, np.zeros(0)), family(name)[1] + len(SPECIAL)
        if ids.shape != (words,) or ids.dtype != np.int32 or ids.min(initial=0) < 0 or ids.max(initial=0) >= most:
            raise ModelError(f"{path}: tensor {name} does not fit {WORDS}; restore the folder or train again")


def _check_tensors(path: Path, config: Config, network: Network, params: Tensors) -> None:
    kinds = dtypes(config, network)
    wanted = {name: (node.shape, kinds[name]) for name, node in network.parameters.items()}
    found = {name: (array.shape, array.dtype) for name, array in params.items()}
    if wanted != found:
        odd = next(name for name in sorted(wanted | found) if wanted.get(name) != found.get(name))
        raise ModelError(
            f"{path}: tensor {odd} does not fit {CONFIG} and {WORDS}; restore the folder or train again"
        )


def _card(config: Config, words: int) -> str:
    a, data = config.architecture, config.training.get("data", "its training data")
    figures = "\n".join(f"| {n} | {v:.4f} |" for n, v in config.figures.items() if isinstance(v, float))
    return f"""---
library_name: chainrule
pipeline_tag: token-classification
metrics: [precision, recall, f1]
---

# Window NER tagger

Labels: {", ".join(config.labels)}. Trained by chainrule {chainrule.__version__} on {data}.

A window of {a.window} tokens ({a.combine}), word vectors of {a.dimension}, {a.hidden} hidden units
({a.activation}), {words:,} words, {len(config.tags)} tags ({config.scheme}).

| figure | value |
|---|---|
{figures}

```python
from chainrule.ner import Tagger

tagger = Tagger.load("this folder")
tagger.tag("Museums in Paris are amazing")
```
"""
