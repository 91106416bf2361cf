"""Every analysis of a city, by name."""

from typing import Final

from cim.analyses.emergency.still_water import still_water
from cim.analyses.planning.building_heights import building_heights
from cim.analyses.planning.building_stock import building_stock
from cim.analyses.planning.land_change import land_change
from cim.analyses.planning.spectral_index import spectral_index
from cim.analyses.underground.cover_depth import cover_depth
from cim.analysis import Analysis
from cim.declare import Catalogue

ANALYSES: Final[Catalogue[Analysis]] = Catalogue(
    "analysis",
    (building_stock, building_heights, spectral_index, land_change, still_water, cover_depth),
)
