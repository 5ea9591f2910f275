"""The curves of a run of training: loss, and what the epochs are judged by."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainrule.display.charts import Line, line_chart

if TYPE_CHECKING:
    from chainrule.learn.train import Epoch


def curves(history: Sequence["Epoch"], best: int = 0) -> str:
    """Two charts over the epochs as HTML: the losses, and the other figures between 0 and 1; `best` is marked."""
    epochs = [e.epoch for e in history]
    names = list(dict.fromkeys(name for e in history for name in e.figures if name != "score"))
    rows = {name: [float(e.figures.get(name, math.nan)) for e in history] for name in names}
    shares = {name: row for name, row in rows.items() if not name.endswith("loss") and _is_share(row)}
    losses = [Line("train", [e.train_loss for e in history], "grad", dashed=True)]
    losses += [Line(_short(n), row, "loc") for n, row in rows.items() if n.endswith("loss")]
    judged = [Line(_short(n), row, paint) for (n, row), paint in zip(shares.items(), PAINTS, strict=False)]
    charts = [line_chart("loss", epochs, losses, best=best)]
    charts += [line_chart(", ".join(line.name for line in judged), epochs, judged, best=best)] * bool(judged)  # type: ignore[misc]
    return f'<div class="pair">{"".join(charts)}</div>'


PAINTS = ("val", "loc", "hotline", "grad")


def _is_share(values: Sequence[float]) -> bool:
    return all(math.isnan(v) or 0 <= v <= 1 for v in values)


def _short(name: str) -> str:
    return {"dev_loss": "dev", "dev_f1": "F1"}.get(name, name.removeprefix("dev_").replace("_", " "))
