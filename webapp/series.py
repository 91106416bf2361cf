"""Time series for machines and the page: the datastreams of a city and what was observed."""

from typing import Final

import numpy as np
from flask import Blueprint, Response, request

from cim.errors import NotFoundError
from cim.series import EARLIEST, LATEST, Results, Times, decimated, instant, iso
from webapp.api import answer
from webapp.arguments import whole_number
from webapp.city import served

series = Blueprint("series", __name__, url_prefix="/api")

MOST_POINTS: Final = 100_000
MOST_NUMBER: Final = 2**31 - 1
USUAL_POINTS: Final = 2_000


@series.get("/datastreams")
def datastreams() -> Response:
    """Every datastream, or those of one object (``object``, its number)."""
    asked = request.args.get("object", "")
    oid = whole_number(asked, "object") if asked else None
    return answer({"datastreams": served().store.datastreams(served().clearance, oid)})


@series.get("/datastreams/<number>/observations")
def observations(number: str) -> Response:
    """What a datastream observed: ``from``, ``to``, ``max_points``; ``format`` json or csv.

    Of more than ``max_points`` the least and greatest of each stretch of time are given, which
    draw the same line. Times are milliseconds since 1970 in UTC.
    """
    store = served().store
    asked_number = whole_number(number, "datastream", most=MOST_NUMBER)
    listed = store.datastreams(served().clearance, number=asked_number)
    if not listed:
        raise NotFoundError(f"no datastream {number}", hint="/api/datastreams lists them")
    known = listed[0]
    start, end = span(request.args.get("from", ""), request.args.get("to", ""))
    times, results = store.observations(known["datastream"], start, end)
    if request.args.get("format") == "csv":
        return Response(csv_lines(times, results, known["categories"]), mimetype="text/csv")
    asked = request.args.get("max_points", str(USUAL_POINTS))
    most = whole_number(asked, "max_points", least=10, most=MOST_POINTS)
    few, shown = decimated(times, results, most)
    return answer(
        {
            "datastream": known,
            "count": len(times),
            "times": (few // 1000),
            "results": np.ascontiguousarray(shown),
        }
    )


def span(start: str, end: str) -> tuple[int, int]:
    """From when to when, in microseconds; all times where nothing is said.

    Raises
    ------
    ParamError
        If one of them is no moment.
    """
    return (
        instant(start, "from") if start else EARLIEST,
        instant(end, "to") if end else LATEST,
    )


def csv_lines(times: Times, results: Results, categories: list[str]) -> str:
    """Observations as CSV: time in UTC and result, empty where there is none."""
    lines = ["time,result"]
    for time, result in zip(times.tolist(), results.tolist(), strict=True):
        told = "" if result != result else repr(result)  # noqa: PLR0124  only NaN differs from itself
        if told and categories:
            told = categories[int(result)]
        lines.append(f"{iso(time)},{told}")
    return "\n".join(lines) + "\n"
