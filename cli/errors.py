"""What a command can refuse, and how an error reads on one line."""


class CommandError(Exception):
    """Carry one line for the user; the exit code is 1 for a failure, 2 for bad input."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class InputError(CommandError):
    """Refuse what the user gave."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=2)


def one_line(error: Exception) -> str:
    """Return an error's message on one line."""
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    return " ".join(message.split())
