"""Commands in a root of their own: what a root must be lent to reach packages, and how a command is run in it.

Needs the rights of root (chroot, unshare). Nothing that is mounted outlives the command it was mounted for.
"""

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

PIP_SETTINGS = [Path("/etc/pip.conf"), *Path("/etc/xdg/pip").glob("*"), Path.home() / ".config/pip/pip.conf"]
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"


@dataclass
class Root:
    """An unpacked system.

    Attributes:
        env: environment of every command.
        lent: folders of this machine that are seen under their own names, read-only.
    """

    place: Path
    env: dict[str, str] = field(default_factory=dict)
    lent: list[Path] = field(default_factory=list)

    def lend(self) -> None:
        """Give what is needed here to reach packages, as Docker does: names, certificates, pip's settings and folders."""
        self._copy(Path("/etc/resolv.conf"), Path("/etc/hosts"))
        self.env |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        settings = [path for path in PIP_SETTINGS if path.is_file()]
        self._copy(*settings[:-1])
        if settings:
            shutil.copy(settings[-1], self.place / "etc" / "lent-pip.conf")
            self.env["PIP_CONFIG_FILE"] = "/etc/lent-pip.conf"
        if certificates := os.environ.get("SSL_CERT_FILE"):
            self._copy(Path(certificates))
            self.env |= {"SSL_CERT_FILE": certificates, "PIP_CERT": certificates}
        words = " ".join([*self.env.values(), *(path.read_text(encoding="utf-8") for path in settings)]).split()
        named = {Path(word.removeprefix("file://")) for word in words if word.removeprefix("file://").startswith("/")}
        # An index of simple/ names files that lie beside it.
        self.lent = sorted({one.parent if one.name == "simple" else one for one in named if one.is_dir()})

    def _copy(self, *files: Path) -> None:
        for file in files:
            target = self.place / str(file)[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)

    def words(self, command: str, user: str = "0:0", before: str = "") -> list[str]:
        """The words that run a command in the root, with processes and mounts of its own; `before` is run outside first."""
        mounts = []
        for folder in self.lent:
            target = shlex.quote(str(self.place) + str(folder))
            mounts.append(f"mkdir -p {target} && mount --bind -o ro {shlex.quote(str(folder))} {target}")
        place = shlex.quote(str(self.place))
        mounts += [f"mount -t proc proc {place}/proc", f"mkdir -p {place}/dev/shm"]
        mounts += [f"mount -t tmpfs -o mode=1777 tmpfs {place}/dev/shm"]
        enter = f"exec /usr/sbin/chroot --userspec={user} {place} /bin/sh -c {shlex.quote(command)}"
        inside = " && ".join([before or "true", *mounts, enter])
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", inside]

    def run(self, command: str, user: str = "0:0", check: bool = True, **env: str) -> str:
        """Run a command to its end; its output, errors with it.

        Raises:
            RuntimeError: it failed, where `check`.
        """
        environment = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **self.env, **env}
        done = subprocess.run(
            self.words(command, user), env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
        )
        if check and done.returncode:
            raise RuntimeError(f"{command}\n{done.stdout[-3000:]}\nended with code {done.returncode}")
        return done.stdout
