"""What this package raises: one base class, one subclass for each party that can mend the fault."""


class NumlError(Exception):
    """The user must act; the message says what is wrong, where, and what is allowed."""


class InputError(NumlError):
    """An event file, or a table of one, is not what was asked of it."""


class UnreadableError(InputError):
    """Some rows of a table cannot be read; others can."""


class OutputError(NumlError):
    """A file cannot be written where it was asked for."""


class OptionError(NumlError):
    """An option, or a combination of options, has no meaning."""


class LabelError(NumlError):
    """A labelling scheme, or the particles given to it, contradict themselves."""


class LabelWarning(UserWarning):
    """A labelling is slow, or leaves out what it could not label."""


class LaunchError(NumlError):
    """The program was started as several ranks, but MPI does not connect them."""


class RankError(NumlError):
    """A rank met a fault on the way; the message names the rank and its events."""


class PartError(NumlError):
    """A part of an object fails, or gives something that no object can have."""
