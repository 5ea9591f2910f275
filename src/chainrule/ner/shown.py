"""Which examples a step of training is shown, where it is not simply each once: rehearsal, and other letters.

An epoch has a slot for every new example, and `rehearsed` slots more for old ones, drawn from all of them
(experience replay: Robins 1995, "Catastrophic forgetting, rehearsal and pseudorehearsal"). The example of a slot
is shown in another case as often as its share says. All is drawn from the random stream of the step, so that a run
which was killed goes on with the same draws.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.learn.gradients import Integers
from chainrule.ner.features import Ids
from chainrule.ner.feeds import Feed
from chainrule.ner.model import Network
from chainrule.ner.partial import BARRED
from chainrule.ner.windows import Encoded


class Shown(Feed):
    """The values of the data for some slots.

    The encoded sentences are the new ones, then the old ones; then all of these in the first case, and so on.
    """

    def __init__(
        self,
        network: Network,
        encoded: Encoded,
        y: Ids,
        rare: NDArray[np.bool_],
        *,
        sentences: int,
        rehearsal: float = 0.0,
        shares: Sequence[float] = (),
        barred: NDArray[np.float32] | None = None,
    ) -> None:
        """sentences, how many are new; rehearsal, old examples for each new one; barred, of the first case."""
        super().__init__(network, encoded, y, rare)
        self._barred, self._bounds = barred, np.cumsum(shares)
        every = super().examples // (1 + len(shares))
        firsts = encoded.starts[self._filled] if network.whole else self.tokens(np.arange(every))
        self.new = min(every, int(np.searchsorted(firsts, sum(encoded.lengths[:sentences]))))
        self.old = every - self.new
        self.rehearsed = min(self.old, round(rehearsal * self.new))

    @property
    def examples(self) -> int:
        """The slots of an epoch."""
        return self.new + self.rehearsed

    def __call__(self, examples: Integers, rng: np.random.Generator) -> dict[str, Any]:
        """The values for the examples in these slots."""
        drawn = self._drawn(np.asarray(examples, np.int64), rng)
        values = super().__call__(drawn, rng)
        if self._barred is None:
            return values
        return {**values, BARRED: self._barred[self.tokens(drawn) % len(self._barred)]}

    def _drawn(self, slots: Ids, rng: np.random.Generator) -> Ids:
        if self.rehearsed < self.old:
            drawn = self.new + rng.integers(self.old, size=len(slots))
            slots = np.where(slots < self.new, slots, drawn)
        if not len(self._bounds):
            return slots
        below = np.searchsorted(self._bounds, rng.random(len(slots)), side="right")
        cases: Ids = (below + 1) % (len(self._bounds) + 1)
        return slots + (self.new + self.old) * cases
