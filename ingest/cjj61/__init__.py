"""Underground pipeline surveys by CJJ 61-2017: tables of points and lines, joined into networks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from cim.model import Batch, Finding
from ingest.cjj61.lines import line_batches
from ingest.cjj61.points import Points, point_batches, points_of
from ingest.cjj61.tables import (
    ACCESS_SUFFIXES,
    TEXT_SUFFIXES,
    Survey,
    headers_of,
    is_lines,
    is_points,
    partner,
    read_survey,
)
from ingest.features import Log
from ingest.reader import Reader, Reading, ReadOptions, refuse
from ingest.referencing import locate
from ingest.sheets import SHEET_SUFFIXES

RULE: Final = (
    "heights and depths of rain and foul sewers and of trenches are taken to the inner bottom, of"
    " all other lines to the outer top, as CJJ 61 has it, unless a header says otherwise"
)


def open_cjj61(path: Path, options: ReadOptions, work: Path) -> Reading:  # noqa: ARG001
    """The reading of a survey: a workbook, a database, or a table of lines beside its points.

    Points are objects and nodes of the network, named by their number. Lines are straight pieces
    between two points; their Z is the axis where the size is known, otherwise what was surveyed
    (``z_reference`` says which). X is north where header, size or custom say so.

    Raises
    ------
    SourceError
        If there are no points, or the file is only the points of a delivery in two files.
    """
    log = Log()
    survey = read_survey(path, options, log)
    _refuse_half(path, survey)
    points = points_of(survey, options, log)
    if not len(points.table):
        raise refuse(path, "none of its points has coordinates", "are X and Y filled in?")
    x, y = (points.table[each].to_numpy(float) for each in ("x", "y"))
    place = locate("", "", options.crs, np.column_stack([x, y, x, y]))
    log.findings += place.findings
    log.note(Finding("info", "height_rule", RULE, "the attributes crown_… and invert_… tell"))
    return Reading(
        place.crs,
        place.source,
        _batches((survey, points), options, log),
        encoding=survey.encoding,
        height_datum=options.height_datum,
        rejected=log.rejected,
        findings=log.findings,
    )


def _refuse_half(path: Path, survey: Survey) -> None:
    if not (survey.points or survey.lines):
        hint = "of a personal geodatabase, export the layers as GeoPackage"
        raise refuse(path, "it has no table of survey points or of lines between them", hint)
    if not survey.points:
        hint = "put the table of points beside it: …点 beside …线, or both in one workbook"
        raise refuse(path, "it has lines between survey points, but not the points", hint)
    other = partner(path) if path.suffix.lower() in TEXT_SUFFIXES else None
    if other is not None and survey.lines and any(map(is_points, headers_of(path))):
        problem = f"it is only the points of a survey whose lines are in {other.name}"
        raise refuse(path, problem, f"load {other.name}, which needs it beside it")


def _batches(found: tuple[Survey, Points], options: ReadOptions, log: Log) -> Iterator[Batch]:
    survey, points = found
    try:
        yield from point_batches(points, survey)
        yield from line_batches(survey, points, options, log)
    finally:
        log.close()


def _recognised(path: Path) -> bool:
    """Whether a table or one of the sheets of a workbook is of survey points or lines."""
    if path.suffix.lower() in ACCESS_SUFFIXES:
        return True
    return any(is_points(each) or is_lines(each) for each in headers_of(path))


CJJ61: Final = Reader(
    "cjj61",
    "Underground pipeline survey (CJJ 61: CSV, Excel, Access)",
    (*SHEET_SUFFIXES, *ACCESS_SUFFIXES, *TEXT_SUFFIXES),
    open_cjj61,
    _recognised,
)
