"""PyTorch: expressions in its autograd, with our gradients; its tensors in `evaluate`."""

import copy
import importlib
import io
import sys

import numpy as np
import pytest
from every_op import CASES, case

import chainrule as cr
from chainrule.algebra.op import OPS
from chainrule.ports import extra

HERE = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HERE, reason='PyTorch is not here: pip install "chainrule[torch]"')
if HERE:
    import torch
    from torch.autograd import gradcheck, gradgradcheck

    from chainrule.ports.torch import function, module

W, x, b, u = cr.matrix("W", "n", "m"), cr.vector("x", "m"), cr.vector("b", "n"), cr.vector("u", "n")
s = u.T @ cr.tanh(W @ x + b)
E, i = cr.matrix("E", "V", "D"), cr.index("i", "k")
rows = cr.sum(cr.tanh(cr.take(E, i)) ** 2)


@pytest.fixture
def values(rng):
    drawn = {
        "W": rng.normal(size=(3, 4)),
        "x": rng.normal(size=4),
        "b": rng.normal(size=3),
        "u": rng.normal(size=3),
    }
    return {name: torch.tensor(v, requires_grad=True) for name, v in drawn.items()}


def plain(values):
    return {name: v.detach().numpy() for name, v in values.items()}


@needs_torch
def test_value_and_gradients_are_ours(values):
    f = cr.compile(s, backend="torch")
    found = f(values)
    found.backward()
    ours = cr.evaluate([s, *cr.gradient(s, [W, x, b, u])], plain(values))
    np.testing.assert_allclose(found.item(), ours[0], rtol=1e-14)
    for name, g in zip("Wxbu", ours[1:], strict=True):
        np.testing.assert_allclose(values[name].grad, g, rtol=1e-12)
    assert (f.backend, f.inputs) == ("torch", ("u", "W", "x", "b")) and "tanh" in f.source


@needs_torch
def test_autograd_agrees_at_the_first_and_the_second_order(values):
    outputs = [cr.tanh(W @ x + b), s, cr.softmax(W, axis=0)]
    f = function(outputs, [W, x, b, u], backend="numpy")
    given = [values[name] for name in "Wxbu"]
    assert gradcheck(lambda *v: tuple(f(*v)), given)
    assert gradgradcheck(lambda *v: tuple(f(*v)), given)
    loss = function(s, [W, x, b, u], backend="numpy")
    assert gradcheck(loss, given)
    assert gradgradcheck(loss, given)


@needs_torch
@pytest.mark.parametrize("name", [name for name, op in OPS.items() if op.examples and op.examples[0].operands])
def test_every_operation_is_computed_by_tensors(name):
    for k in [k for n, k in CASES if n == name]:
        outputs, given = case(name, k)
        ours = cr.evaluate(outputs, given)
        theirs = cr.evaluate(outputs, {n: torch.tensor(v) for n, v in given.items()})
        for a, found in zip(ours, theirs, strict=True):
            assert isinstance(found, torch.Tensor) and str(found.dtype) == f"torch.{a.dtype}"
            np.testing.assert_allclose(found.numpy(), a, rtol=1e-12, atol=1e-14)


@needs_torch
@pytest.mark.parametrize("name", dict(CASES))
def test_every_operation_goes_through_autograd(name):
    (y, *gradients), given = case(name, 0)
    if not gradients:
        return
    tensors = {n: torch.tensor(v, requires_grad=v.dtype == np.float64) for n, v in given.items()}
    function(cr.sum(y), backend="numpy")(tensors).backward()
    real = [t for t in tensors.values() if t.requires_grad]
    for g, t in zip(cr.evaluate(gradients, given), real, strict=True):
        np.testing.assert_allclose(0 * g if t.grad is None else t.grad, g, rtol=1e-12, atol=1e-14)


