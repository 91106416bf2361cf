"""What a process that reads uploaded files may not do. It imports nothing heavy: GDAL comes after.

GDAL tells formats by content, whatever a file is called, and some of its formats only point at
other files, databases or addresses. An upload must not make the server read those for a stranger.
"""

import os
from typing import Final

POINTING_DRIVERS: Final = (
    "VRT", "OGR_VRT", "GTI", "Derived", "WMS", "WMTS", "WCS", "WFS", "OAPIF", "OGCAPI", "CSW",
    "HTTP", "STACIT", "STACTA", "DAAS", "PLMOSAIC", "PLSCENES", "EEDA", "EEDAI", "NGW", "RASDAMAN",
    "PostgreSQL", "PostGISRaster", "MySQL", "MSSQLSpatial", "ODBC", "PGeo", "OCI", "GeoRaster",
    "HANA", "Carto", "AmigoCloud", "Elasticsearch", "MongoDBv3", "ADBC", "GMLAS", "Interlis 1",
    "Interlis 2", "SQLite",
)  # fmt: skip
"""GDAL's formats that lead elsewhere. GeoPackage is a driver of its own and stays."""

SETTINGS: Final = {
    "GDAL_SKIP": ",".join(POINTING_DRIVERS),
    "OGR_SKIP": ",".join(POINTING_DRIVERS),
    "GML_DOWNLOAD_SCHEMA": "NO",
    "GML_SKIP_RESOLVE_ELEMS": "ALL",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".nothing",
    "GDAL_HTTP_PROXY": "127.0.0.1:9",
    "GDAL_DISABLE_READDIR_ON_OPEN": "FALSE",
    "PROJ_NETWORK": "OFF",
    "CPL_LOG": os.devnull,  # else it complains about each driver above that it does not have
}
"""Environment of a process that reads uploads, set before it imports anything that reads files."""
