import math

import pytest

from chainrule.errors import SettingError
from chainrule.learn.schedule import parse

EPOCH, TOTAL = 100, 1000


@pytest.mark.parametrize(
    ("text", "factors"),
    [
        ("constant", {0: 1, 500: 1, 10**9: 1}),
        ("halve:3", {0: 1, 299: 1, 300: 0.5, 599: 0.5, 600: 0.25}),
        ("halve:0.5", {49: 1, 50: 0.5, 100: 0.25}),
        ("step:0.1:2", {199: 1, 200: 0.1, 400: 0.01}),
        ("cosine", {0: 1, 250: 0.5 + math.sqrt(0.125), 500: 0.5, 1000: 0, 2000: 0}),
        ("cosine:0.2", {0: 1, 500: 0.6, 1000: 0.2}),
        ("linear", {0: 1, 250: 0.75, 1000: 0, 1500: 0}),
        ("linear:0.2", {0: 1, 500: 0.6, 1000: 0.2}),
        ("inverse:400", {0: 1, 400: 1, 800: 0.5, 4000: 0.1}),
        ("constant,warmup:4", {0: 0.25, 1: 0.5, 3: 1, 4: 1}),
        ("constant,rise:0.04", {0: 0.25, 1: 0.5, 3: 1, 4: 1}),
        ("halve:1, rise:2", {0: 0.005, 99: 0.5, 100: 0.2525, 199: 0.5, 200: 0.25}),
        ("halve:1, warmup:200", {0: 0.005, 99: 0.5, 100: 0.2525, 199: 0.5, 200: 0.25}),
    ],
)
def test_a_schedule_reads_as_it_is_written(text: str, factors: dict[int, float]) -> None:
    schedule = parse(text)
    for step, factor in factors.items():
        assert schedule(step, EPOCH, TOTAL) == pytest.approx(factor, abs=1e-15), step


def test_a_cosine_over_no_steps_at_all_is_defined() -> None:
    assert parse("cosine:0.1")(0, 1, 0) == 1.0


FORMS = (
    "One of: constant, cosine[:FLOOR], halve:EPOCHS, inverse:STEPS, linear[:FLOOR], step:FACTOR:EPOCHS, "
    "each also followed by ,rise:EPOCHS, each also followed by ,warmup:STEPS"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cosin", f"unknown schedule 'cosin'; did you mean cosine? {FORMS}"),
        ("", f"unknown schedule ''. {FORMS}"),
        ("warmup:3", f"unknown schedule 'warmup'. {FORMS}"),
        (
            "cosine,warmpu:3",
            "unknown addition to a schedule 'warmpu'; did you mean warmup? One of: rise:EPOCHS, warmup:STEPS",
        ),
        ("halve", "'halve' does not read as halve:EPOCHS"),
        ("halve:x", "'halve:x' does not read as halve:EPOCHS"),
        ("step:0.5", "'step:0.5' does not read as step:FACTOR:EPOCHS"),
        ("cosine:0.1:2", "'cosine:0.1:2' does not read as cosine[:FLOOR]"),
        ("cosine,warmup", "'warmup' does not read as warmup:STEPS"),
        ("halve:0", "the number of epochs between decays is 0.0; it must be a finite number above 0"),
        ("step:1:2", "the decay factor is 1.0; it must be a finite number above 0 and below 1"),
        ("cosine:1", "the floor of the cosine is 1.0; it must be a finite number at least 0 and below 1"),
        ("inverse:nan", "the number of steps before the decay is nan; it must be a finite number above 0"),
        ("cosine,rise:0", "the number of epochs to rise in is 0.0; it must be a finite number above 0"),
        ("cosine,warmup:-3", "the number of warm-up steps is -3.0; it must be a finite number above 0"),
    ],
)
def test_a_wrong_schedule_is_answered_with_what_is_possible(text: str, message: str) -> None:
    with pytest.raises(SettingError) as error:
        parse(text)
    assert str(error.value) == message


@pytest.mark.parametrize("text", [None, 3, True, ["halve:3"]])
def test_what_is_no_text_is_answered_with_the_forms(text: object) -> None:
    with pytest.raises(SettingError) as error:
        parse(text)  # type: ignore[arg-type]
    assert str(error.value) == f"schedule is {text!r}; give one of: {FORMS.removeprefix('One of: ')}"
