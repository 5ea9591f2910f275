import math

import numpy as np
import pytest

from chainrule.errors import SettingError
from chainrule.learn.params import INITIALIZERS, initializer, zeros

OPTIONS: dict[str, dict[str, float]] = {"normal": {"std": 0.3}, "uniform": {"r": 0.3}}
SHAPE = (200, 300)  # fan out, fan in

BOUND = {"he_uniform": math.sqrt(6 / 300), "uniform": 0.3, "xavier_uniform": math.sqrt(6 / 500)}
STD = {
    "he_normal": math.sqrt(2 / 300),
    "normal": 0.3,
    "xavier_normal": math.sqrt(2 / 500),
    "zeros": 0.0,
    **{name: r / math.sqrt(3) for name, r in BOUND.items()},
}


def drawn(name: str, shape: tuple[int, ...] = SHAPE, dtype: type = np.float64) -> np.ndarray:
    return initializer(name, **OPTIONS.get(name, {}))(shape, np.random.default_rng(0), dtype)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_draws_have_the_mean_and_deviation_that_is_stated(name: str) -> None:
    w = drawn(name)
    assert w.shape == SHAPE
    assert abs(w.mean()) <= 5 * STD[name] / math.sqrt(w.size)
    assert w.std() == pytest.approx(STD[name], rel=0.01)


@pytest.mark.parametrize("name", BOUND)
def test_uniform_draws_fill_their_interval_and_stay_inside(name: str) -> None:
    largest = np.abs(drawn(name)).max()
    assert 0.999 * BOUND[name] < largest <= BOUND[name]


@pytest.mark.parametrize("name", INITIALIZERS)
def test_float32_draws_are_the_float64_draws_rounded(name: str) -> None:
    single = drawn(name, dtype=np.float32)
    assert single.dtype == np.float32
    assert (single == drawn(name).astype(np.float32)).all()


def test_a_vector_counts_as_one_row() -> None:
    assert (drawn("xavier_uniform", (300,)) == drawn("xavier_uniform", (1, 300))[0]).all()


@pytest.mark.parametrize("shape", [(), (2, 3, 4), (0, 3), (3, 0)])
def test_shapes_without_fans_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SettingError, match=r"fans are defined for .*, not for shape \("):
        drawn("he_normal", shape)
    assert zeros(shape, np.random.default_rng(0), np.float64).shape == shape


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "xavier",
            {},
            "unknown initialiser 'xavier'; did you mean xavier_normal? One of: he_normal, he_uniform, "
            "normal, uniform, xavier_normal, xavier_uniform, zeros",
        ),
        ("uniform", {}, "uniform needs a value for r"),
        ("normal", {"sdt": 1.0}, "unknown option of normal 'sdt'; did you mean std? One of: std"),
        ("zeros", {"r": 1.0}, "unknown option of zeros 'r'. One of: none"),
        ("uniform", {"r": 0.0}, "r is 0.0; it must be a finite number above 0"),
        ("normal", {"std": math.inf}, "std is inf; it must be a finite number above 0"),
    ],
)
def test_a_wrong_initialiser_is_answered_with_what_is_possible(
    name: str, options: dict[str, float], message: str
) -> None:
    with pytest.raises(SettingError) as error:
        initializer(name, **options)((2, 2), np.random.default_rng(0), np.float64)
    assert str(error.value) == message
