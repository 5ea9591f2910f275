"""The rules on dense gradients: against plain loops on one number, against PyTorch, and their settings."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

from chainrule.errors import SettingError
from chainrule.learn.optim import OPTIMIZERS, Adagrad, Adam, AdamW, Momentum, Nesterov, RMSprop, optimizer
from chainrule.learn.stepper import Optimizer


def plain_sgd(w: float, steps: Iterator[tuple[float, float]]) -> float:
    for g, lr in steps:
        w = w - lr * g
    return w


def plain_momentum(w: float, steps: Iterator[tuple[float, float]]) -> float:
    v = 0.0
    for g, lr in steps:
        v = 0.9 * v + g
        w = w - lr * v
    return w


def plain_nesterov(w: float, steps: Iterator[tuple[float, float]]) -> float:
    v = 0.0
    for g, lr in steps:
        v = 0.9 * v + g
        w = w - lr * (g + 0.9 * v)
    return w


def plain_adagrad(w: float, steps: Iterator[tuple[float, float]]) -> float:
    s = 0.0
    for g, lr in steps:
        s = s + g**2
        w = w - lr * g / (math.sqrt(s) + 1e-10)
    return w


def plain_rmsprop(w: float, steps: Iterator[tuple[float, float]]) -> float:
    s = 0.0
    for g, lr in steps:
        s = 0.99 * s + 0.01 * g**2
        w = w - lr * g / (math.sqrt(s) + 1e-8)
    return w


def plain_adamw(w: float, steps: Iterator[tuple[float, float]], weight_decay: float = 0.01) -> float:
    m = s = 0.0
    for t, (g, lr) in enumerate(steps, start=1):
        w = w - lr * weight_decay * w
        m = 0.9 * m + 0.1 * g
        s = 0.999 * s + 0.001 * g**2
        w = w - lr * (m / (1 - 0.9**t)) / (math.sqrt(s / (1 - 0.999**t)) + 1e-8)
    return w


def plain_adam(w: float, steps: Iterator[tuple[float, float]]) -> float:
    return plain_adamw(w, steps, weight_decay=0.0)


PLAIN = {
    "adagrad": plain_adagrad,
    "adam": plain_adam,
    "adamw": plain_adamw,
    "momentum": plain_momentum,
    "nesterov": plain_nesterov,
    "rmsprop": plain_rmsprop,
    "sgd": plain_sgd,
}

STEPS = 60


def drawn(*shape: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A parameter, its gradients, and rates that vary."""
    rng = np.random.default_rng(7)
    return rng.normal(size=shape), rng.normal(size=(STEPS, *shape)), rng.uniform(0.001, 0.1, STEPS)


def trained(method: Optimizer, w: np.ndarray, grads: np.ndarray, rates: np.ndarray) -> np.ndarray:
    params = {"W": w.copy()}
    state = method.start(params)
    for g, lr in zip(grads, rates, strict=True):
        method.step(params, {"W": g}, state, float(lr))
    return params["W"]


