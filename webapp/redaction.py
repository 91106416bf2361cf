"""Secrets that addresses carry, made unreadable before anything is shown or logged."""

import logging
import re
from collections.abc import Mapping
from typing import Any

_IN_ADDRESS = re.compile(r"\b([a-z][a-z0-9+.-]*://[^\s:/?#@\"']*):[^\s\"']*@", re.IGNORECASE)
_IN_WORDS = re.compile(
    r"\b(password|passfile|sslpassword)(\s*=\s*)('[^']*'|[^\s&\"']+)", re.IGNORECASE
)
MASK = "***"


def redact(text: str) -> str:
    """`text` with the passwords of URLs and connection strings replaced by ``***``."""
    return _IN_WORDS.sub(rf"\1\2{MASK}", _IN_ADDRESS.sub(rf"\1:{MASK}@", text))


def redacted(value: Any) -> Any:
    """`value` with every text in it redacted, however deep."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: redacted(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(each) for each in value]
    return value


class RedactingFormatter(logging.Formatter):
    """A log line, its traceback included, without passwords."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return redact(super().format(record))
