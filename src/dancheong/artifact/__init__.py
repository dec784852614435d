"""The model file: `read_artifact` gives an `Artifact`, `write_artifact` takes one. Specified in docs/artifact.md."""

from dancheong.artifact.index import FORMAT_VERSION, ArtifactError
from dancheong.artifact.model_file import SHIPPED_COLORIZER, Artifact, as_stored, read_artifact, write_artifact

__all__ = ["FORMAT_VERSION", "SHIPPED_COLORIZER", "Artifact", "ArtifactError", "as_stored", "read_artifact", "write_artifact"]
