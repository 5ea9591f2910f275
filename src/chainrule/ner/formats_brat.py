"""Standoff of brat: a text in `NAME.txt`, its annotations in `NAME.ann`; a folder of such pairs, or one pair.

T1<tab>LOC 0 5<tab>Paris
T2<tab>ORG 10 14;20 24<tab>Bank Seoul      with a gap
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from chainrule.compute.files import written_whole
from chainrule.errors import DataError, WriteError
from chainrule.ner.formats_conll import Reading
from chainrule.ner.formats_record import Claim, Name, Place, Record, named
from chainrule.ner.source import opened

KINDS = {"R": "relation", "E": "event", "A": "attribute", "M": "attribute", "N": "normalisation", "#": "remark"}
_NAME = re.compile(r"(\S+) (-?\d{1,18} -?\d{1,18}(?:;-?\d{1,18} -?\d{1,18})*)")
_SPACE = re.compile(r"\s")
_BREAK = re.compile(r"[\r\n]+")


def pairs_in(path: Path) -> list[tuple[Path, Path]]:
    """The texts and annotations of a folder, in order, or the pair that a file belongs to."""
    if not path.is_dir():
        return [(path.with_suffix(".txt"), path.with_suffix(".ann"))]
    return [(p.with_suffix(".txt"), p) for p in sorted(path.rglob("*.ann"))]


def read_brat(path: Path, reading: Reading) -> Iterator[Record]:
    """The texts of a folder or pair, each a document."""
    pairs = pairs_in(path)
    if not pairs:
        raise DataError(f"{path}: is a folder without .ann files; name a file in it")
    for number, (text, annotations) in enumerate(pairs, 1):
        yield _read(text, annotations, number, reading)


def _read(path: Path, annotations: Path, number: int, reading: Reading) -> Record:
    with opened(path) as source:
        text = source.text()
    claims: list[Claim] = []
    lost: Counter[str] = Counter()
    with opened(annotations) as source:
        for k, line in enumerate(source.lines(advice="break it"), 1):
            if line[:1] == "T":
                claims.append(_claim(line, text, f"{annotations}:{k}"))
            elif line.strip():
                lost[KINDS.get(line[0], "equivalence" if line[0] == "*" else "other line")] += 1
    names, misfits, unit = named(claims, text, str(annotations), reading.unit)
    return Record(
        text,
        names,
        None,
        str(annotations),
        number,
        path.stem,
        misfits=misfits,
        lost=tuple(lost.elements()),
        unit=unit,
    )


def _claim(line: str, text: str, place: str) -> Claim:
    parts = line.split("\t", 2)
    found = _NAME.fullmatch(parts[1].strip()) if len(parts) > 1 else None
    if found is None:
        raise DataError(f"{place}: {line[:40]!r} is no name; write T1, a tab, LABEL START END, a tab and its text")
    pieces: list[Place] = []
    for piece in found[2].split(";"):
        a, b = map(int, piece.split())
        if pieces and 0 <= pieces[-1][1] <= a and not text[pieces[-1][1] : a].strip():
            pieces[-1] = (pieces[-1][0], b)  # nothing but space lies between: no gap
        else:
            pieces.append((a, b))
    surface = parts[2] if len(parts) > 2 and len(pieces) == 1 else None
    start, end = min(a for a, _ in pieces), max(b for _, b in pieces)
    return Claim(start, end, found[1], surface, None, tuple(pieces) if len(pieces) > 1 else ())


def write_brat(records: Iterable[Record], path: Path) -> None:
    """Write a pair of files, if the name ends in .ann or .txt: a record begins a line; or else a new folder."""
    if path.suffix in (".ann", ".txt"):
        _write_pair(records, path)
    else:
        _write_folder(records, path)


def _write_pair(records: Iterable[Record], path: Path) -> None:
    with ExitStack() as stack:
        text, annotations = (
            stack.enter_context(written_whole(path.with_suffix(suffix))) for suffix in (".txt", ".ann")
        )
        offset, written = 0, 0
        for record in records:
            text.write(b"\n" * bool(offset) + record.text.encode())
            for name in record.names:
                written += 1
                annotations.write(_line(written, name, record, offset))
            offset += len(record.text) + 1


def _write_folder(records: Iterable[Record], folder: Path) -> None:
    """Write all pairs into a folder beside, which takes the name at the end."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WriteError(f"{folder}: is there already; give the name of a new folder")
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    made: list[Path] = []
    try:
        draft.mkdir()
        for number, record in enumerate(records, 1):
            for suffix, raw in (
                (".txt", record.text.encode()),
                (".ann", b"".join(_line(k, name, record, 0) for k, name in enumerate(record.names, 1))),
            ):
                made.append(draft / f"{number:06d}{suffix}")
                made[-1].write_bytes(raw)
        if folder.exists():
            folder.rmdir()
        draft.replace(folder)
    except OSError as error:
        raise WriteError(
            f"{folder}: cannot be written ({error.strerror}); make room or choose another folder"
        ) from None
    finally:
        if draft.exists():
            for file in made:
                file.unlink(missing_ok=True)
            draft.rmdir()


def _line(number: int, name: Name, record: Record, offset: int) -> bytes:
    """A name of a record that begins at an offset of its file; what goes over a line end is in pieces."""
    if re.search(r"\s", name.label):
        repair = f"{name.label}={'_'.join(name.label.split())}"
        raise DataError(f"{record.place}: brat cannot hold the label {name.label!r}; give --rename {repair!r}")
    pieces = [
        (start + offset, end + offset)
        for piece in name.pieces or ((name.start, name.end),)
        for start, end in _between_breaks(record.text, *piece)
    ]
    places = ";".join(f"{start} {end}" for start, end in pieces)
    surface = " ".join(_SPACE.sub(" ", record.text[start - offset : end - offset]) for start, end in pieces)
    return f"T{number}\t{name.label} {places}\t{surface}\n".encode()


def _between_breaks(text: str, start: int, end: int) -> list[Place]:
    breaks = (k for m in _BREAK.finditer(text, start, end) for k in m.span())
    ends = [start, *breaks, end]
    return [(a, b) for a, b in zip(ends[::2], ends[1::2], strict=True) if a < b]
