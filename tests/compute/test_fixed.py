"""A network with fixed parameters, against the same network with its parameters as variables."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.node import index, matrix, variables, vector
from chainrule.algebra.select import concat, ravel, take
from chainrule.algebra.signature import FLOAT32
from chainrule.calculus.batch import batch
from chainrule.calculus.tabulate import tabulated
from chainrule.compute import fixed
from chainrule.compute.compile import has_numba
from chainrule.compute.fixed import Fixed, Own

V, D, K, H, C = 60, 4, 3, 7, 5


class Mixed:
    """A word and one of eight shapes as one number."""

    def __len__(self):
        return V * 8

    def selected(self, kinds):
        return np.divmod(kinds, 8)


def network(window=5, combine="side by side", f=cr.tanh, layers=1):
    words, caps = index("words", window), index("caps", window)
    tables = matrix("E", V, D, dtype=FLOAT32), matrix("K", 8, K, dtype=FLOAT32)
    rows = [take(t, i) for t, i in zip(tables, (words, caps), strict=True)]
    x = concat([ravel(r) if combine == "side by side" else cr.mean(r, axis=0) for r in rows])
    width = x.shape[0]
    h = f(matrix("W", H, width, dtype=FLOAT32) @ x + vector("b", H, dtype=FLOAT32))
    for k in range(1, layers):
        h = f(matrix(f"W{k}", H, H, dtype=FLOAT32) @ h + vector(f"b{k}", H, dtype=FLOAT32))
    return matrix("U", C, H, dtype=FLOAT32) @ h + vector("c", C, dtype=FLOAT32), (words, caps)


def values(root, ids, seed=0):
    rng = np.random.default_rng(seed)
    return {
        str(v.attrs["name"]): rng.standard_normal(v.shape).astype(np.float32)
        for v in variables(root)
        if v not in ids
    }


def plainly(root, ids, params, kinds, window):
    places = np.arange(len(kinds) - window + 1)[:, None] + np.arange(window)
    words, caps = np.divmod(kinds, 8)
    return cr.evaluate(batch(root, list(ids)), {**params, "words": words[places], "caps": caps[places]})


CASES = {
    "usual": {},
    "one word": {"window": 1},
    "nine words": {"window": 9},
    "mean": {"combine": "mean"},
    "relu": {"f": cr.relu},
    "softplus": {"f": cr.softplus},
    "three layers": {"layers": 3},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_is_the_network_up_to_rounding(case):
    root, ids = network(**case)
    params = values(root, ids)
    kinds = np.random.default_rng(1).integers(0, V * 8, 300)
    window = case.get("window", 5)
    found = Fixed(root, ids, Mixed(), params, backend="numpy")(kinds)
    np.testing.assert_allclose(found, plainly(root, ids, params, kinds, window), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_window_has_the_same_bits_in_any_company(case):
    root, ids = network(**case)
    params = values(root, ids)
    kinds = np.random.default_rng(1).integers(0, V * 8, 2500)
    reach = case.get("window", 5) - 1
    whole = Fixed(root, ids, Mixed(), params, backend="numpy")(kinds)
    other = Fixed(root, ids, Mixed(), params, backend="numpy")
    for start, end in ((2400, 2401), (7, 8), (1000, 1017), (0, 1500), (1020, 1029)):
        np.testing.assert_array_equal(other(kinds[start : end + reach]), whole[start:end])


@pytest.mark.skipif(not has_numba(), reason="Numba is not installed")
@pytest.mark.parametrize("window", [1, 5])
def test_machine_code_and_numpy_agree_in_every_bit(window):
    root, ids = network(window=window)
    params = values(root, ids)
    own = Own(
        vector("own", C, dtype=FLOAT32), lambda rows: params["E"][rows[0], None, :1] * np.ones((window, C), "f")
    )
    kinds = np.random.default_rng(1).integers(0, V * 8, 1100)
    for extra in (None, own):
        given = {"backend": "numpy", "own": extra}
        whole = root + extra.node if extra else root
        fast, plain = (Fixed(whole, ids, Mixed(), params, fast=f, **given) for f in ("numba", "numpy"))
        for count in (window - 1, window, window + 1, window + 15, 1100):
            np.testing.assert_array_equal(fast(kinds[:count]), plain(kinds[:count]))


def test_no_window_gives_no_row():
    root, ids = network()
    run = Fixed(root, ids, Mixed(), values(root, ids), backend="numpy")
    for count in range(5):
        assert run(np.zeros(count, np.int64)).shape == (0, C)


def test_rows_are_kept_within_the_memory_and_made_again(monkeypatch):
    root, ids = network(window=1)
    params = values(root, ids)
    kinds = np.random.default_rng(1).integers(0, V * 8, 3000)
    large = Fixed(root, ids, Mixed(), params, backend="numpy")
    expected = large(kinds)
    monkeypatch.setattr(fixed, "CHUNK", 100)
    small = Fixed(root, ids, Mixed(), params, backend="numpy", memory=0)
    assert small._rows._most == 202 < len(np.unique(kinds))
    for start in range(0, 3000, 100):
        np.testing.assert_array_equal(small(kinds[start : start + 100]), expected[start : start + 100])
        assert small._rows._used <= 202
        assert small._rows._kept.rows.shape == (202, H)


def test_of_full_rows_those_are_kept_that_were_asked_for_last(monkeypatch):
    monkeypatch.setattr(fixed, "CHUNK", 10)
    root, ids = network(window=1)
    rows = Fixed(root, ids, Mixed(), values(root, ids), backend="numpy", memory=0)._rows
    often = np.arange(5)
    for start in range(10, 60, 5):
        rows(np.concatenate([often, np.arange(start, start + 5)]))
        kept = np.flatnonzero(rows._kept.slots)
        assert {*range(start - 5 * (start > 10), start + 5), *range(5)} <= {*kept}
        assert len(kept) < rows._most == 22


def test_what_no_table_tells_is_refused():
    words = index("words", 3)
    E = matrix("E", V, D, dtype=FLOAT32)
    assert tabulated(cr.sum(take(E, words) * take(E, words), axis=1), [words]) is None
    assert tabulated(vector("x", 3), [words]) is None
    with pytest.raises(ValueError, match="affine"):
        Fixed(cr.sum(take(E, words) ** 2, axis=0), [words], Mixed(), {"E": np.ones((V, D))}, backend="numpy")


def test_a_step_is_not_taken_for_a_constant():
    words = index("words", 3)
    E = matrix("E", V, D, dtype=FLOAT32)
    made = tabulated(cr.sign(cr.sum(take(E, words), axis=0)), [words])
    assert made.root is cr.sign(made.z)


def test_the_tables_are_products_of_parameters_alone():
    root, ids = network()
    made = tabulated(root, ids)
    assert [str(j) for j in made.jacobians] == ["reshape(W[:, 0:20], 7, 5, 4)", "reshape(W[:, 20:35], 7, 5, 3)"]
    assert str(made.root) == "U tanh(z) + c"
