"""The root of the errors that a user can mend."""


class DancheongError(Exception):
    """An error whose message says what came, what was expected and how to mend it. `exit_code` is the command's."""

    exit_code = 1
