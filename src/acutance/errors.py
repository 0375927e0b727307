"""The one exception that a person is meant to read."""


class UserError(Exception):
    """A wrong input or situation that the person can mend.

    The message is one line: what is wrong, then what to do. The command line prints it and exits
    with status 1; a traceback would mean a fault of ours.
    """


class UsageError(UserError):
    """A command that is incomplete or contradicts itself: the command line exits with status 2."""
