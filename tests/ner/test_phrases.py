"""Phrases: every pass against the definition word by word, pieces of any size, and what is kept of the text."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from chainrule.errors import SettingError
from chainrule.ner.phrases import Phrases, phrased
from chainrule.ner.word_counts import END, Cut, numbered

CUT = Cut("spaces", "written")


def by_definition(lines, passes, threshold, minimum):
    """The lines with phrases joined, and what is rare left out."""
    lines = [line.split() for line in lines]
    for _ in range(passes):
        counts = Counter(word for line in lines for word in line)
        known = {word for word, count in counts.items() if count >= minimum}
        known_at_first = {w for w in known if any(map(str.isalnum, w))}
        pairs = Counter(pair for line in lines for pair in pairwise(line) if known_at_first.issuperset(pair))
        N = sum(count for word, count in counts.items() if word in known)
        new = []
        for line in lines:
            joined, k = [], 0
            while k < len(line):
                a, b = line[k], line[k + 1] if k + 1 < len(line) else ""
                score = N * (pairs[a, b] - minimum) / (counts[a] * counts[b]) if (a, b) in pairs else 0
                joined.append(f"{a}_{b}" if score > threshold else a)
                k += 2 if score > threshold else 1
            new.append(joined)
        lines = new
    counts = Counter(word for line in lines for word in line)
    return [kept for line in lines if (kept := [w for w in line if counts[w] >= minimum])]


def made(tmp_path, lines, how, **options):
    """Words, counts and lines of words."""
    path = tmp_path / "t.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    with numbered([path], how.minimum, CUT, gaps=True) as plain, phrased(plain, how, **options) as text:
        stream = [n for chunk in text.chunks(1000) for n in chunk.tolist()]
        found, line = [], []
        for n in stream:
            if n == END:
                found.append(line)
                line = []
            else:
                line.append(text.words[n])
        return text, [*found, line] if line else found


def random_lines(seed, words=12, lines=150):
    """Lines of words of which some like to stand after certain others, or after themselves."""
    rng = np.random.default_rng(seed)
    names = [f"w{k}" for k in range(words - 2)] + [",", "_x"]
    after = rng.dirichlet(np.full(words, 0.25), words)
    found = []
    for _ in range(lines):
        line = [int(rng.integers(words))]
        while len(line) < rng.integers(1, 12):
            line.append(int(rng.choice(words, p=after[line[-1]])))
        found.append(" ".join(names[k] for k in line))
    return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("part", [5, 1 << 20])
@pytest.mark.parametrize("passes", [1, 2])
def test_passes_are_those_of_the_definition_in_pieces_of_any_size(tmp_path, monkeypatch, seed, part, passes):
    lines = random_lines(seed)
    if part == 5:  # so that many pieces end within the text, at ends of lines
        lines = [" ".join(line.split()[:4]) for line in lines]
    monkeypatch.setattr("chainrule.ner.phrases.PART", part)
    how = Phrases(passes=passes, threshold=1.2, minimum=3)
    text, found = made(tmp_path, lines, how)
    expected = by_definition(lines, passes, 1.2, 3)
    assert found == expected
    counts = Counter(word for line in expected for word in line)
    assert text.words == sorted(counts, key=lambda w: (-counts[w], w))
    assert text.counts.tolist() == [counts[w] for w in text.words]
    assert text.phrases == sum("_" in w[1:] for w in counts) > 0


def test_further_passes_make_longer_phrases(tmp_path):
    rng = np.random.default_rng(1)
    filler = [f"f{k}" for k in range(30)]
    lines = [
        " ".join([*rng.choice(filler, 4), "new", "york", "city", "hall", *rng.choice(filler, 4)])
        for _ in range(60)
    ]
    longest = []
    for passes in (1, 2):
        how = Phrases(passes=passes, threshold=5, minimum=2)
        text, found = made(tmp_path, lines, how)
        longest.append(max(text.words, key=len))
        assert sum(word.count("_") + 1 for line in found for word in line) <= 12 * 60
    assert longest == ["city_hall", "new_york_city_hall"]
    text, _ = made(tmp_path, lines, Phrases(passes=0))
    assert (text.phrases, "new" in text.words) == (0, True)


def test_a_rare_word_and_the_end_of_a_line_keep_words_apart(tmp_path):
    lines = ["new rare1 york", "york new", "b c"] * 20
    lines = [line.replace("rare1", f"rare{k}") for k, line in enumerate(lines)]
    _, found = made(tmp_path, lines, Phrases(passes=1, threshold=0.1, minimum=5))
    assert Counter(" ".join(line) for line in found) == {"new york": 20, "york_new": 20, "b_c": 20}


def test_a_phrase_that_is_spelt_as_a_word_is_that_word(tmp_path):
    lines = ["new york", "new_york", "x"] * 20
    text, found = made(tmp_path, lines, Phrases(passes=1, threshold=0.5, minimum=5))
    assert text.counts[text.words.index("new_york")] == sum(line.count("new_york") for line in found) > 20


def test_pairs_beyond_the_bound_are_forgotten_the_rarest_first(tmp_path):
    rng = np.random.default_rng(2)
    filler = [f"f{k}" for k in range(40)]
    lines = [" ".join(["new", "york", *rng.choice(filler, 6)]) for _ in range(200)]
    text, _ = made(tmp_path, lines, Phrases(passes=1, threshold=5, minimum=5), most=100)
    assert "new_york" in text.words
    assert any("forgotten" in note for note in text.notes)


@pytest.mark.parametrize("wrong", [{"passes": -1}, {"threshold": 0.0}, {"minimum": 0}])
def test_settings_outside_their_range_are_refused(wrong):
    with pytest.raises(SettingError, match="it must be"):
        Phrases(**wrong)
