"""What can go wrong, as one tree.

    CimError
    ├── InputError            what was given cannot be used
    │   ├── ParamError        a parameter is unknown, missing or out of range
    │   ├── SchemaError       a table breaks the data dictionary
    │   └── SourceError       a file cannot be read or says something impossible
    ├── NotFoundError         no such city, object, data set, load, layer …
    ├── ConflictError         it clashes with the state of the store
    └── StoreError            the store cannot be opened, read or written
        └── BusyError         another process is writing

Each error says *what* is wrong, *where*, and *what to do*; the shell, the HTTP API and the
page show the same sentence.
"""


class CimError(Exception):
    """What went wrong, where, and what to do about it."""

    def __init__(self, problem: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(problem)
        self.problem, self.where, self.hint = problem, where, hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.problem}{advice}"


class InputError(CimError, ValueError):
    """Something given by the user cannot be used."""


class ParamError(InputError):
    """A parameter is unknown, missing or out of range."""


class SchemaError(InputError):
    """A table breaks the data dictionary."""


class SourceError(InputError):
    """A file cannot be read, or says something impossible."""


class NotFoundError(CimError, LookupError):
    """Nothing has that name."""


class ConflictError(CimError):
    """The request clashes with what the store holds now."""


class StoreError(CimError):
    """The store cannot be opened, read or written."""


class BusyError(StoreError):
    """Another process is writing to this city."""
