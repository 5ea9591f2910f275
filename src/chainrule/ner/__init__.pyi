"""The public face of the tagger: every name, and where it lives."""

from .bundled import (
    sample as sample,
)
from .changes import (
    Changes as Changes,
)
from .corpus import (
    Corpus as Corpus,
    Sentence as Sentence,
    read_corpus as read_corpus,
    write_conll as write_conll,
)
from .entity import (
    Entities as Entities,
    Entity as Entity,
)
from .explain_records import (
    Explanation as Explanation,
)
from .formats import (
    convert_file as convert_file,
    read_any as read_any,
)
from .metrics import (
    Score as Score,
    read_scored as read_scored,
    score as score,
)
from .tagger import (
    Tagger as Tagger,
)
from .tokenizer import (
    Token as Token,
    characters as characters,
    sentences as sentences,
    tokenize as tokenize,
)
from .vectors import (
    Vectors as Vectors,
    read_vectors as read_vectors,
    write_vectors as write_vectors,
)
from .vocab import (
    Vocabulary as Vocabulary,
)
