"""What the server of the page was asked for."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

END_SECONDS = 8.0  # what is in work when the server ends has so long to come to a good end


@dataclass(frozen=True)
class Options:
    """What `dancheong serve` was asked for."""

    host: str = "127.0.0.1"
    port: int = 7860
    models: tuple[Path, ...] = ()
    models_folder: Path | None = None
    roots: tuple[Path, ...] = ()
    max_upload_mb: int = 500
    places: int = 8
    settings: dict[str, Any] = field(default_factory=dict)
    keep: Path | None = None
    keep_hours: float = 24.0

    @property
    def max_upload_bytes(self) -> int:
        """The largest upload, and the largest size of the photographs in a zip."""
        return self.max_upload_mb * 1_000_000

    @property
    def is_temporary(self) -> bool:
        """Whether all goes with the server: no folder was named, and at a port that was just free no other one follows."""
        return self.keep is None and self.port == 0

    @property
    def visit_cookie(self) -> str:
        """The name of the cookie that holds a visit's key."""
        return f"dancheong_visit_{self.port}"
