"""up.h5, or a network of others -> a callable that enlarges a photograph by 2 or 4, in tiles, with the colors that it has."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dancheong.artifact import Artifact, ArtifactError, read_artifact
from dancheong.imaging import color
from dancheong.imaging.files import ImageSpec
from dancheong.imaging.resize import guided_upsampler
from dancheong.imaging.tiling import Strip, row_slices, strips
from dancheong.params import ExtraMissing, ParamError
from dancheong.runtime.network import Network, open_network

Pixels = NDArray[Any]
FloatArray = NDArray[np.float32]

SHIPPED = Path(__file__).with_name("upscaler.h5")
TILE_PX = 192
# A strip of the result that is colored at once, as in `dancheong.prediction.full_resolution`.
STRIP_PIXELS = 1 << 16
# Bytes, as measured: a pixel of a strip of the photograph, and of its result; a pixel of a tile and a feature. Writing PNG
# holds the result up to three times.
STRIP_BYTES, STRIP_BYTES_PER_PIXEL, TILE_BYTES_PER_FEATURE, WRITING = 60, 25, 40, 3
# How far a network of others is taken to look, as nobody tells; what that means for seams: docs/upscaling.md.
FOREIGN_REACH_PX = 32
# Kernels take more than the tensors that are counted: measured 1.2 to 2.0 times as much, of five architectures.
FOREIGN_BYTES = 2.2
PICKLES = (".pth", ".pt", ".ckpt", ".bin")
# No file's own name in it: a shell would read that, too.
CONVERT = (
    'python -c "import torch; from safetensors.torch import save_file; '
    "w = torch.load('weights.pth', weights_only=True, map_location='cpu'); w = w.get('params_ema', w.get('params', w)); "
    "save_file({k: v.clone().contiguous() for k, v in w.items()}, 'weights.safetensors')\""
)
# How far the chroma of a row looks up and down in `guided_upsampler`.
_CHROMA_REACH_PX = 4


@dataclass(frozen=True, eq=False)
class Upscaler:
    """Enlarges photographs of any size; holds the network of one file. Made with `Upscaler.open`.

    Where the network takes luminance, the lightness of the result is the network's, and its chroma is the photograph's own,
    brought to the new size along the edges of the new lightness. Where it takes RGB, all of the result is the network's.

    Attributes:
        network: (1, channels, h, w) sRGB-coded in [0, 1] -> (1, channels, scale h, scale w), about [0, 1].
        digest: identifies the model's content.
        channels: 1 or 3.
        scale: 2 or 4.
        radius_px: how far a pixel of the result looks to each side.
        tile_bytes: memory for a pixel of a tile.
    """

    network: Network
    digest: str
    channels: int
    scale: int
    radius_px: int
    tile_bytes: float

    @staticmethod
    def open(path: str | Path | None = None, *, threads: int | None = None) -> "Upscaler":
        """Open what `dancheong train-upscaler` wrote, check it and run its self-test; or a network of others.

        Args:
            path: `.safetensors`: through spandrel, in torch; else a model file. None: the upscaler that comes with the
                program (scale 2; docs/upscaling.md).
            threads: of one prediction; None: the runtime's own choice. With torch it is the whole process's.

        Raises:
            ArtifactError: the file cannot be trusted, is of another kind, or the self-test failed.
            ParamError: a network of others that cannot be used, or a pickle.
            ExtraMissing: a network of others without the extra `spandrel`.
        """
        path = SHIPPED if path is None else Path(path)
        if path.suffix.lower() in PICKLES:
            raise ParamError(
                f"{path}: a {path.suffix} file is a pickle, which can run code as it is opened: .safetensors was expected. "
                f"Convert it: {CONVERT}"
            )
        if path.suffix.lower() == ".safetensors":
            return _foreign(path, threads)
        artifact = read_artifact(path)
        try:
            return open_artifact(artifact, threads)
        except ArtifactError as error:
            raise ArtifactError(f"{path}: {error}") from error

    def enlarge(self, pixels: Pixels, scale: int) -> Pixels:
        """Enlarge by `scale`, which is the network's or a power of it: 4 is twice 2. Otherwise as calling it.

        Raises:
            ParamError: the network enlarges by more than that.
        """
        for _ in range(self.passes(scale)):
            pixels = self(pixels)
        return pixels

    def passes(self, scale: int) -> int:
        """How often the network is used to enlarge by `scale`. Raises ParamError where none will do."""
        for passes in range(1, 3):
            if self.scale**passes == scale:
                return passes
        raise ParamError(
            f"this upscaler enlarges by {self.scale}, which does not give {scale}: "
            f"ask for {self.scale}, or train one with --scale {scale}"
        )

    def bytes_needed(self, extent: ImageSpec, scale: int) -> int:
        """About how many bytes enlarging a photograph and writing it takes, beside the program and the model itself.

        Measured as growth of the process while enlarging and writing 1.5 to 6 megapixels (gray and color, 8 and 16 bits,
        both scales, PNG, JPEG and TIFF), with networks of model files: at most .95 of this.
        """
        last: int = self.scale ** (self.passes(scale) - 1)
        width, height = last * extent.width_px, last * extent.height_px
        given = width * height * (3 if extent.color else 1) * (2 if extent.deep else 1)
        result = given * self.scale**2
        side = TILE_PX + 2 * self.radius_px
        strip = min(height, side) * width * (STRIP_BYTES + STRIP_BYTES_PER_PIXEL * self.scale**2)
        tile = round(side**2 * self.tile_bytes)
        return given + max(result + strip + tile, WRITING * result)

    def __call__(self, pixels: Pixels) -> Pixels:
        """Enlarge a photograph.

        Args:
            pixels: (h, w) gray or (h, w, 3) RGB, uint8 or uint16, sRGB-coded, any size.

        Returns:
            (scale h, scale w) or (scale h, scale w, 3) of the same dtype.

        Raises:
            ValueError: another dtype or shape.
        """
        color.check_photo(pixels)
        height, width = (self.scale * size for size in pixels.shape[:2])
        result = np.empty((height, width, *pixels.shape[2:]), pixels.dtype)
        for strip in strips(pixels.shape[0], TILE_PX, max(self.radius_px, _CHROMA_REACH_PX)):
            read = pixels[strip.read_start : strip.read_stop]
            kept = _kept(strip, self.scale)
            planes = self._enlarged(read)[:, kept]
            out = result[self.scale * strip.keep_start : self.scale * strip.keep_stop]
            if pixels.ndim == 3 and self.channels == 1:
                _color(out, planes[0], read, kept.start)
            else:
                out[:] = color.to_pixels(planes.mean(axis=0) if pixels.ndim == 2 else np.moveaxis(planes, 0, -1), pixels.dtype)
        return result

    def _enlarged(self, pixels: Pixels) -> FloatArray:
        """Through the network, tile by tile: (channels, rows, columns) in about [0, 1].

        A pixel of the result sees `radius_px` to each side, and tiles read as much more: they meet without a seam, or of a
        network of others nearly so.
        """
        planes = planes_of(pixels, self.channels)
        enlarged = np.empty((self.channels, *(self.scale * size for size in pixels.shape[:2])), np.float32)
        for tile in strips(pixels.shape[1], TILE_PX, self.radius_px):
            result = self.network(np.ascontiguousarray(planes[None, :, :, tile.read_start : tile.read_stop]))
            columns = slice(self.scale * tile.keep_start, self.scale * tile.keep_stop)
            enlarged[..., columns] = result[0, :, :, _kept(tile, self.scale)]
        return enlarged


def _kept(strip: Strip, scale: int) -> slice:
    return slice(scale * (strip.keep_start - strip.read_start), scale * (strip.keep_stop - strip.read_start))


def _color(out: Pixels, gray_hw: FloatArray, given: Pixels, first_row: int) -> None:
    """Write rows: the lightness of `gray_hw`, the chroma of `given` along its edges; a few rows at a time.

    `first_row`: of the rows to write, in `given` as it is enlarged.
    """
    height, width = gray_hw.shape
    lab = color.rgb_to_lab(given)
    size_hw = given.shape[0] * width // given.shape[1], width
    chroma_rows = guided_upsampler(lab[..., 1:], np.ascontiguousarray(lab[..., 0]), size_hw, is_clipped=False)
    for rows in row_slices(height, max(1, STRIP_PIXELS // width)):
        lightness = color.lightness_of(gray_hw[rows].clip(0, 1))
        out[rows] = color.lab_to_pixels(lightness, chroma_rows(lightness, first_row + rows.start), out.dtype)


def upscaler_for(scale: int, given: Upscaler | None, threads: int | None = None) -> Upscaler | None:
    """What enlarges by `scale` (SR_SCALE): `given`, or the upscaler that comes with the program; None at 1.

    Raises:
        ParamError: an upscaler that does not give this scale.
    """
    if scale == 1:
        if given is not None:
            raise ParamError("an upscaler came, but SR_SCALE is 1: set SR_SCALE to 2 or 4, or leave the upscaler out")
        return None
    upscaler = given or shipped(threads)
    upscaler.passes(scale)
    return upscaler


@cache
def shipped(threads: int | None = None) -> Upscaler:
    """The upscaler that comes with the program, opened once."""
    return Upscaler.open(threads=threads)


def open_artifact(artifact: Artifact, threads: int | None = None) -> Upscaler:
    """The upscaler of a model file, checked. Raises ArtifactError."""
    if artifact.kind != "upscaler":
        raise ArtifactError(f"an upscaler was expected, the model is of kind {artifact.kind!r}: give another file")
    table = artifact.architecture
    channels, scale = table.c_in, int(table.output_scale)
    if channels not in (1, 3) or scale not in (2, 4) or table.c_out != channels or table.multiple_px > 1:
        raise ArtifactError("the architecture is not that of an upscaler this program knows: train it again")
    given, answer = artifact.selftest_input.shape, artifact.selftest_output.shape
    if given[1] != channels or answer != (*given[:2], scale * given[2], scale * given[3]):
        raise ArtifactError(f"the self-test {given} -> {answer} does not fit the architecture: train it again")
    network = open_network(artifact, "onnx", threads)
    return Upscaler(network, artifact.digest, channels, scale, table.radius_px, table.rows[0].c_out * TILE_BYTES_PER_FEATURE)


def _foreign(path: Path, threads: int | None) -> Upscaler:
    try:
        from dancheong.upscaling.spandrel_networks import open_foreign
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        why = f"{error.name} is not installed" if isinstance(error, ModuleNotFoundError) else (
            f"one of them does not load ({error}), so install builds that go together"
        )
        raise ExtraMissing(
            f"{path}: networks of others need spandrel, torch and torchvision; {why}: pip install 'dancheong[spandrel]'"
        ) from error
    scale, network, bytes_per_pixel = open_foreign(path, threads)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Upscaler(network, digest, 3, scale, FOREIGN_REACH_PX, bytes_per_pixel * FOREIGN_BYTES)


def planes_of(pixels: Pixels, channels: int) -> FloatArray:
    """A photograph as the upscaler takes it: (channels, h, w), sRGB-coded in [0, 1]; of one channel its gray, not rounded."""
    if pixels.ndim == 2:
        return np.repeat(color.float01(pixels)[None], channels, axis=0)
    if channels == 1:
        return color.linear_to_srgb(color.luminance(color.decode(pixels)))[None]
    return np.ascontiguousarray(np.moveaxis(color.float01(pixels), -1, 0))
