"""Box queries against PostGIS, objects by number against bare SQLite, MVT against ST_AsMVT.

Run: ``python benchmarks/bench_queries.py [N]``; starts its own PostgreSQL. Wall time per query,
both sides in turn on the same boxes; ratios of medians and of 99th percentiles.

Vector tiles: ours is what a request for a land-use tile costs past the cache of tiles, from the
R-tree and the whole row of each object to the bytes. Theirs is one prepared statement on a flat
table with GiST that selects, transforms, clips and encodes, fetched in binary. Both write the
same features with number, class, name, function and colour as 7 properties, in a grid of 4096
with a margin of 64; the colour is found by us and stored with them. Ours simplifies nothing at
these zooms; ST_AsMVTGeom always drops what is below half a unit, and makes the result valid.
"""

import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import mapbox_vector_tile
import numpy as np
import psycopg
import shapely

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tests"), str(Path(__file__).parent)]
import postgis
from bench_store import CRS, buildings, load

from cim import geodesy
from cim.store import Store, create_city
from layers.layer import TileRequest
from layers.legends import LAND_USE
from layers.mercator import TileAddress
from layers.tiles import find_layer

ROUNDS = 3
BOXES = 60
TILES, TILE_ROUNDS = 20, 7


def tile_at(lon: float, lat: float, z: int) -> tuple[int, int]:
    """The XYZ tile that holds a place."""
    n = 2**z
    y = (1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * n
    return int((lon + 180) / 360 * n), int(y)


def tile_degrees(z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """West, south, east, north of a tile."""
    n = 2**z
    top, bottom = (
        float(np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * row / n))))) for row in (y, y + 1)
    )
    return x / n * 360 - 180, bottom, (x + 1) / n * 360 - 180, top


