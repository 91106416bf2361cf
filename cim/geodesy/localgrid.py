"""City-local grids: fitted from points known in both systems, kept as a named definition.

Four parameters (shift, turn, scale) join two planes; seven (Bursa-Wolf: three shifts, three turns,
scale) join two ellipsoids. The definition is a TOML file with the parameters, the residual of
every point and the system as WKT, which PROJ computes with in both directions.
"""

import json
import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from cim.errors import InputError, SourceError

Array = NDArray[np.float64]

LEAST_POINTS: Final = 3
"""Points below which there is nothing to check a fit with."""
_OUTLYING: Final = 4.0
_NEGLIGIBLE: Final = 0.01  # metres: no point is called an outlier for less
_ARC: Final = math.pi / 648_000  # radians in a second


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """How one system lies in another, and how well that is known."""

    method: str
    """``four`` or ``seven`` parameters."""
    parameters: dict[str, float]
    """Metres; turns in seconds, scale in parts per million, both as they are usually given."""
    residuals: Array
    """(n, 2 or 3) metres: given less computed, in the target system."""
    freedom: int
    """Degrees of freedom: equations less unknowns."""
    outliers: NDArray[np.bool_]
    """(n,) points that the others contradict."""

    @property
    def rms(self) -> float:
        """Root mean square of the length of the residuals, metres."""
        return float(np.sqrt((self.residuals**2).sum(axis=1).mean()))

    @property
    def sigma(self) -> float:
        """Standard deviation of one coordinate, metres: with regard to the freedom."""
        return float(np.sqrt((self.residuals**2).sum() / self.freedom))


def fit_four(source: Array, target: Array) -> Fit:
    """The similarity that carries (n, 2) points of `source` to those of `target`, metres.

    Raises
    ------
    InputError
        If there are fewer than three points, or all are one.
    """
    _check_points(source, target)
    a, b, shift = _similarity(source, target)
    turned = source @ np.array([[a, b], [-b, a]]) + shift
    found = {
        "shift_x": float(shift[0]),
        "shift_y": float(shift[1]),
        "turn": math.atan2(b, a) / _ARC,
        "scale": (math.hypot(a, b) - 1) * 1e6,
    }
    outliers = _outliers(source, target, lambda s, t, p: _predicted_four(_similarity(s, t), p))
    return Fit("four", found, target - turned, 2 * len(source) - 4, outliers)


def _similarity(source: Array, target: Array) -> tuple[float, float, Array]:
    middle, there = source.mean(axis=0), target.mean(axis=0)
    s, t = source - middle, target - there
    norm = float((s**2).sum())
    if norm == 0:
        raise InputError("all control points are one", where="points")
    a = float((s * t).sum()) / norm
    b = float((s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]).sum()) / norm
    return a, b, there - middle @ np.array([[a, b], [-b, a]])


def _predicted_four(found: tuple[float, float, Array], points: Array) -> Array:
    a, b, shift = found
    predicted: Array = points @ np.array([[a, b], [-b, a]]) + shift
    return predicted


def fit_seven(source: Array, target: Array) -> Fit:
    """The Bursa-Wolf parameters (position vector) from (n, 3) geocentric points to others, metres.

    Raises
    ------
    InputError
        If there are fewer than three points, or they lie in a line.
    """
    _check_points(source, target)
    found = _bursa_wolf(source, target)
    names = ("shift_x", "shift_y", "shift_z", "turn_x", "turn_y", "turn_z", "scale")
    units = (1.0, 1.0, 1.0, 1 / _ARC, 1 / _ARC, 1 / _ARC, 1e6)
    told = {
        name: float(value * unit) for name, value, unit in zip(names, found, units, strict=True)
    }
    residuals = target - _predicted_seven(found, source)
    outliers = _outliers(source, target, lambda s, t, p: _predicted_seven(_bursa_wolf(s, t), p))
    return Fit("seven", told, residuals, 3 * len(source) - 7, outliers)


