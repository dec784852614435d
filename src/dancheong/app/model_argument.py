"""The model file that a command may begin with; without one it uses the colorizer that comes along."""

from pathlib import Path

from dancheong.app.console import say
from dancheong.params import ParamError

# How model files begin, and those of other programs, which opening them will refuse.
_BEGINNINGS = (b"dancheong model file", b"\x89HDF")


def split_model(words: list[Path], expected: str) -> tuple[Path | None, list[Path]]:
    """The model file, None where the first word is none, and the other words.

    Args:
        expected: what must follow the model, for the error.

    Raises:
        ParamError: nothing follows, or a model file stands elsewhere.
    """
    model, rest = (words[0], words[1:]) if _is_model(words[0]) else (None, words)
    if not rest:
        raise ParamError(f"{model}: {expected} after the model file")
    for word in rest:
        if _is_model(word):
            where = "only one model file is used" if model is not None else "a model file comes first"
            raise ParamError(f"{word}: {where}; {expected} after it")
    return model, rest


def model_path(model: Path | None, quiet: bool) -> Path:
    """The model file, or the one that comes along, which is said.

    Raises:
        ArtifactError: this installation has none.
    """
    if model is not None:
        return model
    from dancheong.prediction.shipped import shipped_model_path

    path = shipped_model_path()
    say("dancheong: no model file was given: the colorizer that comes along is used (`dancheong models card colorizer`)", quiet)
    return path


def _is_model(path: Path) -> bool:
    """Whether a word names a model file: by its suffix, whether it exists or not, or by the first bytes of the file."""
    if path.suffix.lower() == ".h5" and not path.is_dir():
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(32).startswith(_BEGINNINGS)
