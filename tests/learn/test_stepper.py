"""Row-sparse steps are the dense steps, exactly, and never touch the rest of the table."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from chainrule.errors import SettingError, ShapeError
from chainrule.learn.gradients import Rows
from chainrule.learn.optim import OPTIMIZERS, AdamW, Momentum, optimizer
from chainrule.learn.stepper import BLOCK, Optimizer, State

V, D, STEPS = 40, 3, 300
RATES = np.random.default_rng(1).uniform(0.001, 0.1, STEPS)
OPTIONS: dict[str, dict[str, float]] = {"adamw": {"weight_decay": 0.1}, "momentum": {"momentum": 0.5}}

Gradient = Callable[[np.ndarray], Rows]


def target_gradients(seed: int = 2) -> list[Gradient]:
    """For each step, the gradient of ½ Σ ‖E[i] − target‖² over a few rows i, some of them twice; targets vary.

    It depends on E, so that a row that was not brought up to date before it is read would show. Row 0 is met
    only in the first step and row 1 only in the last; rows from 30 on are never met.
    """
    rng = np.random.default_rng(seed)

    def gradient(indices: np.ndarray) -> Gradient:
        target = rng.normal(size=D)
        return lambda E: Rows(indices, E[indices] - target)

    drawn = [rng.integers(2, 30, size=rng.integers(1, 6)) for _ in range(STEPS)]
    drawn[0], drawn[-1] = np.array([0, 5, 0]), np.array([1, 5, 5, 1])
    return [gradient(indices) for indices in drawn]


def table() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(V, D))


def indices_of(gradient: Gradient) -> np.ndarray:
    return gradient(table()).indices


def advance(
    method: Optimizer, params: dict[str, np.ndarray], state: State, gradients: list[Gradient], start: int = 0
) -> None:
    """Steps as the trainer does them: fresh, gradient, step."""
    for t, gradient in enumerate(gradients, start=start):
        method.fresh(params, {"E": indices_of(gradient)}, state)
        method.step(params, {"E": gradient(params["E"])}, state, float(RATES[t]))


def sparse_run(method: Optimizer, gradients: list[Gradient]) -> tuple[np.ndarray, State]:
    params = {"E": table()}
    state = method.start(params, sparse={"E"})
    advance(method, params, state, gradients)
    method.settle(params, state)
    return params["E"], state


def dense_run(method: Optimizer, gradients: list[Gradient]) -> tuple[np.ndarray, State]:
    """The definition: a full gradient, zeros in the rows not met."""
    params = {"E": table()}
    state = method.start(params)
    for gradient, lr in zip(gradients, RATES, strict=True):
        rows, g = gradient(params["E"]), np.zeros((V, D))
        np.add.at(g, rows.indices, rows.values)
        method.step(params, {"E": g}, state, float(lr))
    return params["E"], state


def sparse_adamw_loop(gradients: list[Gradient], weight_decay: float) -> np.ndarray:
    """SparseAdam, row by row: every row decays, moments move only where a gradient came, t is global."""
    E, m, s = table(), np.zeros((V, D)), np.zeros((V, D))
    for t, (gradient, lr) in enumerate(zip(gradients, RATES, strict=True), start=1):
        rows = gradient(E)
        E *= 1 - lr * weight_decay
        for i in set(rows.indices.tolist()):
            g = rows.values[rows.indices == i].sum(axis=0)
            m[i] = 0.9 * m[i] + 0.1 * g
            s[i] = 0.999 * s[i] + 0.001 * g**2
            E[i] -= lr * (m[i] / (1 - 0.9**t)) / (np.sqrt(s[i] / (1 - 0.999**t)) + 1e-8)
    return E


@pytest.mark.parametrize("name", ["adagrad", "momentum", "nesterov", "rmsprop", "sgd"])
def test_rows_end_where_the_dense_gradients_take_them(name: str) -> None:
    method, gradients = optimizer(name, **OPTIONS.get(name, {})), target_gradients()
    E, state = sparse_run(method, gradients)
    expected, dense_state = dense_run(method, gradients)
    np.testing.assert_allclose(E, expected, rtol=1e-12)
    for slot in method.slots:
        # a velocity that has coasted for hundreds of steps is zero to within 1e-20
        np.testing.assert_allclose(state[f"E/{slot}"], dense_state[f"E/{slot}"], rtol=1e-11, atol=1e-20)


@pytest.mark.parametrize(("name", "weight_decay"), [("adam", 0.0), ("adamw", 0.1)])
def test_adam_on_rows_is_sparse_adam_with_exact_decay(name: str, weight_decay: float) -> None:
    # The dense rule moves idle rows by old moments; SparseAdam, the convention on rows, does not. Hence a loop.
    gradients = target_gradients()
    E, _ = sparse_run(optimizer(name, **OPTIONS.get(name, {})), gradients)
    np.testing.assert_allclose(E, sparse_adamw_loop(gradients, weight_decay), rtol=1e-12)


def test_adam_on_rows_equals_pytorch() -> None:
    # PyTorch's SparseAdam puts ε before the correction of the moments, its Adam behind: no ε, no difference.
    torch = pytest.importorskip("torch")
    method, gradients = optimizer("adam", eps=1e-200), target_gradients()
    theirs = torch.tensor(table(), requires_grad=True)
    peer = torch.optim.SparseAdam([theirs], lr=0.1, eps=1e-200)
    for gradient, lr in zip(gradients, RATES, strict=True):
        peer.param_groups[0]["lr"] = float(lr)
        rows = gradient(theirs.detach().numpy())
        theirs.grad = torch.sparse_coo_tensor(
            torch.tensor(rows.indices[None]), torch.tensor(rows.values), (V, D), check_invariants=True
        )
        peer.step()
    np.testing.assert_allclose(sparse_run(method, gradients)[0], theirs.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("kind", ["momentum", "nesterov"])
@pytest.mark.parametrize("mu", [0.0, 0.1, 0.9])
def test_a_row_coasts_through_any_number_of_steps_with_any_rates(kind: str, mu: float) -> None:
    method, count = optimizer(kind, momentum=mu), 3000
    rates = np.random.default_rng(4).uniform(0.0, 1.0, count)
    g, nothing = np.ones((1, 2)), Rows(np.arange(0), np.empty((0, 2)))
    params = {"E": np.zeros((1, 2))}
    state = method.start(params, sparse={"E"})
    method.step(params, {"E": Rows(np.arange(1), g)}, state, 1.0)
    for lr in rates:
        method.step(params, {"E": nothing}, state, float(lr))
    method.settle(params, state)
    reach = mu if kind == "nesterov" else 1.0
    first = 1.0 + mu if kind == "nesterov" else 1.0
    moved = first + reach * sum(lr * mu**i for i, lr in enumerate(rates, start=1))
    np.testing.assert_allclose(params["E"], -moved * g, rtol=1e-13)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_continues_bit_for_bit_from_a_stored_state(name: str) -> None:
    method, gradients = optimizer(name), target_gradients()
    whole, whole_state = sparse_run(method, gradients)
    params = {"E": table()}
    state = method.start(params, sparse={"E"})
    advance(method, params, state, gradients[:123])
    params, state = {"E": params["E"].copy()}, {key: a.copy() for key, a in state.items()}
    again = optimizer(name)
    advance(again, params, state, gradients[123:], start=123)
    again.settle(params, state)
    assert (params["E"] == whole).all()
    assert sorted(state) == sorted(whole_state)
    assert all((state[key] == whole_state[key]).all() for key in state)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_table_may_receive_dense_gradients_in_between(name: str) -> None:
    method = optimizer(name)
    params, twin = {"E": table()}, {"E": table()}
    state, twin_state = method.start(params, sparse={"E"}), method.start(twin, sparse={"E"})
    for t in range(20):
        g = np.random.default_rng(t).normal(size=(V, D))
        method.step(params, {"E": g if t % 3 else Rows(np.arange(V), g)}, state, 0.01)
        method.step(twin, {"E": Rows(np.arange(V), g)}, twin_state, 0.01)
    np.testing.assert_array_equal(params["E"], twin["E"])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_settling_twice_and_asking_for_fresh_rows_twice_changes_nothing(name: str) -> None:
    method = optimizer(name)
    E, state = sparse_run(method, target_gradients())
    before = E.copy()
    method.settle({"E": E}, state)
    method.fresh({"E": E}, {"E": np.array([[0, 1], [1, 39]])}, state)
    np.testing.assert_array_equal(E, before)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_allocates_the_same_for_any_size_of_table(name: str) -> None:
    small, large = peak_of_steps(name, 1_000), peak_of_steps(name, 100_000)
    assert large < small + 20_000  # one byte for every row would be 99,000


def peak_of_steps(name: str, rows: int) -> int:
    """The most memory, in bytes, that is held at once during ten steps on 50 rows each."""
    method, params = optimizer(name), {"E": np.zeros((rows, 4))}
    state = method.start(params, sparse={"E"})
    indices = [np.random.default_rng(t).integers(0, rows, 50) for t in range(11)]
    method.step(params, {"E": Rows(indices[0], np.ones((50, 4)))}, state, 0.1)
    tracemalloc.start()
    for met in indices[1:]:
        method.fresh(params, {"E": met}, state)
        method.step(params, {"E": Rows(met, np.ones((50, 4)))}, state, 0.1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_settling_walks_through_a_large_table_in_blocks() -> None:
    rows = 2 * BLOCK + 5
    method, params = AdamW(weight_decay=0.5), {"E": np.ones(rows, np.float32)}
    state = method.start(params, sparse={"E"})
    for lr in (0.1, 0.2):
        method.step(params, {"E": Rows(np.array([3]), np.zeros(1, np.float32))}, state, lr)
    method.settle(params, state)
    np.testing.assert_allclose(params["E"], 0.95 * 0.9, rtol=1e-6)
    assert params["E"].dtype == np.float32
    assert (state["E/clock"] == 2).all()


def test_rows_of_a_table_that_was_not_announced_are_refused() -> None:
    params, g = {"E": np.ones((4, 2))}, Rows(np.array([1]), np.ones((1, 2)))
    method = Momentum()
    with pytest.raises(SettingError, match=r"E has a row-sparse gradient.*start\(params, sparse=\{'E'\}\)"):
        method.step(params, {"E": g}, method.start(params), 0.1)
    with pytest.raises(SettingError, match="unknown parameter 'e'; did you mean E"):
        method.start({"E": params["E"]}, sparse={"e"})


@pytest.mark.parametrize("g", [np.ones(2), np.ones(()), Rows(np.array([1]), np.ones((1, 3)))])
def test_a_gradient_of_another_shape_is_not_broadcast(g: np.ndarray | Rows) -> None:
    params, method = {"E": np.ones((4, 2))}, optimizer("sgd")
    with pytest.raises(ShapeError, match="the gradient of E has shape"):
        method.step(params, {"E": g}, method.start(params), 0.1)
