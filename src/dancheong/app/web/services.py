"""What the page's handlers share."""

from dataclasses import dataclass
from pathlib import Path

from dancheong.app.web.job_queue import JobQueue
from dancheong.app.web.model_store import ModelStore
from dancheong.app.web.sessions import Sessions
from dancheong.app.web.trainer import Trainer


@dataclass(frozen=True)
class Services:
    """One server's parts.

    `roots`: folders whose photographs may be trained on. `models_folder`: where trained models go; `models_are_kept`: whether
    it outlives the server. `max_upload_bytes`: of one upload, and of what a zip may become.
    """

    workplace: Sessions
    desk: JobQueue
    shelf: ModelStore
    trainer: Trainer
    roots: tuple[Path, ...]
    models_folder: Path
    models_are_kept: bool
    max_upload_bytes: int

    @property
    def upload_mb(self) -> str:
        """The limit as it is told."""
        return f"{self.max_upload_bytes / 1e6:,.0f}"
