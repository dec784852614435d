"""The errors that a user can mend: what came, what was expected, how to mend it."""


class DancheongError(Exception):
    """An error whose message says what came, what was expected and how to mend it. `exit_code` is the command's."""

    exit_code = 1


class ExtraMissing(DancheongError):
    """An optional part of the installation is needed and not there; the message says which and how to get it."""

    exit_code = 2


class NotThere(DancheongError):
    """A file or folder that a command was told to use is not there: bad usage."""

    exit_code = 2


class ParamError(DancheongError, ValueError):
    """A parameter table or setting that cannot be used; the message has a line for each problem."""

    exit_code = 2