def best(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Milliseconds, best of some rounds."""
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        found.append((time.perf_counter() - start) * 1000)
    return min(found)


def compared(name: str, ours: list[float], theirs: list[float], demand: float) -> None:
    """Print medians, 99th percentiles and their ratios."""
    a, b = np.array(ours), np.array(theirs)
    p50, p99 = np.median(a) / np.median(b), np.percentile(a, 99) / np.percentile(b, 99)
    print(
        f"{name:28} ours {np.median(a):7.3f} / {np.percentile(a, 99):7.2f} ms,"
        f" theirs {np.median(b):7.3f} / {np.percentile(b, 99):7.2f} ms,"
        f" ratio p50 {p50:.2f} p99 {p99:.2f} (demand <= {demand})"
    )


def flat_postgis(url: str, frame: gpd.GeoDataFrame) -> psycopg.Connection:
    """The same rows in one flat table with GiST."""
    connection = psycopg.connect(url, autocommit=True)
    columns = [name for name in frame.columns if name != "geometry"]
    kinds = {"object": "text", "str": "text", "float64": "double precision", "int64": "bigint"}
    fields = ", ".join(f"{name} {kinds[str(frame[name].dtype)]}" for name in columns)
    connection.execute(f"CREATE TABLE flat (id bigserial PRIMARY KEY, {fields}, geom geometry)")
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY flat ({', '.join(columns)}, geom) FROM STDIN") as copy,
    ):
        wkb = shapely.to_wkb(frame.geometry.to_numpy(), hex=True)
        for row in zip(*(frame[name].tolist() for name in columns), wkb, strict=True):
            copy.write_row(row)
    connection.execute("UPDATE flat SET geom = ST_SetSRID(geom, 4547)")
    connection.execute("CREATE INDEX ON flat USING gist (geom)")
    connection.execute("VACUUM ANALYZE flat")
    return connection


MVT = """SELECT ST_AsMVT(t, 'land_use', 4096, 'geom', 'id') FROM (
    SELECT id, id AS oid, class, name, function, r, g, b,
        ST_AsMVTGeom(ST_Transform(geom, 3857), ST_TileEnvelope(%s, %s, %s), 4096, 64, true) AS geom
    FROM flat WHERE geom && ST_Transform(ST_TileEnvelope(%s, %s, %s), 4547)) AS t"""


def coloured(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """With the class and the colour that our tiles carry."""
    red, green, blue, _ = LAND_USE.palette[LAND_USE.of(frame["function"].tolist())].T.astype(int)
    return frame.assign(**{"class": "LandUse"}, r=red, g=green, b=blue)


def main() -> None:
    """Print the ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    frame = buildings(count)
    frame["name"] = [f"No. {i % 999}" if i % 4 == 0 else None for i in range(count)]
    rng = np.random.default_rng(7)
    centres = shapely.get_coordinates(shapely.centroid(frame.geometry.to_numpy()))
    with tempfile.TemporaryDirectory() as folder, postgis.cluster() as cluster:
        store = create_city(f"{folder}/city", CRS)
        load(store, frame)
        peer = flat_postgis(cluster.create_database(), coloured(frame))
        lon, lat = geodesy.transform(CRS, geodesy.WGS84, centres[:, 0], centres[:, 1])
        for z in (14, 15, 16):
            ours, theirs, rows = [], [], 0
            for at in rng.integers(0, count, BOXES):
                x, y = tile_at(lon[at], lat[at], z)
                box = geodesy.bounds_between(geodesy.WGS84, CRS, tile_degrees(z, x, y))
                ours.append(best(lambda b=box: store.rows(b, ("building",))))
                sql = (
                    "SELECT id, ST_AsBinary(geom), height, storeys_above_ground, function,"
                    " object_id, owner, structure, area, people, year FROM flat"
                    " WHERE geom && ST_MakeEnvelope(%s, %s, %s, %s, 4547)"
                )
                theirs.append(best(lambda b=box, s=sql: decoded(peer, s, b)))
                rows += len(store.rows(box, ("building",)))
            compared(f"box z{z} ({rows // BOXES} rows)", ours, theirs, 1.0)
        by_number(store, Path(folder), count)
        flat = create_city(f"{folder}/flat", CRS)
        load(flat, frame, class_name="LandUse")
        vector_tiles(flat, peer, (lon, lat))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB (with the input frame)")


def decoded(peer: psycopg.Connection, sql: str, box: tuple[float, ...]) -> object:
    """Rows with geometries, as `Store.rows` gives them."""
    rows = peer.execute(sql.encode(), box, binary=True).fetchall()
    return shapely.from_wkb([row[1] for row in rows])


def by_number(store: Store, folder: Path, count: int) -> None:
    """One object by its number against a bare read by primary key."""
    bare = sqlite3.connect(folder / "city" / "city.sqlite")
    numbers = np.random.default_rng(3).integers(1, count, 3000).tolist()
    ours, theirs = [], []
    for number in numbers:
        theirs.append(
            best(
                lambda n=number: bare.execute(
                    "SELECT * FROM city_object WHERE oid = ?", (n,)
                ).fetchone()
            )
        )
        ours.append(best(lambda n=number: store.stored(n)))
    compared("object by number", ours, theirs, 2.0)
    bare.close()


def drawn(store: Store, at: tuple[int, int, int]) -> bytes:
    """A vector tile past the cache."""
    layer, variant = find_layer(store, "land_use", "internal")
    return layer.draw(TileRequest(store, layer, TileAddress(*at), None, "secret", variant))


def vector_tiles(store: Store, peer: psycopg.Connection, places: tuple[object, object]) -> None:
    """Vector tiles of the footprints, as land use, against ST_AsMVT."""
    lon, lat = (np.asarray(each) for each in places)
    for z in (14, 15, 16):
        times: dict[str, list[float]] = {"ours": [], "theirs": []}
        features = {"ours": 0, "theirs": 0}
        for at in np.random.default_rng(5).integers(0, len(lon), TILES):
            x, y = tile_at(float(lon[at]), float(lat[at]), z)
            works = {
                "ours": lambda t=(z, x, y): drawn(store, t),
                "theirs": lambda t=(z, x, y): peer.execute(MVT, (*t, *t), binary=True).fetchall(),
            }
            rounds = [
                {name: best(work, 1) for name, work in works.items()} for _ in range(TILE_ROUNDS)
            ]
            for name in works:
                times[name].append(min(each[name] for each in rounds))
            ((theirs,),) = works["theirs"]()
            features["ours"] += features_in(works["ours"]())
            features["theirs"] += features_in(theirs)
        sizes = ", ".join(f"{name} {number / TILES:.1f}" for name, number in features.items())
        compared(f"vector tile z{z}", times["ours"], times["theirs"], 1.2)
        print(f"{'':28} features: {sizes}")


def features_in(body: bytes) -> int:
    """Features in a vector tile."""
    layers = mapbox_vector_tile.decode(body) if body else {}
    return sum(len(each["features"]) for each in layers.values())


if __name__ == "__main__":
    main()