@needs_torch
def test_rows_that_are_taken_have_a_sparse_gradient_where_asked(rng):
    table, ids = torch.tensor(rng.normal(size=(50, 3)), requires_grad=True), torch.tensor([4, 0, 4])
    function(rows, backend="numpy", sparse=["E"])(E=table, i=ids).backward()
    assert table.grad.is_sparse and table.grad._nnz() == 3
    ours = cr.evaluate(cr.gradient(rows, E), {"E": table.detach().numpy(), "i": ids.numpy()})
    np.testing.assert_allclose(table.grad.to_dense(), ours, rtol=1e-12)
    (dense,) = torch.autograd.grad(
        function(rows, backend="numpy", sparse=["E"])(E=table, i=ids), table, create_graph=True
    )
    assert not dense.is_sparse and dense.requires_grad
    f, W_of = function(s, backend="numpy", sparse=["W"]), torch.ones(2, 2, dtype=torch.float64, requires_grad=True)
    value = f(W=W_of, x=[1.0, 2.0], b=[0.0, 0.0], u=[1.0, 1.0])
    with pytest.raises(cr.GraphError, match="no row-sparse one: W is read otherwise"):
        value.backward()
    with pytest.raises(cr.GraphError, match="sparse names Q"):
        function(s, sparse=["Q"])


@needs_torch
def test_a_module_learns_with_an_optimiser_of_pytorch(rng):
    X, y = cr.matrix("X", "N", "m"), cr.vector("y", "N")
    loss = cr.mean((cr.tanh(X @ W.T + b) @ u - y) ** 2)
    start = {"W": rng.normal(size=(5, 2)), "b": np.zeros(5), "u": rng.normal(size=5)}
    m = module(loss, start, backend="numpy")
    data = torch.tensor(rng.normal(size=(40, 2)))
    right = torch.sin(data[:, 0]) * data[:, 1]
    optimizer = torch.optim.Adam(m.parameters(), lr=0.05)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        at = m(X=data, y=right)
        at.backward()
        optimizer.step()
        losses.append(at.item())
    assert losses[-1] < losses[0] / 4 and m.inputs == ("X", "y")
    assert sorted(m.state_dict()) == ["weights.W", "weights.b", "weights.u"]
    file = io.BytesIO()
    torch.save(m, file)
    file.seek(0)
    for again in (copy.deepcopy(m), torch.load(file, weights_only=False)):
        assert again(data, right).item() == m(data, right).item()
    with pytest.raises(cr.GraphError, match="the expressions have no variable Q; they have"):
        module(loss, {"Q": 0.0})
    with pytest.raises(cr.BindingError, match="3 values are given"):
        m(data, right, right)


@needs_torch
def test_a_function_stands_in_the_middle_of_other_layers(values):
    f = function(cr.tanh(W @ x + b), backend="numpy")
    layer = torch.nn.Linear(4, 4, dtype=torch.float64)
    below = layer(values["x"])
    torch.exp(f(W=values["W"], x=below, b=values["b"])).sum().backward()
    h = torch.exp(torch.tanh(values["W"] @ layer(values["x"]) + values["b"])).sum()
    (expected,) = torch.autograd.grad(h, layer.weight)
    np.testing.assert_allclose(layer.weight.grad, expected, rtol=1e-12)


@needs_torch
def test_nothing_is_copied_on_the_way_in():
    z = cr.vector("z", "n")
    given = torch.arange(6, dtype=torch.float64)
    seen = []
    graph = function(2 * z, backend="numpy")
    graph._graph._run = lambda *arrays: seen.extend(arrays) or [arrays[0] * 2]
    graph(given)
    assert np.shares_memory(seen[0], given.numpy())


@needs_torch
def test_a_loss_is_computed_with_its_gradients_once(values):
    f = function(s, backend="numpy")
    calls = []
    run = f._graph._run
    f._graph._run = lambda *arrays: calls.append("value") or run(*arrays)
    f(values).backward()
    assert calls == []
    with torch.no_grad():
        f(values)
    assert calls == ["value"]
    twice = f(values)
    (3 * twice).backward(retain_graph=True)
    first = values["W"].grad.clone()
    twice.backward()
    np.testing.assert_allclose(first, values["W"].grad * 4 / 5, rtol=1e-14)