def _bursa_wolf(source: Array, target: Array) -> Array:
    middle = source.mean(axis=0)
    found, _, rank, _ = np.linalg.lstsq(
        _design(source - middle), (target - source).ravel(), rcond=1e-12
    )
    if rank < 7:
        raise InputError("the control points lie in one line", where="points")
    # about the centre of the points the unknowns do not fight each other; then back to the origin
    away = (_design(middle[None]) @ np.concatenate([np.zeros(3), found[3:]])).ravel()
    moved: Array = np.concatenate([found[:3] - away, found[3:]])
    return moved


def _design(points: Array) -> Array:
    """(3n, 7) coefficients of the small turns, the scale and the shifts."""
    x, y, z = points.T
    none, one = np.zeros(len(x)), np.ones(len(x))
    rows = np.array(
        [
            [one, none, none, none, z, -y, x],
            [none, one, none, -z, none, x, y],
            [none, none, one, y, -x, none, z],
        ]
    )
    design: Array = rows.transpose(2, 0, 1).reshape(-1, 7)
    return design


def _predicted_seven(found: Array, points: Array) -> Array:
    predicted: Array = points + (_design(points) @ found).reshape(-1, 3)
    return predicted


def _check_points(source: Array, target: Array) -> None:
    if len(source) < LEAST_POINTS:
        raise InputError(
            f"{len(source)} control points are too few: nothing would check the fit",
            where="points",
            hint=f"at least {LEAST_POINTS}, well spread over the city",
        )
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise InputError("a control point has no number", where="points")


def _outliers(source: Array, target: Array, predict: Any) -> NDArray[np.bool_]:
    """Points that a fit to all others misses by far more than it misses those."""
    count = len(source)
    outlying = np.zeros(count, bool)
    if count <= LEAST_POINTS:
        return outlying
    misses, spreads = np.zeros(count), np.zeros(count)
    for at in range(count):
        rest = np.arange(count) != at
        others = predict(source[rest], target[rest], source[rest])
        spreads[at] = np.sqrt(((target[rest] - others) ** 2).sum(axis=1).mean())
        alone = predict(source[rest], target[rest], source[at : at + 1])
        misses[at] = float(np.linalg.norm(target[at] - alone[0]))
    outlying[:] = misses > np.maximum(_OUTLYING * spreads, _NEGLIGIBLE)
    if count == LEAST_POINTS + 1 and outlying.sum() > 1:  # one bad point makes the others look bad
        outlying[:] = np.arange(count) == int(np.argmin(spreads))
    return outlying


def four_crs(name: str, base: str, fit: Fit) -> str:
    """The WKT of a grid whose coordinates `fit` carries into the projected system `base`.

    Raises
    ------
    SourceError
        If `base` is not projected in metres.
    """
    system = CRS.from_user_input(base)
    if not system.is_projected or any(a.unit_conversion_factor != 1.0 for a in system.axis_info):
        raise SourceError(f"{base} is not a projected system in metres", where="to")
    plane = system.to_json_dict()
    # PROJ applies the parameters to the axes in their order: the base must have east first
    plane["coordinate_system"] = _plane_axes()
    plane["name"] = f"base of {name}"
    for each in (plane, plane["conversion"]):
        each.pop("id", None)
    for extent in ("area", "bbox", "scope", "usages"):
        plane.pop(extent, None)
    inverse = _inverted(fit)
    given = zip(("A0", "A1", "A2", "B0", "B1", "B2"), inverse, strict=True)
    parameters = [
        {"name": key, "value": value, "unit": "metre" if key.endswith("0") else "unity"}
        for key, value in given
    ]
    document = {
        "type": "DerivedProjectedCRS",
        "name": name,
        "base_crs": plane,
        "conversion": {
            "name": "four parameters",
            "method": {
                "name": "Affine parametric transformation",
                "id": {"authority": "EPSG", "code": 9624},
            },
            "parameters": parameters,
        },
        "coordinate_system": _plane_axes(),
    }
    return CRS.from_user_input(json.dumps(document)).to_wkt()


def _inverted(fit: Fit) -> tuple[float, ...]:
    """A0, A1, A2, B0, B1, B2 from the base to the grid."""
    scale, turn = 1 + fit.parameters["scale"] * 1e-6, fit.parameters["turn"] * _ARC
    cos, sin = math.cos(turn) / scale, math.sin(turn) / scale
    x, y = fit.parameters["shift_x"], fit.parameters["shift_y"]
    return (-(cos * x + sin * y), cos, sin, sin * x - cos * y, -sin, cos)


