"""The store's tables as SQL, the same for both databases but for a few type names."""

from typing import Final

FORMAT: Final = 3
"""Raised whenever an older version of this code would misread a store; see `migrating`."""

OBJECT_FIELDS: Final = (
    "oid",
    "dataset_id",
    "object_id",
    "class",
    "rank",
    "name",
    "parent_id",
    "status",
    "function",
    "height",
    "ground_height",
    "storeys_above_ground",
    "storeys_below_ground",
    "lod",
    "valid_from",
    "valid_to",
    "access",
    "cim_level",
    "version",
    "load_id",
    "digest",
    "geometry",
    "attributes",
)
"""Columns of ``city_object``, in the order in which rows are written."""

_OBJECT = """
    dataset_id INTEGER NOT NULL,
    object_id TEXT NOT NULL,
    class INTEGER NOT NULL,
    rank SMALLINT NOT NULL,
    name TEXT,
    parent_id TEXT,
    status SMALLINT,
    function TEXT,
    height DOUBLE PRECISION,
    ground_height DOUBLE PRECISION,
    storeys_above_ground INTEGER,
    storeys_below_ground INTEGER,
    lod TEXT,
    valid_from TEXT,
    valid_to TEXT,
    access SMALLINT NOT NULL,
    cim_level SMALLINT NOT NULL,
    version INTEGER NOT NULL,
    load_id INTEGER NOT NULL,
    digest BIGINT NOT NULL,
    geometry {geometry},
    attributes {json}
"""

SERIES_TABLES: Final = (
    """CREATE TABLE datastream (
    id INTEGER PRIMARY KEY,
    number INTEGER NOT NULL,
    dataset_id INTEGER NOT NULL,
    datastream_id TEXT NOT NULL,
    observed_property TEXT NOT NULL,
    unit TEXT NOT NULL,
    object_id TEXT NOT NULL,
    object_dataset TEXT NOT NULL,
    title TEXT NOT NULL,
    info TEXT NOT NULL,
    access SMALLINT NOT NULL,
    load_id INTEGER NOT NULL,
    closed_by INTEGER
)""",
    """CREATE TABLE observation (
    number INTEGER NOT NULL,
    load_id INTEGER NOT NULL,
    closed_by INTEGER,
    first BIGINT NOT NULL,
    last BIGINT NOT NULL,
    count INTEGER NOT NULL,
    digest BIGINT NOT NULL,
    body {blob} NOT NULL
)""",
    "CREATE INDEX datastream_number ON datastream (number)",
    "CREATE INDEX datastream_object ON datastream (object_id)",
    "CREATE INDEX observation_key ON observation (number, first)",
)
"""Tables and indexes of time series."""

TABLES: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE dataset (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    info TEXT NOT NULL
)""",
    """CREATE TABLE load (
    id INTEGER PRIMARY KEY,
    dataset_id INTEGER NOT NULL REFERENCES dataset (id),
    status TEXT NOT NULL,
    file TEXT NOT NULL,
    recorded TEXT NOT NULL,
    actor TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    info TEXT NOT NULL,
    report TEXT NOT NULL
)""",
    "CREATE TABLE city_object (oid {key}," + _OBJECT + ")",
    "CREATE TABLE city_object_history (hid {key}, oid BIGINT NOT NULL,"
    + _OBJECT
    + ", closed_by INTEGER NOT NULL)",
    """CREATE TABLE mesh (
    oid BIGINT NOT NULL,
    version INTEGER NOT NULL,
    lod TEXT NOT NULL,
    kind TEXT NOT NULL,
    closed SMALLINT,
    volume DOUBLE PRECISION,
    parts TEXT,
    body {blob} NOT NULL
)""",
    """CREATE TABLE network_edge (
    oid BIGINT NOT NULL,
    version INTEGER NOT NULL,
    network TEXT NOT NULL,
    start_node TEXT NOT NULL,
    end_node TEXT NOT NULL,
    length DOUBLE PRECISION NOT NULL
)""",
    """CREATE TABLE network_node (
    dataset_id INTEGER NOT NULL,
    network TEXT NOT NULL,
    node_id TEXT NOT NULL,
    x DOUBLE PRECISION NOT NULL,
    y DOUBLE PRECISION NOT NULL,
    z DOUBLE PRECISION,
    object_id TEXT,
    load_id INTEGER NOT NULL,
    closed_by INTEGER
)""",
    """CREATE TABLE coverage (
    id INTEGER PRIMARY KEY,
    dataset_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    info TEXT NOT NULL,
    valid_from TEXT,
    load_id INTEGER NOT NULL,
    closed_by INTEGER,
    access SMALLINT NOT NULL DEFAULT 0
)""",
    """CREATE TABLE class_count (
    dataset_id INTEGER NOT NULL,
    class INTEGER NOT NULL,
    access SMALLINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (dataset_id, class, access)
)""",
    """CREATE TABLE result (
    key TEXT PRIMARY KEY,
    analysis TEXT NOT NULL,
    version BIGINT NOT NULL,
    recorded TEXT NOT NULL,
    info TEXT NOT NULL
)""",
    *SERIES_TABLES,
)

OBJECT_INDEXES: Final = (
    ("object_key", "CREATE UNIQUE INDEX object_key ON city_object (dataset_id, object_id)"),
    (
        "object_parent",
        "CREATE INDEX object_parent ON city_object (dataset_id, parent_id)"
        " WHERE parent_id IS NOT NULL",
    ),
    (
        "object_name",
        "CREATE INDEX object_name ON city_object (name, access) WHERE name IS NOT NULL",
    ),
)
"""Indexes of the current objects, which a first bulk load builds at its end."""

INDEXES: Final = (
    *(sql for _, sql in OBJECT_INDEXES),
    "CREATE INDEX history_key ON city_object_history (dataset_id, object_id)",
    "CREATE INDEX history_closed ON city_object_history (closed_by)",
    "CREATE INDEX mesh_key ON mesh (oid, version)",
    "CREATE INDEX edge_key ON network_edge (oid, version)",
    "CREATE INDEX node_key ON network_node (dataset_id, network, node_id)",
    "CREATE INDEX node_object ON network_node (dataset_id, object_id)",
)

RANK_METRES: Final = (320.0, 160.0, 80.0, 40.0, 20.0, 10.0, 5.0)
"""An object's rank is how many of these its size stays below: 0 is seen from farthest."""

RANKS: Final = 8


def type_code(class_code: int, rank: int) -> int:
    """Class and rank as the one number that is the third axis of the spatial index."""
    return class_code * RANKS + rank