@needs_torch
def test_what_nothing_depends_on_has_no_gradient():
    q = cr.vector("q", "k")
    given, other = (torch.ones(2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    h = function(cr.tanh(x), [x, q], backend="numpy")
    h(given.detach(), other).sum().backward()
    assert other.grad is None
    h(given, other).sum().backward()
    assert other.grad is None and given.grad is not None


@needs_torch
def test_kinds_and_shapes_are_held_to_those_declared(values):
    f = function(s, backend="numpy")
    with pytest.raises(cr.BindingError, match=r"axis m is 4 in W .* but 5 in x"):
        f({**values, "x": torch.zeros(5)})
    with pytest.raises(cr.DTypeError, match="holds real numbers"):
        f({**values, "x": torch.zeros(4, dtype=torch.int64)})
    half = values["x"].detach().float().requires_grad_()
    f({**values, "x": half}).backward()
    assert half.grad.dtype == torch.float32
    with pytest.raises(cr.BindingError, match="no value for u"):
        f(W=values["W"])
    with pytest.raises(
        cr.BindingError, match=r"x lies on meta, and this function computes on the CPU: give x\.cpu\(\)"
    ):
        f({**values, "x": torch.zeros(4, dtype=torch.float64, device="meta")})


@needs_torch
def test_float32_stays_float32():
    z = cr.vector("z", "n", dtype="float32")
    given = torch.tensor([1.0, 2.0], requires_grad=True)
    found = function(cr.sum(z * z), backend="numpy")(given)
    found.backward()
    assert found.dtype == given.grad.dtype == torch.float32
    np.testing.assert_array_equal(given.grad, [2, 4])


@needs_torch
def test_a_number_of_float64_makes_float64_as_in_numpy():
    a, z = cr.scalar("a"), cr.vector("z", "n", dtype="float32")
    ours = cr.evaluate(a * z, {"a": 0.1, "z": np.ones(2, np.float32)})
    found = cr.evaluate(a * z, {"a": torch.tensor(0.1, dtype=torch.float64), "z": torch.ones(2)})
    assert found.dtype == torch.float64 and ours.dtype == np.float64
    np.testing.assert_array_equal(found, ours)


@needs_torch
def test_evaluate_gives_tensors_without_a_history_and_of_their_own(values):
    found = cr.evaluate(s, values)
    assert isinstance(found, torch.Tensor) and not found.requires_grad
    before = values["W"].detach().clone()
    turned = cr.evaluate(W.T, values)
    assert torch.equal(turned, before.T)
    turned.zero_()
    assert torch.equal(values["W"], before)
    on_meta = {name: v.detach().to("meta") for name, v in values.items()}
    assert cr.evaluate(2 * (W @ x) + 1, on_meta).device.type == "meta"
    with pytest.raises(cr.BindingError, match="W lies on cpu and x on meta; bring them to one device"):
        cr.evaluate(W @ x, {"W": values["W"], "x": on_meta["x"]})


@needs_torch
def test_what_has_no_value_is_said_by_us():
    A = cr.matrix("A", 2, 2)
    with pytest.raises(cr.BindingError, match="A"):
        cr.evaluate(cr.inv(A), {"A": torch.zeros(2, 2, dtype=torch.float64)})
    with pytest.raises(cr.BindingError, match="row 7 is asked for"):
        cr.evaluate(cr.take(E, i), {"E": torch.zeros(3, 2, dtype=torch.float64), "i": torch.tensor([7])})


@pytest.mark.skipif(HERE, reason="PyTorch is here")
def test_without_pytorch_it_is_a_sentence():
    for call in (lambda: importlib.import_module("chainrule.ports.torch"), lambda: cr.compile(s, backend="torch")):
        with pytest.raises(cr.ExtraError) as raised:
            call()
        assert str(raised.value) == 'chainrule.ports.torch needs PyTorch: pip install "chainrule[torch]"'


def test_another_version_is_a_sentence(monkeypatch):
    monkeypatch.setattr(extra.metadata, "version", lambda name: "1.13.1")
    monkeypatch.delitem(sys.modules, "chainrule.ports.torch", raising=False)
    with pytest.raises(cr.ExtraError, match=r"needs PyTorch 2\.4 or newer, below 3, and found 1\.13\.1"):
        importlib.import_module("chainrule.ports.torch")
