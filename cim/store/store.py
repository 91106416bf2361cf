"""The store of one city: opened by folder or URL, read from many processes, written by one."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import orjson
import pandas as pd
import shapely

from cim import geodesy
from cim.errors import StoreError
from cim.model import CityModel, Coverage, Mesh, access_rank
from cim.schema import CLASS_BY_CODE, CLASSES, city_class
from cim.series import LATEST, Results, Times
from cim.store import checking, describing, migrating, reading, series, undoing, writing
from cim.store.coverages import rasters_of
from cim.store.dialect import Bounds, Dialect
from cim.store.locations import folder_of, is_url, masked
from cim.store.postgis import PostGIS
from cim.store.reading import Moment, ObjectRows, Question
from cim.store.sqlite import SQLite
from cim.store.tables import FORMAT, RANKS
from cim.store.writing import Delivery, OpenLoad

DATABASE: Final = "city.sqlite"

_HOLDS: Final = ("dataset", "objects", "coverages", "datastreams")
_DATASET: Final = "SELECT name FROM dataset WHERE id = ?"


@dataclass(frozen=True, slots=True)
class CityInfo:
    """What a city is and holds."""

    name: str
    version: int
    crs: str
    height_datum: str
    bbox: Bounds | None
    """West, south, east, north in WGS 84 degrees."""
    classes: Mapping[str, int]
    datasets: int
    coverages: int


class Store:
    """One city. Cheap to open; each thread and process opens its own."""

    def __init__(self, location: str, *, wait: float = 30.0) -> None:
        self.location = masked(location)
        self.folder = folder_of(location)
        self._db: Dialect = (
            PostGIS(location, wait=wait)
            if is_url(location)
            else SQLite(self.folder / DATABASE, wait=wait)
        )
        try:
            if self._db.has_tables():
                self._read_meta()
        except BaseException:
            self._db.close()
            raise

    @property
    def exists(self) -> bool:
        """Whether a city has been made there."""
        return self._db.has_tables()

    def initialise(self, *, crs: str, name: str, height_datum: str) -> None:
        """Make the tables of an empty city; see `opening.create_city`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        writing.create(self._db, {"crs": crs, "name": name, "height_datum": height_datum})
        self._read_meta()

    def _read_meta(self) -> None:
        meta = self._meta()
        if int(meta["format"]) > FORMAT:
            raise StoreError(
                f"the city was written by a newer version (format {meta['format']},"
                f" this one reads up to {FORMAT})",
                where=self.location,
                hint="upgrade this program",
            )
        if int(meta["format"]) < FORMAT:
            migrating.migrate(self._db)
            meta = self._meta()
        self.id = meta["id"]
        self.name, self.height_datum = meta["name"], meta["height_datum"]
        self.crs = geodesy.named_crs(meta["crs"])
        self.crs_name = geodesy.authority(self.crs)

    def _meta(self) -> dict[str, str]:
        return dict(self._db.run("SELECT key, value FROM meta"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give file or connection back."""
        self._db.close()

    def version(self) -> int:
        """Grows with every load and undo that changes the city; the key of all caches."""
        return int(self._db.run("SELECT value FROM meta WHERE key = 'version'")[0][0])

    def info(self, clearance: str = "secret") -> CityInfo:
        """What the city is and holds, for a reader of that clearance."""
        with self._db.read():
            counts = self._db.run(
                "SELECT class, sum(count) FROM class_count WHERE access <= ? GROUP BY class"
                " HAVING sum(count) > 0 ORDER BY class",
                [access_rank(clearance)],
            )
            rasters = self.coverages(clearance)
            return CityInfo(
                name=self.name,
                version=self.version(),
                crs=self.crs_name,
                height_datum=self.height_datum,
                bbox=self._bbox(rasters),
                classes={CLASS_BY_CODE[code].name: int(count) for code, count in counts},
                datasets=len(self.datasets(clearance)),
                coverages=len(rasters),
            )

    def _bbox(self, rasters: Sequence[Coverage]) -> Bounds | None:
        """Of the objects; of the rasters in a city that has nothing else."""
        bounds = self._db.bounds()
        if bounds is not None:
            return geodesy.bounds_between(self.crs_name, geodesy.WGS84, bounds)
        if not rasters:
            return None
        boxes = np.array([each.bounds for each in rasters])
        low, high = boxes.min(axis=0), boxes.max(axis=0)
        return (float(low[0]), float(low[1]), float(high[2]), float(high[3]))

    def bounds(self) -> Bounds | None:
        """Box around all current objects in the city's CRS, or None if there are none."""
        return self._db.bounds()

    def datasets(self, clearance: str = "secret") -> list[dict[str, Any]]:
        """Data sets that have brought something which is still there and may be seen."""
        rows = self._db.run(
            "SELECT d.id, d.name, d.info, (SELECT coalesce(sum(count), 0) FROM class_count AS c"
            " WHERE c.dataset_id = d.id AND c.access <= ?), (SELECT count(*) FROM coverage AS v"
            " WHERE v.dataset_id = d.id AND v.closed_by IS NULL AND v.access <= ?),"
            " (SELECT count(*) FROM datastream AS s WHERE s.dataset_id = d.id"
            " AND s.closed_by IS NULL AND s.access <= ?) FROM dataset AS d ORDER BY d.id",
            [access_rank(clearance)] * 3,
        )
        return [
            {**orjson.loads(row[2]), **dict(zip(_HOLDS, (row[1], *map(int, row[3:])), strict=True))}
            for row in rows
            if any(row[3:])
        ]

    def loads(self) -> list[dict[str, Any]]:
        """Every load on record, the latest first; undone ones too."""
        rows = self._db.run(
            "SELECT l.id, d.name, l.status, l.file, l.recorded, l.actor, l.report FROM load AS l"
            " JOIN dataset AS d ON d.id = l.dataset_id ORDER BY l.id DESC"
        )
        names = ("load", "dataset", "status", "file", "recorded", "by")
        return [{**dict(zip(names, row[:6], strict=True)), **orjson.loads(row[6])} for row in rows]

    def coverages(self, clearance: str = "secret") -> tuple[Coverage, ...]:
        """The rasters of the city, for a reader of that clearance."""
        return rasters_of(self._db, self.folder / "coverages", clearance)

    def datastreams(
        self, clearance: str = "secret", oid: int | None = None, number: int | None = None
    ) -> list[dict[str, Any]]:
        """Time series that a reader of that clearance may see; of one object, or that number.

        Columns of `schema.DATASTREAM_COLUMNS`, with ``datastream`` (the number that
        `observations` wants), ``dataset`` and the object's ``oid`` (None if it is not there).
        """
        of = None
        if oid is not None:
            row = describing.stored(self._db, oid, clearance)
            of = (str(self._db.run(_DATASET, [row["dataset_id"]])[0][0]), str(row["object_id"]))
        return series.datastreams(self._db, clearance, of, number)

    def observations(
        self, datastream: int, start: int = -LATEST, end: int = LATEST
    ) -> tuple[Times, Results]:
        """Times (n,) and results (n,) of a datastream in order, `start` ≤ time < `end`.

        Microseconds since 1970 in UTC; the caller has seen to it that its reader may see it.
        """
        return series.observations(self._db, datastream, (start, end))

    def select(  # noqa: PLR0913  one argument for each way to narrow a selection
        self,
        *,
        bbox: Bounds | None = None,
        area: shapely.Geometry | None = None,
        classes: Sequence[str] = (),
        where: str = "",
        at: Moment = None,
        recorded: Moment = None,
        clearance: str = "secret",
        meshes: bool = False,
        limit: int | None = None,
    ) -> CityModel:
        """The objects that meet every condition, with their networks.

        `bbox` is west, south, east, north in WGS 84 degrees, `area` a polygon in the city's
        CRS, `where` CQL2 text; `at` is a moment in the city's life, `recorded` one in the
        store's knowledge of it.

        Raises
        ------
        SchemaError
            If a class is unknown.
        InputError
            If `where` is no filter or a moment no date.

        """
        question = Question(
            clearance=clearance,
            classes=_known_classes(classes),
            bounds=self._asked_bounds(bbox, area),
            at=at,
            recorded=recorded,
            where=where,
            limit=None if area is not None else limit,
        )
        with self._db.read():
            names: dict[int, str] = dict(self._db.run("SELECT id, name FROM dataset"))
            objects = reading.model_table(self._db, question, self.crs, names)
            shapes = objects.geometry.to_numpy()
            if area is not None:
                objects = objects[shapely.intersects(shapes, area)]
            elif question.bounds is not None:
                objects = objects[shapely.intersects(shapes, shapely.box(*question.bounds))]
            objects = objects.iloc[:limit]
            versions = dict(zip(objects.index.tolist(), objects["version"].tolist(), strict=True))
            return CityModel(
                name=self.name,
                version=self.version(),
                objects=objects,
                nodes=self._nodes(set(objects["dataset"])),
                edges=self._edges(versions),
                coverages=self.coverages(clearance),
                height_datum=self.height_datum,
                meshes=reading.meshes_of(self._db, list(versions), versions) if meshes else {},
            )

    def _asked_bounds(self, bbox: Bounds | None, area: shapely.Geometry | None) -> Bounds | None:
        if area is not None:
            minx, miny, maxx, maxy = shapely.bounds(area).tolist()
            return (minx, miny, maxx, maxy)
        if bbox is None:
            return None
        return geodesy.bounds_between(geodesy.WGS84, self.crs_name, bbox)

    def _nodes(self, datasets: set[str]) -> pd.DataFrame:
        names = ("dataset", "network", "node_id", "x", "y", "z", "object_id")
        sql, values = self._db.among("d.name", sorted(datasets))
        rows = self._db.run(
            "SELECT d.name, n.network, n.node_id, n.x, n.y, n.z, n.object_id FROM network_node AS n"
            f" JOIN dataset AS d ON d.id = n.dataset_id WHERE n.closed_by IS NULL AND {sql}",
            values,
        )
        return pd.DataFrame.from_records(rows, columns=names)

    def _edges(self, versions: Mapping[int, int]) -> pd.DataFrame:
        names = ("oid", "version", "network", "start_node", "end_node", "length")
        sql, values = self._db.among("oid", list(versions))
        rows = self._db.run(f"SELECT {', '.join(names)} FROM network_edge WHERE {sql}", values)
        table = pd.DataFrame.from_records(
            [row for row in rows if versions.get(row[0]) == row[1]], columns=names
        )
        return table.drop(columns="version").set_index("oid")

    def rows(
        self,
        bounds: Bounds,
        themes: Sequence[str],
        *,
        max_rank: int = RANKS - 1,
        at: Moment = None,
        clearance: str = "secret",
    ) -> ObjectRows:
        """What a tile needs of the objects whose box meets `bounds` (city CRS), by theme."""
        classes = tuple(name for name, each in CLASSES.items() if each.theme in themes)
        question = Question(
            clearance=clearance, classes=classes, bounds=bounds, max_rank=max_rank, at=at
        )
        return reading.tile_rows(self._db, question, self.crs_name)

    def meshes(
        self, oids: Sequence[int], versions: Sequence[int] | None = None
    ) -> dict[int, tuple[Mesh, ...]]:
        """Surfaces by oid, the best level of detail last; of the current versions unless told."""
        wanted = None if versions is None else dict(zip(oids, versions, strict=True))
        return reading.meshes_of(self._db, list(oids), wanted)

    def networks(self, oids: Sequence[int]) -> dict[int, str]:
        """The network that current objects are edges or nodes of, by oid."""
        return reading.networks_of(self._db, list(oids))

    def attributes(self, oids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Attributes of current objects by oid."""
        sql, values = self._db.among("oid", list(oids))
        rows = self._db.run(
            f"SELECT oid, CAST(attributes AS TEXT) FROM city_object WHERE {sql}", values
        )
        return {oid: orjson.loads(text) if text else {} for oid, text in rows}

    def find(self, object_id: str, clearance: str = "secret") -> int:
        """The oid of ``ID`` or ``DATASET/ID``; see `describing.find`."""
        return describing.find(self._db, object_id, clearance)

    def stored(self, oid: int, clearance: str = "secret") -> dict[str, Any]:
        """The bare row of one object; see `describing.stored`."""
        return describing.stored(self._db, oid, clearance)

    def describe(self, oid: int, clearance: str = "secret") -> dict[str, Any]:
        """Everything about one object; see `describing.describe`."""
        with self._db.read():
            return describing.describe(self._db, oid, clearance, self.crs_name)

    def search(self, text: str, limit: int = 20, clearance: str = "secret") -> list[dict[str, Any]]:
        """Objects whose identifier is, or whose name contains, `text`; best first."""
        return reading.hits(self._db, (text.strip(), limit, clearance), self.crs_name)

    def load(self, delivery: Delivery) -> AbstractContextManager[OpenLoad]:
        """Open the one transaction of a load; all or nothing of it becomes visible.

        Raises
        ------
        BusyError
            If another process keeps writing.
        StoreError
            If the disk is full or the store cannot be written.

        """
        return writing.load(self._db, self.folder, delivery)

    def delivered(self, dataset: str) -> str:
        """Fingerprint of what the data set was last loaded from, ``""`` if undone or unknown."""
        return writing.last_fingerprint(self._db, dataset)

    def undo(self, load: int) -> dict[str, Any]:
        """Take a load back; see `undoing.undo`."""
        with self._db.write():
            report = undoing.undo(self._db, load)
            writing.raise_version(self._db)
        self._db.after_bulk()
        return report

    def check(self) -> list[checking.Problem]:
        """What is wrong with the city; empty if it is sound."""
        return list(checking.problems(self._db, self.folder / "coverages"))

    def repair(self) -> list[str]:
        """Mend what can be mended without losing anything; says what was done."""
        with self._db.write():
            done = checking.repair(self._db, self.folder / "coverages")
            writing.raise_version(self._db)
        return done

    def result(self, key: str) -> dict[str, Any] | None:
        """A kept analysis result, or None."""
        rows = self._db.run("SELECT info FROM result WHERE key = ?", [key])
        return orjson.loads(rows[0][0]) if rows else None

    def keep_result(self, key: str, analysis: str, info: Mapping[str, Any]) -> None:
        """Keep what an analysis gave, under the hash of all that it depends on."""
        text = orjson.dumps(info, option=orjson.OPT_SERIALIZE_NUMPY, default=str).decode()
        stamp = reading.stamped(datetime.now(UTC))
        with self._db.write():
            self._db.run("DELETE FROM result WHERE key = ?", [key])
            self._db.run(
                "INSERT INTO result VALUES (?, ?, ?, ?, ?)",
                [key, analysis, self.version(), stamp, text],
            )


def _known_classes(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(city_class(name).name for name in names)
