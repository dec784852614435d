"""Models to share: folders, plain https addresses with a digest, and repositories of the Hugging Face Hub."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dancheong.artifact import Artifact, ArtifactError, read_artifact
from dancheong.artifact.index import MAX_FILE_BYTES
from dancheong.params import DancheongError, ExtraMissing, NotThere, ParamError
from dancheong.report.card import model_card
from dancheong.system.outputs import check_folder, check_free
from dancheong.system.whole_file import whole_file

HUB = "hf://"
# In a repository of the Hub, where no file is named.
HUB_FILE = "model.h5"
TIMEOUT_SECONDS = 30
_HUB_HEAD = "---\nlibrary_name: dancheong\npipeline_tag: image-to-image\ntags: [image-colorization, pix2pix]\n---\n\n"


def pull(source: str, output: Path, sha256: str | None) -> tuple[str, Artifact]:
    """Fetch a model file, check it, and write it whole or not at all.

    Returns:
        The sha256 of the file, and what is in it.

    Raises:
        ParamError: an address without digest, or of another kind. DancheongError: nothing came, or another file.
        ArtifactError: no model file. ExtraMissing: huggingface_hub.
    """
    if sha256 is not None and (len(sha256) != 64 or set(sha256.lower()) - set("0123456789abcdef")):
        raise ParamError(f"--sha256 {sha256}: 64 hexadecimal digits were expected, which `dancheong models push` tells")
    output.parent.mkdir(parents=True, exist_ok=True)
    with _fetched(source, sha256) as came, whole_file(output) as temporary:
        shutil.copyfile(came, temporary)
        digest = file_digest(temporary)
        if sha256 is not None and digest != sha256.lower():
            raise DancheongError(f"{source}: a file of sha256 {digest} came, {sha256} was expected; nothing was written")
        try:
            return digest, read_artifact(temporary)
        except ArtifactError as error:
            raise ArtifactError(str(error).replace(str(temporary), source)) from error


@contextmanager
def _fetched(source: str, sha256: str | None) -> Iterator[Path]:
    if source.startswith(HUB):
        yield _from_hub(source.removeprefix(HUB))
    elif source.startswith("https://"):
        if sha256 is None:
            raise ParamError(f"{source}: give --sha256 DIGEST, which whoever shares the file tells: a server may send anything")
        with TemporaryDirectory() as folder:
            yield _download(source, Path(folder) / HUB_FILE)
    elif "://" in source:
        raise ParamError(f"{source}: https://, hf:// or a folder was expected")
    elif (place := Path(source)).exists():
        found = sorted(place.glob("*.h5")) if place.is_dir() else [place]
        if not found:
            raise ParamError(f"{place}: a folder with a model file (.h5) was expected, and none is there")
        if len(found) != 1:
            raise ParamError(f"{place}: {len(found)} model files are there; name one of them: {', '.join(map(str, found[:5]))}")
        yield found[0]
    else:
        raise NotThere(f"{place}: no such file or folder")


def _download(address: str, target: Path) -> Path:
    from urllib.error import URLError
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(address, headers={"User-Agent": "dancheong"}), timeout=TIMEOUT_SECONDS) as answer, \
                target.open("wb") as file:
            while block := answer.read(1 << 20):
                file.write(block)
                if file.tell() > MAX_FILE_BYTES:
                    raise DancheongError(f"{address}: more than {MAX_FILE_BYTES} bytes came; that is no model file")
    except (URLError, OSError, ValueError) as error:
        raise DancheongError(f"{address}: could not be fetched ({error}); look at the address and the network") from error
    return target


def push(model: Path, target: str, overwrite: bool = False) -> tuple[str, list[str]]:
    """Put a model file, its card and its digest where others find them.

    Returns:
        The sha256 of the file, and what was written.

    Raises:
        ArtifactError: no model file. OutputTaken: another file is there. ParamError: a target that nothing can be put to.
    """
    artifact = read_artifact(model)
    digest, card = file_digest(model), model_card(model.stem, artifact)
    if target.startswith(HUB):
        return digest, _to_hub(model, target.removeprefix(HUB), card)
    if "://" in target:
        raise ParamError(f"{target}: a folder or hf://OWNER/NAME was expected; put that folder behind a web server yourself")
    folder = Path(target)
    check_folder(folder)
    files = [folder / model.name, folder / f"{model.stem}.md", folder / f"{model.name}.sha256"]
    check_free(files, overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(files[0]) as temporary:
        shutil.copyfile(model, temporary)
    files[1].write_text(card, encoding="utf-8", newline="\n")
    files[2].write_text(f"{digest}  {model.name}\n", encoding="utf-8", newline="\n")  # as sha256sum reads it
    return digest, [str(file) for file in files]


def file_digest(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hub_place(place: str) -> tuple[str, str, str | None]:
    """``owner/name``, the file and the revision of what follows ``hf://``.

    Raises:
        ParamError: no owner and name.
    """
    place, _, revision = place.partition("@")
    owner, _, rest = place.partition("/")
    name, _, file = rest.partition("/")
    if not owner or not name:
        raise ParamError(f"{HUB}{place}: {HUB}OWNER/NAME[/FILE][@REVISION] was expected")
    return f"{owner}/{name}", file or HUB_FILE, revision or None


def _from_hub(place: str) -> Path:
    repository, file, revision = hub_place(place)
    with _hub(place, "fetched") as hub:
        return Path(hub.hf_hub_download(repository, file, revision=revision))


def _to_hub(model: Path, place: str, card: str) -> list[str]:
    repository, file, revision = hub_place(place)
    with _hub(place, "written") as hub:
        hub.create_repo(repository, exist_ok=True)
        for content, name in ((model, file), ((_HUB_HEAD + card).encode(), "README.md")):
            hub.upload_file(path_or_fileobj=content, path_in_repo=name, repo_id=repository, revision=revision)
    return [f"{HUB}{repository}/{name}" for name in (file, "README.md")]


@contextmanager
def _hub(place: str, done: str) -> Iterator[Any]:
    """The library for a place that could not be `done` where it fails."""
    try:
        import huggingface_hub
    except ModuleNotFoundError as error:
        raise ExtraMissing(f"{HUB} needs huggingface_hub, which is not installed: pip install 'dancheong[hub]'") from error
    try:
        yield huggingface_hub
    except Exception as error:  # the library's errors have no common kind
        raise DancheongError(f"{HUB}{place}: could not be {done} ({str(error).splitlines()[0]})") from error
