"""What every error that a user can mend has in common."""


class DancheongError(Exception):
    """An error whose message says what came, what was expected and how to mend it. `exit_code` is the command's."""

    exit_code = 1


class ExtraMissing(DancheongError):
    """An optional part of the installation is needed and not there; the message says which and how to get it."""

    exit_code = 2
