"""The one error a user may see, in one line: what, where, the mend."""


class BadInput(Exception):
    """Something from outside is wrong: a file, an option, a device.

    Every command prints it as a single line on stderr and exits with status 2.

    >>> str(BadInput("volt 'x' is not a number", "take.csv:3, column cv1", "give volts, e.g. 1.25"))
    "volt 'x' is not a number (take.csv:3, column cv1): give volts, e.g. 1.25"
    """

    def __init__(self, what: str, where: str = "", mend: str = "") -> None:
        self.what, self.where, self.mend = what, where, mend
        line = what + (f" ({where})" if where else "") + (f": {mend}" if mend else "")
        super().__init__(" ".join(line.split()))

    @classmethod
    def parse(cls, line: str) -> "BadInput":
        """The error that another process put into this line; one without that form is all `what`.

        >>> BadInput.parse("no bundle 'x' (models): install it").mend
        'install it'
        """
        before, closed, mend = line.rpartition("): ")
        what, opened, where = before.partition(" (")
        return cls(what, where, mend) if closed and opened else cls(line)
