"""What a trained model is to those who go on from it, or compare it with another."""

from typing import Protocol

from chainrule.learn.train import Params
from chainrule.ner.decode import Decoder
from chainrule.ner.features import Features
from chainrule.ner.folder import Config


class Model(Protocol):
    """A trained model; a `Tagger` is one."""

    @property
    def config(self) -> Config:
        """What it is, apart from its numbers."""

    @property
    def features(self) -> Features:
        """The words and values that it knows."""

    @property
    def params(self) -> Params:
        """Its numbers."""

    @property
    def decoder(self) -> Decoder:
        """Its network and tags."""

    @property
    def characters(self) -> bool:
        """Whether it reads characters."""
