"""A model file as a callable that colors a photograph at its full size."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import numpy as np

from dancheong.artifact import Artifact, ArtifactError, read_artifact
from dancheong.data.prepare import Prepared, channels, check_together, prepare, to_network
from dancheong.glare.learned import open_detector
from dancheong.imaging.color import float01, to_pixels
from dancheong.imaging.files import read_photo
from dancheong.imaging.resize import fit_size, pad_to_multiple, resize, working_shape
from dancheong.imaging.tiling import ByRows
from dancheong.params import ParamError, resolve
from dancheong.params.schema import AT_PREDICTION
from dancheong.prediction.full_resolution import Predicted, color_from_chroma, enlarged_color
from dancheong.prediction.hint_spread import Canvas, refuse_repainting
from dancheong.prediction.hints import as_hints
from dancheong.prediction.memory import uses_detector
from dancheong.prediction.shipped import shipped_model_path
from dancheong.runtime.network import open_network
from dancheong.system.arguments import checked
from dancheong.system.arrays import Pixels


class Colorizer:
    """Colors photographs of any size; holds the network of one model file. Made with `Colorizer.open`.

    ``colorize(photo)`` gives RGB of the same height, width and dtype. With COLOR_SPACE=LAB the photograph keeps its own
    lightness at full size and full bit depth, and only chroma is predicted; with RGB everything is repainted.

    Attributes:
        params: the model's parameters, with what was set for prediction.
        category: what the model was trained for.
        digest: identifies the model's content.
        marks: of the photographs that it learned from (`dancheong.data.cache.mark_of`); None where the file does not say.
        threads: of one prediction; None: the runtime's own choice, and one photograph at a time.
        opened: the file, the runtime and the settings that `open` got; None without `open`.
        device_notes: what a device could not do that the processor does instead, in words; more may come with predictions.
    """

    opened: tuple[Path, str, dict[str, Any]] | None = None
    marks: frozenset[str] | None = None

    @checked
    def __init__(
        self, artifact: Artifact, runtime: str = "auto", threads: int | None = None, device: str = "auto"
    ) -> None:
        if artifact.kind != "colorizer":
            raise ArtifactError(f"a colorizer was expected, the model is of kind {artifact.kind!r}: give another file")
        if threads is not None and threads < 1:
            raise ParamError(f"threads={threads!r}: a whole number above 0, or None was expected")
        check_together(artifact.params)
        self.params, self.category, self.digest = artifact.params, artifact.category, artifact.digest
        self.marks = frozenset(map(str, artifact.data["marks"])) if "marks" in artifact.data else None
        # Dropout takes random numbers from one generator for all threads, so only one photograph may be colored at a time.
        self.threads = None if runtime == "torch" or self.params.predict_dropout else threads
        self._multiple = artifact.architecture.multiple_px
        self.device_notes: list[str] = []
        self._network = open_network(artifact, runtime, threads, device, self.device_notes.append)
        table = artifact.architecture
        if (table.c_in, table.c_out) != channels(self.params) or table.output_scale != 1:
            raise ArtifactError(
                f"the network has {table.c_in} channels in and {table.c_out} out, at {table.output_scale} times the size; its "
                f"parameters ask for {channels(self.params)} at the same size: train it again"
            )

    @classmethod
    @checked
    def open(
        cls, path: str | Path | None = None, runtime: str = "auto", *, threads: int | None = None, **settings: Any
    ) -> "Colorizer":
        """Open a model file, check it and run its self-test.

        Args:
            path: what `dancheong train` wrote; None: the colorizer that comes with the program.
            runtime: "onnx", "openvino", "torch", or "auto", as for `dancheong.runtime.network.open_network`.
            threads: of one prediction, not with torch; None: the runtime's own choice.
            settings: parameters of prediction and of light reflection, such as ``GLARE_MODE``, and DEVICE, which a
                model does not remember.

        Raises:
            ArtifactError: the file cannot be trusted, the self-test failed, or no colorizer came along.
            ParamError: a setting that is unknown, out of range, or was settled in training; or settings that do not go
                together.
            ExtraMissing: torch or openvino is needed and not installed.
        """
        file = shipped_model_path() if path is None else Path(path)
        others = {name: value for name, value in settings.items() if name.strip().lower() != "device"}
        device = resolve(settings={name: settings[name] for name in settings.keys() - others.keys()}).params.device
        artifact = with_settings(read_artifact(file), others)
        if uses_detector(artifact.params):
            # It is opened meanwhile. Not by a daemon, because a process that ends at once has to wait.
            Thread(target=open_detector).start()
        try:
            colorizer = cls(artifact, runtime, threads, device)
        except ArtifactError as error:
            raise ArtifactError(f"{file}: {error}") from error
        colorizer.opened = (file, runtime, settings)
        return colorizer

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled, it is the file that it was opened from, opened again where it arrives."""
        if self.opened is None:
            raise ParamError("only a Colorizer that Colorizer.open gave can be pickled: open the model file where it is needed")
        path, runtime, settings = self.opened
        return _reopen, (path.resolve(), runtime, self.threads, settings, self.digest), {"params": self.params}

    def __copy__(self) -> "Colorizer":
        """A copy that shares the network, such as one for other settings of prediction."""
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        return copied

    @checked
    def batch(self, photos: Iterable[Any]) -> list[Pixels]:
        """Each photograph in color, in order; sizes and types may differ."""
        return [self(photo) for photo in photos]

    @checked
    def __call__(self, photo: Any, drawn_mask: Pixels | None = None, hints: Any = None) -> Pixels:
        """Color a photograph.

        Args:
            photo: (h, w) gray or (h, w, 3) RGB, uint8 or uint16, sRGB-coded, any size. Of a color photograph only the
                gray is used. Floats in [0, 1], a path, an open binary file, a picture of Pillow and a tensor ((h, w),
                (1, h, w) or (3, h, w)) will do as well.
            drawn_mask: (h, w) uint8, white where a person saw light reflection; it replaces the detector's mask.
            hints: colors that are known: (x, y, color) for each place, a file of them, or `dancheong.prediction.hints.Hints`.

        Returns:
            (h, w, 3) RGB of the same dtype; of floats float32 in [0, 1].

        Raises:
            ValueError: another shape or dtype; ParamError: something of which it is not clear what its values mean, or hints
                that cannot be.
        """
        pixels = as_pixels(photo)
        if pixels.dtype.kind == "f":
            return float01(self(to_pixels(pixels.astype(np.float32), np.uint16), drawn_mask, hints))
        if hints is not None:
            return self.session(pixels, drawn_mask)(hints)
        return self.colorize_with_mask(pixels, drawn_mask)[0]

    @checked
    def session(self, photo: Any, drawn_mask: Pixels | None = None) -> "HintSession":
        """A photograph to be colored again and again, with ever more hints: the network is asked once.

        Arguments as above; of floats the pictures have 16 bits.
        """
        pixels = as_pixels(photo)
        if pixels.dtype.kind == "f":
            pixels = to_pixels(pixels.astype(np.float32), np.uint16)
        return HintSession(self, self.prepare(pixels, drawn_mask).input_hwc)

    def colorize_with_mask(self, photo: Pixels, drawn_mask: Pixels | None = None) -> tuple[Pixels, Prepared]:
        """As calling it, and the light reflection that was found (`Prepared.alpha_hw`, `glare_share`)."""
        prepared = self.prepare(photo, drawn_mask)
        return self.color(prepared.input_hwc), prepared

    def prepare(self, photo: Pixels | ByRows, drawn_mask: Pixels | None = None) -> Prepared:
        """The first part of a coloring: the gray to be colored, with light reflection corrected."""
        return prepare(photo, self.params, "predict", drawn_mask=drawn_mask)

    def color(
        self, input_hwc: Pixels, rows: int = 0, threads: int = 1, predicted: Predicted | None = None
    ) -> Pixels:
        """The last part: `Prepared.input_hwc` in color, at its own size. Arguments as `color_by_rows`."""
        return self.color_by_rows(input_hwc, rows, threads, predicted).whole()

    def color_by_rows(
        self, input_hwc: Pixels | ByRows, rows: int = 0, threads: int = 1, predicted: Predicted | None = None
    ) -> ByRows:
        """The last part, of which each strip is computed when it is asked for.

        Args:
            rows: height of a strip; 0: TILE_PX, or what is quick. Fewer rows take less memory.
            threads: strips at the same time; the result does not depend on it.
            predicted: the network's answer for `input_hwc`; None: the network is asked.
        """
        answer = predicted or self.predict(input_hwc)
        if self.params.color_space == "RGB":
            size_hw = input_hwc.shape[0], input_hwc.shape[1]
            colored = enlarged_color(answer.output_hwc * 0.5 + 0.5, size_hw, input_hwc.dtype)
        else:
            gray = input_hwc if isinstance(input_hwc, ByRows) else input_hwc[..., 0]
            colored = color_from_chroma(answer.chroma_hwc(self.params), answer.lightness_hw, gray)
        return replace(colored, strip_px=rows or self.params.tile_px, threads=threads)

    def predict(self, input_hwc: Pixels | ByRows) -> Predicted:
        """The network's answer for a prepared photograph, at the working size."""
        height, width = input_hwc.shape[:2]
        small = resize(input_hwc, working_shape(height, width, self.params.predict_px))
        return self.predict_at_size(small.reshape(*small.shape[:2], -1))

    def predict_at_size(self, input_hwc: Pixels) -> Predicted:
        """The network's answer for a prepared photograph at the size that it has."""
        padded, (h, w) = pad_to_multiple(input_hwc, self._multiple)
        input_chw = to_network(padded, self.params)
        # One photograph a call, so that no other can change the result.
        output_hwc = np.moveaxis(self._network(input_chw[None])[0], 0, -1)[:h, :w]
        return Predicted(output_hwc, (input_chw[0, :h, :w] + 1) * 50)


