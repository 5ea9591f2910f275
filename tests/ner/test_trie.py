"""The longest sequence at each place, against a search through all of them."""

import numpy as np
from hypothesis import given, strategies as st

from chainrule.ner.trie import Trie

V, M = 5, 2
SEQUENCES = st.lists(st.tuples(st.lists(st.integers(0, V - 1), max_size=4), st.integers(0, M - 1)), max_size=8)
LINES = st.lists(st.lists(st.integers(0, V - 1), max_size=7), max_size=4)


def built(sequences):
    lengths = np.array([len(s) for s, _ in sequences], np.int64)
    numbers = np.array([n for s, _ in sequences for n in s], np.int64)
    sets = np.array([k for _, k in sequences], np.int64)
    return Trie.of(numbers, np.cumsum(lengths) - lengths, lengths, sets, V, M)


@given(SEQUENCES, LINES, st.randoms())
def test_longest(sequences, lines, random):
    numbers = np.array([n for line in lines for n in line], np.int64)
    after = np.repeat(np.cumsum([len(line) for line in lines]), [len(line) for line in lines]).astype(np.int64)
    begins = np.array([random.random() < 0.8 for _ in numbers], np.bool_)
    found = built(sequences).longest(numbers, after, begins)
    assert found.shape == (len(numbers), M)
    for t in range(len(numbers)):
        for k in range(M):
            here = [
                len(s)
                for s, of in sequences
                if of == k and s and t + len(s) <= after[t] and s == numbers[t : t + len(s)].tolist()
            ]
            assert found[t, k] == max(here, default=0) * begins[t]


@given(SEQUENCES)
def test_keys_are_sorted_and_nodes_are_beginnings(sequences):
    trie = built(sequences)
    assert (np.diff(trie.keys) > 0).all()
    assert len(trie.keys) == len({tuple(s[:n]) for s, _ in sequences for n in range(1, len(s) + 1)})
    assert trie.ends.sum() == len({(tuple(s), k) for s, k in sequences if s})
