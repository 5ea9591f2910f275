"""A model as bytes: the files of its folder by their names, for what is pickled or packed into other folders."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from chainrule.errors import ModelError
from chainrule.ner.folder import FILES
from chainrule.ner.tagger import Tagger


def model_bytes(tagger: Tagger) -> dict[str, bytes]:
    """The files of a model folder."""
    with TemporaryDirectory() as folder:
        tagger.save(folder)
        return {name: path.read_bytes() for name in FILES if (path := Path(folder) / name).is_file()}


def tagger_of(files: Mapping[str, bytes], backend: str = "auto") -> Tagger:
    """The tagger that the files of a model folder are; ModelError for others, and for what no folder holds."""
    if not files or not {*files} <= {*FILES} or not all(isinstance(raw, bytes) for raw in files.values()):
        raise ModelError(f"these files are no model ({', '.join(map(str, files)) or 'none'}); save it again")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for name, raw in files.items():
            (Path(folder) / name).write_bytes(raw)
        try:
            return Tagger.load(folder, backend)
        except ModelError as error:
            raise ModelError(str(error).replace(str(folder), "the model")) from None