def _reopen(path: Path, runtime: str, threads: int | None, settings: dict[str, Any], digest: str) -> Colorizer:
    colorizer = Colorizer.open(path, runtime, threads=threads, **settings)
    if colorizer.digest != digest:
        raise ArtifactError(f"{path}: another model lies here now than the one that was sent: open it anew and send that")
    return colorizer


def as_pixels(photo: Any) -> Pixels:
    """A photograph as an array: of a path, an open binary file, a picture of Pillow, a tensor or an array.

    Raises:
        ParamError: of anything else, with what to write instead. PhotoError: the file cannot be read.
    """
    if isinstance(photo, str | Path):
        pixels: Pixels = read_photo(photo).pixels
        return pixels
    if hasattr(photo, "read"):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "photograph"
            data = photo.read()
            if not isinstance(data, bytes):
                raise ParamError("a file that gives text came: open it in binary mode, as open(path, 'rb')")
            if not data:
                raise ParamError("an open file came that has nothing left to read; a photograph was expected: seek(0)?")
            path.write_bytes(data)
            return as_pixels(path)
    kind = type(photo).__module__.partition(".")[0]
    if kind == "PIL":
        if photo.mode.startswith("I;16"):  # convert("RGB") would keep 8 of its 16 bits
            return np.asarray(photo)
        if photo.mode in ("I", "F"):
            raise ParamError(f"a picture of mode {photo.mode} came, which says not what is white: give uint8 or uint16 of it")
        if photo.has_transparency_data:  # over white, as in files
            from PIL import Image

            photo = Image.alpha_composite(Image.new("RGBA", photo.size, "white"), photo.convert("RGBA"))
        return np.asarray(photo if photo.mode in ("L", "RGB") else photo.convert("RGB"))
    if kind == "torch":
        photo = photo.detach().cpu()
        photo = (photo.float() if photo.is_floating_point() else photo).numpy()  # numpy has no bfloat16
        if photo.ndim == 3 and photo.shape[0] in (1, 3):
            photo = photo[0] if photo.shape[0] == 1 else np.moveaxis(photo, 0, -1)
    if isinstance(photo, list | tuple):
        raise ParamError("a list came, one photograph was expected: colorize.batch(photographs) colors several")
    if not isinstance(photo, np.ndarray):
        came = type(photo).__name__
        raise ParamError(f"a {came} came; an array, a path, an open file, a picture of Pillow or a tensor was expected")
    if photo.dtype.kind == "f" and photo.size and not (photo.min() >= 0 and photo.max() <= 1):
        low, high = photo.min(), photo.max()
        raise ParamError(f"floats from {low:.4g} to {high:.4g} came, [0, 1] was expected: divide by the value of white")
    return photo


