"""Run the tests of arithmetic as on other processors, by the libraries' own switches.

    python tools/other_processors.py [TESTS...] [-- PYTEST OPTIONS...]

Each library picks its code by what the processor can do, and the last bits differ from one choice to the next. The tests run
once as on a processor without AVX-512, and once as on one without AVX. The switches are set for numpy, OpenBLAS, OpenCV,
torch and its oneDNN; ONNX Runtime has none. Where the processor lacks what a switch would take away, the switch changes
nothing. OpenVINO's own tests are left out: it plans for the processor that it sees, which its oneDNN then may not use. The
exit code is that of the first run that failed.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ARITHMETIC = [
    *(f"tests/imaging/test_{name}.py" for name in ("color", "metrics", "profiles", "resize", "tiling")),
    *(f"tests/prediction/test_{name}.py" for name in ("apply_color", "colorizer", "full_resolution")),
    "tests/prediction/test_hints.py", "tests/prediction/test_looks.py",
    "tests/glare", "tests/models", "tests/runtime", "tests/upscaling", "tests/evaluation", "tests/experiment/test_judge.py",
    "tests/experiment/test_intervals.py",
    "tests/experiment/test_table_4.py", "tests/data/test_batches.py", "tests/data/test_gpu_batches.py",
    "tests/data/test_old_plates.py", "tests/training/test_step.py",
]
# OpenBLAS takes the name of a processor, oneDNN and OpenCV those of instructions, torch a word of its own.
WITHOUT_AVX512 = {
    "OPENBLAS_CORETYPE": "Zen", "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2",
    "OPENCV_CPU_DISABLE": "AVX512-SKX,AVX512-ICL",
}
WITHOUT_AVX = {
    "OPENBLAS_CORETYPE": "Nehalem", "ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default",
    "OPENCV_CPU_DISABLE": WITHOUT_AVX512["OPENCV_CPU_DISABLE"] + ",AVX2,FMA3,AVX,FP16",
}


def numpy_features() -> list[str]:
    """What numpy has code for beyond its baseline, and this processor can do: it warns of other names."""
    return list(np.show_config(mode="dicts")["SIMD Extensions"].get("found", []))


def main() -> int:
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    tests, options = words[:cut] or ARITHMETIC, words[cut + 1 :]
    features = numpy_features()
    beyond_avx2 = [name for name in features if "AVX512" in name or name == "X86_V4"]
    settings = {
        "without AVX-512": WITHOUT_AVX512 | {"NPY_DISABLE_CPU_FEATURES": " ".join(beyond_avx2)},
        "without AVX": WITHOUT_AVX | {"NPY_DISABLE_CPU_FEATURES": " ".join(features)},
    }
    code = 0
    for name, switches in settings.items():
        print(f"== as on a processor {name}: {' '.join(f'{key}={value!r}' for key, value in switches.items())}", flush=True)
        command = [sys.executable, "-m", "pytest", "-m", "not slow", "-k", "not openvino", *options, *tests]
        done = subprocess.run(command, cwd=Path(__file__).parents[1], env=os.environ | switches, check=False)
        code = code or done.returncode
    return code


if __name__ == "__main__":
    sys.exit(main())
