"""The trace as JSON and as files."""

import json

import numpy as np
import pytest

import chainrule as cr
from chainrule.display.trace_json import FORMAT, VERSION

LECTURE = ("(x + y) * max(y, z)", {"x": 1, "y": 2, "z": 0})
KEYS = {
    "format",
    "version",
    "formula",
    "syntax",
    "result",
    "upstream",
    "start",
    "sizes",
    "remarks",
    "blocks",
    "rows",
    "gradients",
}
ROW = {
    "id", "name", "role", "op", "symbol", "gate", "formula", "latex", "numbers", "shape", "dtype", "value", "gradient",
    "spans", "named", "block", "inputs",
}  # fmt: skip


def test_json_holds_what_the_records_hold():
    t = cr.trace(*LECTURE)
    held = json.loads(t.to_json())
    assert held == t.to_dict() and set(held) == KEYS
    assert (held["format"], held["version"], held["formula"]) == (FORMAT, VERSION, LECTURE[0])
    assert held["gradients"] == {"x": 2, "y": 5, "z": 0}
    for row, record in zip(held["rows"], t.rows, strict=True):
        assert set(row) == ROW
        np.testing.assert_array_equal(row["value"], record.value)
        assert [f["source"] for f in row["inputs"]] == [f.source for f in record.inputs]
    b = held["rows"][4]
    assert (b["formula"], b["numbers"], b["spans"]) == ("b = max(y, z)", "max(2, 0)", [[10, 19]])
    assert [(f["local"], f["downstream"]) for f in b["inputs"]] == [(1, 3), (0, 0)]


def test_numbers_that_json_has_not():
    t = cr.trace("log(x)*y", {"x": [0.0, -1, 1], "y": 2})
    held = json.loads(t.to_json(), parse_constant=pytest.fail)
    assert held["rows"][2]["value"] == ["-Infinity", "NaN", 0]


def test_files(tmp_path):
    t = cr.trace(*LECTURE)
    for suffix in (".txt", ".json"):
        t.save(tmp_path / f"t{suffix}")
    assert (tmp_path / "t.txt").read_text(encoding="utf-8") == f"{t}\n"
    assert json.loads((tmp_path / "t.json").read_text(encoding="utf-8")) == t.to_dict()
    with pytest.raises(cr.SettingError, match="not as 'pdf'"):
        t.save(tmp_path / "t.pdf")
    with pytest.raises(cr.WriteError):
        t.save(tmp_path / "nowhere" / "t.json")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.json", "t.txt"]
