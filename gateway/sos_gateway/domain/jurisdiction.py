"""Which town an emergency belongs to: point in polygon, the nearest town when it falls outside all of them."""

import json
import math
from functools import lru_cache
from importlib.resources import files

from shapely import STRtree
from shapely.geometry import Point, shape

EARTH_RADIUS_M = 6_371_000


class Jurisdiction:
    """The municipalities and their boundaries."""

    def __init__(self, geojson: dict) -> None:
        self.names = {f["properties"]["ine"]: f["properties"]["name"] for f in geojson["features"]}
        self._codes = [f["properties"]["ine"] for f in geojson["features"]]
        self._shapes = [shape(f["geometry"]) for f in geojson["features"]]
        self._tree = STRtree(self._shapes)

    def town_of(self, lat_e7: int, lon_e7: int) -> str:
        """Return the INE code of the town a point lies in, or of the nearest one."""
        point = Point(lon_e7 / 1e7, lat_e7 / 1e7)
        inside = self._tree.query(point, predicate="intersects")
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
    text = (files("sos_gateway") / "data" / "amb-municipalities.geojson").read_text()
    return Jurisdiction(json.loads(text))
