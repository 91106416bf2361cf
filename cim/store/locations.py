"""Where a city is: a folder, or the URL of a database."""

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit


def masked(url: str) -> str:
    """`url` without its password, for messages and logs."""
    parts = urlsplit(url)
    query = re.sub(r"(?i)((?:^|&)(?:ssl)?password=)[^&]*", r"\1***", parts.query)
    netloc = parts.netloc
    if parts.password is not None:
        netloc = f"{parts.username}:***@{netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=netloc, query=query))


def is_url(location: str) -> bool:
    """Whether a city's location is a database rather than a folder."""
    return location.startswith(("postgresql://", "postgres://"))


def folder_of(location: str) -> Path:
    """Where the city keeps files: the folder itself, or one for each database under CIM_DATA."""
    if not is_url(location):
        return Path(location)
    root = os.environ.get("CIM_DATA") or Path.home() / ".local" / "share" / "cim"
    digest = hashlib.sha256(masked(location).encode()).hexdigest()[:12]
    return Path(root) / digest
