"""Where a message underlines: `located` finds what `underlined` marked."""

from hypothesis import given, strategies as st

from chainrule.algebra.place import located, underlined

LETTERS = st.text("ab x+*(한δ\n", min_size=1, max_size=90)


@given(LETTERS, st.data())
def test_what_is_underlined_is_located(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    line_end = text.find("\n", start) if "\n" in text[start:] else len(text)
    if start == line_end:
        return
    end = data.draw(st.integers(start + 1, min(line_end, start + 12)))
    found = located(text, "something is wrong" + underlined(text, start, end))
    assert found is not None
    low, high = found
    line = text[text.rfind("\n", 0, start) + 1 : line_end]
    assert text[low:high] == text[start:end]
    assert line in text[text.rfind("\n", 0, low) + 1 :].split("\n")[:1]


def test_a_message_without_a_mark_has_no_place():
    assert located("a + b", "the formula is empty") is None
    assert located("a + b", "a fault\n  c + d\n  ^") is None


def test_the_place_behind_the_end():
    assert located("x +", "ends too early" + underlined("x +", 3, 4)) == (3, 3)