def test_every_optimiser_has_a_plain_reference() -> None:
    assert list(PLAIN) == list(OPTIMIZERS) == sorted(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_dense_steps_equal_a_plain_loop_on_each_number(name: str) -> None:
    w, grads, rates = drawn(3, 2)
    expected = [PLAIN[name](w[i], zip(grads[:, *i], rates, strict=True)) for i in np.ndindex(w.shape)]
    moved = trained(optimizer(name), w, grads, rates)
    np.testing.assert_allclose(moved, np.reshape(expected, w.shape), rtol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_dense_steps_equal_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    peers = {
        "adagrad": (torch.optim.Adagrad, {}),
        "adam": (torch.optim.Adam, {}),
        "adamw": (torch.optim.AdamW, {}),
        "momentum": (torch.optim.SGD, {"momentum": 0.9}),
        "nesterov": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
        "rmsprop": (torch.optim.RMSprop, {}),
        "sgd": (torch.optim.SGD, {}),
    }
    w, grads, rates = drawn(3, 2)
    theirs = torch.tensor(w, requires_grad=True)
    kind, options = peers[name]
    peer = kind([theirs], lr=0.1, **options)
    for g, lr in zip(grads, rates, strict=True):
        peer.param_groups[0]["lr"] = float(lr)
        theirs.grad = torch.tensor(g)
        peer.step()
    np.testing.assert_allclose(trained(optimizer(name), w, grads, rates), theirs.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_parameter_and_slots_keep_their_dtype_and_the_gradient_is_not_written_to(name: str, dtype: type) -> None:
    params = {"W": np.ones((3, 2), dtype), "b": np.array(1.0, dtype)}
    grads = {"W": np.full((3, 2), 0.5, dtype), "b": np.array(0.5, dtype)}
    method = optimizer(name)
    state = method.start(params)
    held = dict(params)
    for _ in range(3):
        method.step(params, grads, state, 0.1)
    assert all(params[key] is held[key] for key in params)
    assert {a.dtype for key, a in {**params, **state}.items() if key != "step"} == {np.dtype(dtype)}
    assert (grads["W"] == 0.5).all()
    assert (params["W"] == params["b"]).all()
    assert params["b"] < 1


def test_state_is_a_flat_dict_with_clear_names() -> None:
    params = {"E": np.ones((5, 2)), "b": np.ones(2)}
    assert sorted(Adagrad().start(params, sparse={"E"})) == ["E/sum_of_squares", "b/sum_of_squares", "step"]
    names = ["E/clock", "E/mean_square", "b/mean_square", "step"]
    assert sorted(RMSprop().start(params, sparse={"E"})) == names
    assert sorted(Momentum().start(params)) == ["E/velocity", "b/velocity", "step"]
    assert "coast" in Nesterov().start(params, sparse={"E"})


def test_the_factory_passes_options_on_and_instances_are_values() -> None:
    assert optimizer("adam", beta1=0.8) == Adam(beta1=0.8) != AdamW(beta1=0.8)
    assert repr(optimizer("nesterov")) == "Nesterov(momentum=0.9)"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "adagard",
            {},
            "unknown optimiser 'adagard'; did you mean adagrad? "
            "One of: adagrad, adam, adamw, momentum, nesterov, rmsprop, sgd",
        ),
        (
            "adam",
            {"beta_1": 0.9},
            "unknown option of adam 'beta_1'; did you mean beta1? One of: beta1, beta2, eps",
        ),
        ("sgd", {"momentum": 0.9}, "unknown option of sgd 'momentum'. One of: none"),
        ("momentum", {"momentum": 1.0}, "momentum is 1.0; it must be a finite number at least 0 and below 1"),
        ("nesterov", {"momentum": -0.1}, "momentum is -0.1; it must be a finite number at least 0 and below 1"),
        ("adagrad", {"eps": 0}, "eps is 0; it must be a finite number above 0"),
        ("rmsprop", {"rho": math.nan}, "rho is nan; it must be a finite number at least 0 and below 1"),
        ("adam", {"beta2": 2.0}, "beta2 is 2.0; it must be a finite number at least 0 and below 1"),
        ("adamw", {"eps": -1.0}, "eps is -1.0; it must be a finite number above 0"),
        ("adamw", {"weight_decay": "x"}, "weight_decay is 'x'; it must be a finite number at least 0"),
    ],
)
def test_a_wrong_setting_is_named_with_its_repair(name: str, options: dict[str, float], message: str) -> None:
    with pytest.raises(SettingError) as error:
        optimizer(name, **options)
    assert str(error.value) == message


@pytest.mark.parametrize("lr", [-0.1, math.nan, math.inf])
def test_an_impossible_rate_is_refused_before_anything_moves(lr: float) -> None:
    params = {"W": np.ones(2)}
    method = optimizer("sgd")
    with pytest.raises(SettingError, match="the learning rate is"):
        method.step(params, {"W": np.ones(2)}, method.start(params), lr)
    assert (params["W"] == 1).all()


def test_decay_that_would_take_all_of_a_weight_is_refused() -> None:
    params = {"W": np.ones(2)}
    method = AdamW(weight_decay=2.0)
    with pytest.raises(SettingError, match=r"learning rate × weight_decay is 1\.0; .* below 1"):
        method.step(params, {"W": np.ones(2)}, method.start(params), 0.5)
