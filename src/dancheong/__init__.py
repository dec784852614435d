"""dancheong: train Pix2Pix on photographs of one kind of place and restore color to the gray rest."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dancheong.evaluation.evaluate import Evaluation, evaluate
    from dancheong.params import Params
    from dancheong.prediction.colorizer import Colorizer
    from dancheong.prediction.folder import predict_files
    from dancheong.prediction.options import FolderOptions
    from dancheong.prediction.result import FileResult
    from dancheong.system.errors import DancheongError
    from dancheong.training.loop import train
    from dancheong.training.session import Progress, TrainResult

__version__ = "0.1.0"
__all__ = [
    "Colorizer", "DancheongError", "Evaluation", "FileResult", "FolderOptions", "Params", "Progress", "TrainResult", "evaluate",
    "predict_files", "train",
]

_HOMES = {
    "DancheongError": "dancheong.system.errors",
    "FolderOptions": "dancheong.prediction.options",
    "Params": "dancheong.params",
    "Colorizer": "dancheong.prediction.colorizer",
    "predict_files": "dancheong.prediction.folder",
    "train": "dancheong.training.loop",
    "evaluate": "dancheong.evaluation.evaluate",
    "Evaluation": "dancheong.evaluation.evaluate",
    "FileResult": "dancheong.prediction.result",
    "Progress": "dancheong.training.session",
    "TrainResult": "dancheong.training.session",
}


def __getattr__(name: str) -> Any:
    """Import on first use: `import dancheong` alone loads nothing heavy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'dancheong' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