def _plane_axes() -> dict[str, Any]:
    axes = (("Easting", "E", "east"), ("Northing", "N", "north"))
    return {
        "subtype": "Cartesian",
        "axis": [
            {"name": name, "abbreviation": short, "direction": way, "unit": "metre"}
            for name, short, way in axes
        ],
    }


def seven_crs(source: str, fit: Fit) -> str:
    """The WKT of the system `source` bound to WGS 84 / CGCS2000 by seven parameters.

    Raises
    ------
    SourceError
        If PROJ does not take it.
    """
    base = CRS.from_user_input(source)
    bound = {
        "type": "BoundCRS",
        "source_crs": base.to_json_dict(),
        "target_crs": CRS.from_epsg(4326).to_json_dict(),
        "transformation": {
            "name": "seven parameters",
            "method": {
                "name": "Position Vector transformation (geog2D domain)",
                "id": {"authority": "EPSG", "code": 9606},
            },
            "parameters": [
                {"name": name, "value": value, "unit": unit}
                for (name, unit), value in zip(_SEVEN, fit.parameters.values(), strict=True)
            ],
        },
    }
    try:
        return CRS.from_user_input(json.dumps(bound)).to_wkt()
    except CRSError as error:
        raise SourceError(f"{source[:60]} cannot be bound: {error}", where="from") from None


_ARC_SECOND: Final = {
    "type": "AngularUnit",
    "name": "arc-second",
    "conversion_factor": _ARC,
}
_PPM: Final = {"type": "ScaleUnit", "name": "parts per million", "conversion_factor": 1e-6}
_SEVEN: Final = (
    ("X-axis translation", "metre"),
    ("Y-axis translation", "metre"),
    ("Z-axis translation", "metre"),
    ("X-axis rotation", _ARC_SECOND),
    ("Y-axis rotation", _ARC_SECOND),
    ("Z-axis rotation", _ARC_SECOND),
    ("Scale difference", _PPM),
)


def geocentric(crs: str, points: Array) -> Array:
    """(n, 3) geocentric coordinates on the ellipsoid of `crs` of (n, 3) points in it, metres."""
    system = CRS.from_user_input(crs)
    base = system.geodetic_crs
    ellipsoid = base.ellipsoid if base is not None else None
    if base is None or ellipsoid is None:
        raise SourceError(f"{crs} has no ellipsoid", where="from")
    to_degrees = Transformer.from_crs(system, base, always_xy=True)
    lon, lat = to_degrees.transform(points[:, 0], points[:, 1])
    shape = f"+a={ellipsoid.semi_major_metre} +rf={ellipsoid.inverse_flattening}"
    lift = Transformer.from_pipeline(
        f"+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=cart {shape}"
    )
    return np.column_stack(lift.transform(lon, lat, points[:, 2]))


def definition(path: str | Path) -> str:
    """The WKT of the local grid that the file at `path` defines.

    Raises
    ------
    SourceError
        If it is not there or defines none.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        wkt = content["wkt"]
        CRS.from_wkt(wkt)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, CRSError):
        hint = "make it with `cim localgrid fit`"
        raise SourceError("it defines no local grid", where=str(path), hint=hint) from None
    return str(wkt)


def described(names: Sequence[str], fit: Fit) -> dict[str, Any]:
    """The fit as plain values: parameters, RMS, degrees of freedom, the residual of each point."""
    axes = ("x", "y", "z")
    return {
        "method": fit.method,
        "parameters": fit.parameters,
        "points": len(names),
        "freedom": fit.freedom,
        "rms": round(fit.rms, 6),
        "sigma": round(fit.sigma, 6),
        "residuals": [
            {"point": name, "outlier": bool(bad)}
            | {axis: round(float(value), 6) for axis, value in zip(axes, row, strict=False)}
            for name, row, bad in zip(names, fit.residuals, fit.outliers, strict=True)
        ],
    }