class HintSession:
    """One photograph and what the network says of it, which is kept between hints. Made by `Colorizer.session`."""

    def __init__(self, model: Colorizer, input_hwc: Pixels, answer: Predicted | None = None) -> None:
        """A prepared photograph (`Prepared.input_hwc`); `answer`: the network's, None: the network is asked.

        Raises:
            ParamError: the model does not predict chroma alone.
        """
        refuse_repainting(model.params)
        self._model, self._input_hwc = model, input_hwc
        self._canvas = Canvas.of(input_hwc, answer or model.predict(input_hwc), model.params)
        self._smaller: dict[int, Pixels] = {}

    def __call__(self, hints: Any, rows: int = 0, threads: int = 1) -> Pixels:
        """The photograph in color, (h, w, 3) at full size; `hints` as for `Colorizer.__call__`, `rows` and `threads` of strips.

        Raises:
            ParamError: hints that cannot be.
        """
        return self._model.color(self._input_hwc, rows, threads, self.predicted(hints))

    def preview(self, hints: Any, longer_px: int = 1024) -> Pixels:
        """As calling it, with the longer side shrunk to at most `longer_px`."""
        if longer_px not in self._smaller:
            height, width = self._input_hwc.shape[:2]
            self._smaller = {longer_px: resize(self._input_hwc, fit_size(height, width, longer_px))}
        return self._model.color(self._smaller[longer_px], predicted=self.predicted(hints))

    def predicted(self, hints: Any) -> Predicted:
        """The network's answer with the hints in it."""
        height, width = self._input_hwc.shape[:2]
        return self._canvas.hinted(as_hints(hints, (height, width)))


def with_settings(artifact: Artifact, settings: dict[str, Any]) -> Artifact:
    """The artifact with some parameters set for prediction.

    Raises:
        ParamError: an unknown name, a value out of range, or another value for a parameter of training.
    """
    wanted = resolve(settings=settings).params
    names = [name.strip().lower() for name in settings]
    if "resol" in names:
        # At prediction there is no other working size that could be meant.
        settings = {name: value for name, value in settings.items() if name.strip().lower() != "resol"} | {
            "predict_resol": wanted.resol}
        return with_settings(artifact, settings)
    fixed = [name for name in names if name not in AT_PREDICTION and getattr(wanted, name) != getattr(artifact.params, name)]
    if fixed:
        trained_with = ", ".join(f"{name.upper()} = {getattr(artifact.params, name)}" for name in fixed)
        raise ParamError(
            f"the model was trained with {trained_with}, which cannot be changed at prediction: leave it out, or train with it."
            f" At prediction there are {', '.join(name.upper() for name in AT_PREDICTION)}"
        )
    changed = {name: getattr(wanted, name) for name in names}
    origins = {**artifact.origins, **dict.fromkeys(names, "--set at prediction")}
    return replace(artifact, params=artifact.params.model_copy(update=changed), origins=origins)
