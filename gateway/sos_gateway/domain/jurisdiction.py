"""Which town an emergency belongs to: point in polygon, the nearest town when it falls outside all of them."""

import json
import math
from functools import lru_cache
from importlib.resources import files
from typing import Any

from shapely import STRtree
from shapely.affinity import scale
from shapely.geometry import Point, shape

EARTH_RADIUS_M = 6_371_000


class Jurisdiction:
    """The municipalities and their boundaries."""

    # At 41.4° north a degree of longitude is this much of a degree of latitude; without it, "nearest" favours
    # what lies north or south.
    LON_SCALE = math.cos(math.radians(41.4))

    def __init__(self, geojson: dict[str, Any]) -> None:
        features = geojson["features"]
        self.names = {f["properties"]["ine"]: f["properties"]["name"] for f in features}
        self.shapes = {
            f["properties"]["ine"]: scale(shape(f["geometry"]), self.LON_SCALE, 1.0, origin=(0, 0))
            for f in features
        }
        self._codes = list(self.shapes)
        self._tree = STRtree(list(self.shapes.values()))

    def town_of(self, lat_e7: int, lon_e7: int) -> str:
        """Return the INE code of the town a point lies in, or of the nearest one."""
        point = Point(lon_e7 / 1e7 * self.LON_SCALE, lat_e7 / 1e7)
        inside = self._tree.query(point, predicate="intersects")
        # Boundaries are generalised, so a point may lie in two: always the same one of them.
        index = min(inside) if len(inside) else self._tree.nearest(point)
        return self._codes[int(index)]


def distance_m(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Return the distance of two (lat_e7, lon_e7) on a sphere, good to 0.5 %."""
    lat1, lon1, lat2, lon2 = (math.radians(value / 1e7) for value in (*one, *other))
    half = (
        math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(half))


@lru_cache(maxsize=1)
def metropolitan() -> Jurisdiction:
    """Return the 36 municipalities of the Barcelona metropolitan area."""
    text = (files("sos_gateway") / "data" / "amb-municipalities.geojson").read_text(encoding="utf-8")
    return Jurisdiction(json.loads(text))
