"""The public face of the tagger: every name, and where it lives."""

from .bundled import (
    sample as sample,
)
from .corpus import (
    Corpus as Corpus,
)
from .corpus import (
    Sentence as Sentence,
)
from .corpus import (
    read_corpus as read_corpus,
)
from .corpus import (
    write_conll as write_conll,
)
from .metrics import (
    Score as Score,
)
from .metrics import (
    read_scored as read_scored,
)
from .metrics import (
    score as score,
)
from .tagger import (
    Entity as Entity,
)
from .tagger import (
    Tagger as Tagger,
)
from .tokenizer import (
    Token as Token,
)
from .tokenizer import (
    characters as characters,
)
from .tokenizer import (
    sentences as sentences,
)
from .tokenizer import (
    tokenize as tokenize,
)
from .vectors import (
    Vectors as Vectors,
)
from .vectors import (
    read_vectors as read_vectors,
)
from .vectors import (
    write_vectors as write_vectors,
)
from .vocab import (
    Vocabulary as Vocabulary,
)
