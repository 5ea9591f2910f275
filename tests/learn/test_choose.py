import math

import numpy as np
import pytest

from chainrule.errors import SettingError
from chainrule.learn.choose import check_options, choose, within

TABLE = {"adagrad": 1, "adam": 2, "sgd": 3}


def test_a_known_name_is_looked_up() -> None:
    assert choose("optimiser", "adam", TABLE) == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("adagard", "unknown optimiser 'adagard'; did you mean adagrad? One of: adagrad, adam, sgd"),
        ("SGD", "unknown optimiser 'SGD'; did you mean sgd? One of: adagrad, adam, sgd"),
        ("lbfgs", "unknown optimiser 'lbfgs'. One of: adagrad, adam, sgd"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_and_all(name: str, message: str) -> None:
    with pytest.raises(SettingError) as error:
        choose("optimiser", name, TABLE)
    assert str(error.value) == message


@pytest.mark.parametrize("name", [None, 3, True, ["x"], {}])
def test_what_is_no_name_is_answered_with_all(name: object) -> None:
    with pytest.raises(SettingError) as error:
        choose("optimiser", name, TABLE)  # type: ignore[arg-type]
    assert str(error.value) == f"optimiser is {name!r}; give one of: adagrad, adam, sgd"


def maker(shape: int, *, r: float, s: float = 1.0) -> None: ...


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"q": 1}, "unknown option of uniform 'q'. One of: r, s"),
        ({"shape": 1}, "unknown option of uniform 'shape'. One of: r, s"),
        ({"s": 1}, "uniform needs a value for r"),
    ],
)
def test_options_are_the_keyword_only_arguments(options: dict[str, float], message: str) -> None:
    with pytest.raises(SettingError) as error:
        check_options("uniform", maker, options)
    assert str(error.value) == message


def test_a_number_in_its_range_comes_back() -> None:
    check_options("uniform", maker, {"r": 1})
    assert within("x", 0, least=0) == 0
    assert within("x", np.float32(0.5), above=0, below=1) == 0.5


@pytest.mark.parametrize("value", [0, 1, -1, math.nan, math.inf, -math.inf, "0.5", None])
def test_a_value_outside_its_range_is_refused(value: float) -> None:
    with pytest.raises(SettingError, match=r"^x is .*; it must be a finite number above 0 and below 1$"):
        within("x", value, above=0, below=1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_without_a_range_any_finite_number_will_do(value: float) -> None:
    assert within("x", -1e300) == -1e300
    with pytest.raises(SettingError, match=r"^x is .*; it must be a finite number$"):
        within("x", value)
