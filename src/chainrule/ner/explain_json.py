"""An explanation as JSON: fields that stay.

text, tokens, names        the text, how many tokens it has, how many names        not_explained   of the names
of, baseline, methods      what is explained, what stands in for words, and how
reasons                    one for each name, or for the token that was asked for:
  start, end, text, label  where it stands, in code points, end-exclusive; O for a token outside of names
  tokens                   the first of its tokens and the one behind the last, numbered from 0 in the text
  probability, score       of the name, or of the tag of a token; the sum of the scores of its tags
  value, blank             what is explained (`of`), and the same where no word is known
  runner_up                tags of its tokens on the best other path, names there, margin; null without one
  words                    of all its windows: token (null beyond the sentence), text, side (before, after),
                           gradient_norm, by method what the word adds; features: the same for each, with the
                           value that the model knows (known), direct for scores of their own
  windows                  its tokens: tag, score, probability, best tags, nearest windows of training
  integrated               sum, difference that it is to be, relative error, points; null without that method
"""

from typing import Any

from chainrule.ner.explain_nearest import Near
from chainrule.ner.explain_records import Explanation, Piece, Reason, Window, Word


def record(found: Explanation) -> dict[str, Any]:
    """The explanation as JSON has it."""
    return {
        "text": found.text,
        "tokens": found.tokens,
        "names": len(found.entities),
        "not_explained": found.left,
        "of": found.of,
        "baseline": found.baseline,
        "methods": list(found.methods),
        "reasons": [_reason(found, reason) for reason in found.reasons],
    }


def _reason(found: Explanation, reason: Reason) -> dict[str, Any]:
    runner = reason.runner_up
    other = runner and {
        "tags": list(runner.tags),
        "names": [{"start": a, "end": b, "label": label, "text": found.text[a:b]} for a, b, label in runner.names],
        "margin": runner.margin,
    }
    return {
        "start": reason.start,
        "end": reason.end,
        "text": reason.text,
        "label": reason.label,
        "tokens": [reason.tokens.start, reason.tokens.stop],
        "probability": reason.probability,
        "score": reason.score,
        "value": reason.value,
        "blank": reason.blank,
        "runner_up": other,
        "words": [_word(word) for word in reason.words],
        "windows": [_window(window) for window in reason.windows],
        "integrated": reason.proof and reason.proof._asdict(),
    }


def _word(word: Word) -> dict[str, Any]:
    return {
        "token": word.token,
        "text": word.text,
        "side": word.side,
        "gradient_norm": word.length,
        **word.adds,
        "features": [_piece(piece) for piece in word.pieces],
    }


def _piece(piece: Piece) -> dict[str, Any]:
    return {
        "feature": piece.feature,
        "direct": piece.direct,
        "value": piece.value,
        "known": piece.known,
        **piece.adds,
    }


def _window(window: Window) -> dict[str, Any]:
    return {
        "token": window.token,
        "text": window.text,
        **window.chosen._asdict(),
        "best": [choice._asdict() for choice in window.best],
        "nearest": [_near(near) for near in window.nearest],
    }


def _near(near: Near) -> dict[str, Any]:
    return {**near._asdict(), "words": list(near.words)}
