"""Errors that end a command with one line on stderr and an exit code."""

import errno

PATH_ADVICE = {
    errno.EACCES: "; change its permissions, or choose another path",
    errno.ENAMETOOLONG: "; choose a shorter name",
}


def install(extra: str) -> str:
    """Say how to get what an extra contains."""
    return f"install nst[{extra}] (docs/quickstart.md, Extras)"


class CommandError(Exception):
    """A message for the user; the exit code is 1 for a failure, 2 for invalid input."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class InputError(CommandError):
    """An argument, an option or a setting is invalid."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=2)


def path_problem(path: object, error: OSError) -> str:
    """Say why the system refuses a path, and what to do."""
    return f"{path}: {error.strerror}{PATH_ADVICE.get(error.errno or 0, '')}"


def one_line(error: Exception) -> str:
    """Return an error's message on one line."""
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    return " ".join(message.split())
