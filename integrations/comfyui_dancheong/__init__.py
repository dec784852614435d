"""A node for ComfyUI: colors pictures with the dancheong that is installed on this machine.

Copy this folder into ComfyUI/custom_nodes. The program is found on the PATH, or where DANCHEONG_PROGRAM says (a command line).
"""

import io
import os
import shlex
import shutil
import subprocess

import numpy as np
import torch
from PIL import Image


def program() -> list[str]:
    """The words that start dancheong."""
    if named := os.environ.get("DANCHEONG_PROGRAM"):
        return shlex.split(named, posix=os.name != "nt")
    if found := shutil.which("dancheong"):
        return [found]
    raise RuntimeError("dancheong is not on the PATH: install it, or set DANCHEONG_PROGRAM to its command line")


def colored(picture_hwc: np.ndarray, model: str, vivid: float, glare_mode: str) -> np.ndarray:
    """A picture (h, w, 3) uint8 in color, at its own size."""
    png = io.BytesIO()
    Image.fromarray(picture_hwc).save(png, "PNG")
    words = ["predict", *([model] if model else []), "-", "--quiet"]
    settings = {"VIVID": f"{vivid:g}", **({"GLARE_MODE": glare_mode} if glare_mode != "as trained" else {})}
    words += [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    done = subprocess.run([*program(), *words], input=png.getvalue(), capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace").strip() or f"dancheong ended with exit code {done.returncode}")
    with Image.open(io.BytesIO(done.stdout)) as result:
        return np.asarray(result.convert("RGB"))


class DancheongColorize:
    """Gray (or color) pictures in, the same in color."""

    CATEGORY = "image/color"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "colorize"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, tuple[object, ...]]]:
        """What ComfyUI shows."""
        return {
            "required": {
                "image": ("IMAGE",),
                "model": ("STRING", {"default": "", "tooltip": "A model.h5; empty: the one that comes along."}),
                "vivid": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 4.0, "step": 0.05}),
                "glare_mode": (["as trained", "off", "global", "region"],),
            }
        }

    def colorize(self, image: torch.Tensor, model: str, vivid: float, glare_mode: str) -> tuple[torch.Tensor]:
        """(batch, h, w, 3) in [0, 1] in and out."""
        pictures = (image.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
        results = [colored(one[..., :3], model.strip(), vivid, glare_mode) for one in pictures]
        return (torch.from_numpy(np.stack(results).astype(np.float32) / 255),)


NODE_CLASS_MAPPINGS = {"DancheongColorize": DancheongColorize}
NODE_DISPLAY_NAME_MAPPINGS = {"DancheongColorize": "Color with dancheong"}
