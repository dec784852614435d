#!/usr/bin/env python3
"""A plug-in for GIMP 3: Colors > Color with dancheong puts the colored picture above the others as a layer.

Copy the folder `dancheong` into GIMP's folder `plug-ins` (Edit > Preferences > Folders > Plug-ins), and on macOS and Linux make
this file executable. The program is found on the PATH, or where DANCHEONG_PROGRAM says (a command line).
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROCEDURE = "plug-in-dancheong-colorize"


def program() -> list[str]:
    """The words that start dancheong."""
    if named := os.environ.get("DANCHEONG_PROGRAM"):
        return shlex.split(named, posix=os.name != "nt")
    if found := shutil.which("dancheong"):
        return [found]
    raise RuntimeError("dancheong is not on the PATH: install it, or set DANCHEONG_PROGRAM to its command line")


def color_file(source: Path, target: Path) -> None:
    """Write the picture of a file in color; both are PNG, of 8 or 16 bits.

    Raises:
        RuntimeError: what the program says.
    """
    with source.open("rb") as photograph, target.open("wb") as colored:
        done = subprocess.run(
            [*program(), "predict", "-", "--quiet"], stdin=photograph, stdout=colored, stderr=subprocess.PIPE, check=False
        )
    if done.returncode:
        target.unlink()
        raise RuntimeError(done.stderr.decode(errors="replace").strip() or f"dancheong ended with exit code {done.returncode}")


def main() -> None:
    """Register with GIMP, which starts this file."""
    import gi

    gi.require_version("Gimp", "3.0")
    from gi.repository import Gimp, Gio, GLib

    class Dancheong(Gimp.PlugIn):
        """The plug-in."""

        def do_query_procedures(self):
            return [PROCEDURE]

        def do_set_i18n(self, name):
            return False

        def do_create_procedure(self, name):
            procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, self.run, None)
            procedure.set_image_types("RGB*, GRAY*")
            procedure.set_menu_label("Color with dancheong")
            procedure.add_menu_path("<Image>/Colors")
            procedure.set_documentation(
                "Color a gray photograph", "The program dancheong colors what is seen; its result becomes a layer.", name
            )
            procedure.set_attribution("dancheong contributors", "dancheong contributors, Apache-2.0", "2026")
            return procedure

        def run(self, procedure, run_mode, image, drawables, config, data):
            copy = image.duplicate()
            try:
                copy.flatten()
                with tempfile.TemporaryDirectory() as folder:
                    source, target = Path(folder) / "gray.png", Path(folder) / "colored.png"
                    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, copy, Gio.File.new_for_path(str(source)), None)
                    color_file(source, target)
                    image.undo_group_start()
                    if image.get_base_type() == Gimp.ImageBaseType.GRAY:
                        image.convert_rgb()
                    layer = Gimp.file_load_layer(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(str(target)))
                    layer.set_name("colored by dancheong")
                    image.insert_layer(layer, None, 0)
                    image.undo_group_end()
            except Exception as error:
                return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error(str(error)))
            finally:
                copy.delete()
            Gimp.displays_flush()
            return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)

    Gimp.main(Dancheong.__gtype__, sys.argv)


if __name__ == "__main__":
    main()
