"""XML from outside, element by element: nothing fetched, nothing expanded, one error if broken."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from lxml import etree

from ingest.reader import refuse

_CUT_OFF: Final = ("Premature end", "Extra content", "EndTag", "no element found", "find end")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what the parser raises into an error that says where and what to do.

    Raises
    ------
    SourceError
        With the line where the text stops being XML.
    """
    try:
        yield
    except etree.XMLSyntaxError as error:
        text = str(error).partition(", line ")[0]
        hint = "mend the file at that place, or export it again"
        if any(each in text for each in _CUT_OFF):
            hint = "the file is cut off or damaged; copy it again"
        elif "not proper UTF-8" in text or "encoding" in text.lower():
            hint = "set the encoding, such as Shift_JIS, GB18030 or ISO-8859-1"
        problem = f"not well-formed XML at line {error.lineno or 0}: {text}"
        raise refuse(path, problem, hint) from None


def elements(stream: Any, names: Sequence[str], encoding: str) -> Iterator[Any]:
    """Elements of these local names as they end, whatever their namespace.

    libxml2's limits hold: 256 levels, 10 MB in one text. `encoding` overrides the text's own.
    """
    context = etree.iterparse(
        stream,
        events=("end",),
        tag=tuple(f"{{*}}{name}" for name in names),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        encoding=encoding or None,
    )
    for _, element in context:
        yield element


def forget(element: Any) -> None:
    """Give back the memory of an element that has been read, and of those before it."""
    element.clear(keep_tail=True)
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
