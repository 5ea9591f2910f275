import numpy as np
import pytest

from chainrule.errors import SettingError
from chainrule.learn.batches import batches, epoch_order, rng_for


@pytest.mark.parametrize(("n", "size"), [(10, 3), (9, 3), (2, 5), (1, 1), (0, 4)])
def test_batches_hold_every_example_once_and_only_the_last_is_short(n: int, size: int) -> None:
    pieces = batches(n, size, seed=1, epoch=2)
    assert sorted(int(i) for piece in pieces for i in piece) == list(range(n))
    assert all(len(piece) == size for piece in pieces[:-1])
    assert len(pieces) == -(-n // size)


def test_the_order_depends_on_seed_and_epoch_and_on_nothing_else() -> None:
    first = epoch_order(1000, seed=3, epoch=4)
    np.random.default_rng(3).normal(size=10)
    epoch_order(1000, seed=3, epoch=5)
    assert (epoch_order(1000, seed=3, epoch=4) == first).all()
    assert (epoch_order(1000, seed=3, epoch=5) != first).any()
    assert (epoch_order(1000, seed=4, epoch=4) != first).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((10, 0, 1, 1), "the batch size is 0; it must be a finite number at least 1"),
        ((-1, 2, 1, 1), "the number of examples is -1; it must be a finite number at least 0"),
        ((10, 2, -1, 1), "the seed is -1; it must be a finite number at least 0"),
        ((10, 2, 1, -1), "the epoch is -1; it must be a finite number at least 0"),
    ],
)
def test_impossible_batches_are_refused(arguments: tuple[int, int, int, int], message: str) -> None:
    with pytest.raises(SettingError) as error:
        batches(*arguments)
    assert str(error.value) == message


def test_named_streams_are_repeatable_and_different() -> None:
    paths: list[tuple[str | int, ...]] = [(), ("a",), ("a", 1), ("a", "1"), ("a1",), ("a", 1, 0), (1, "a"), ("é",)]
    drawn = {path: rng_for(5, *path).integers(2**60) for path in paths}
    assert len(set(drawn.values())) == len(paths)
    assert all(rng_for(5, *path).integers(2**60) == value for path, value in drawn.items())
    assert rng_for(6, "a").integers(2**60) != drawn[("a",)]


def test_a_number_of_any_integer_type_names_the_same_stream() -> None:
    assert rng_for(5, "epoch", 3).random() == rng_for(np.int64(5), "epoch", np.int32(3)).random()


def test_named_streams_are_the_same_in_every_process() -> None:
    assert rng_for(0, "dropout", 1).bit_generator.random_raw() == 13298726371757197953
