"""Which town a point belongs to: a known place in each of the 36 towns, and places outside all of them."""

import random

import pytest
from shapely.geometry import Point
from sos_gateway.domain.jurisdiction import distance_m, metropolitan

# The middle of each town, in degrees, from general maps.
TOWNS = {
    "Badalona": (41.4500, 2.2475),
    "Badia del Vallès": (41.5083, 2.1139),
    "Barberà del Vallès": (41.5158, 2.1247),
    "Barcelona": (41.3826, 2.1769),
    "Begues": (41.3313, 1.9255),
    "Castellbisbal": (41.4767, 1.9817),
    "Castelldefels": (41.2800, 1.9767),
    "Cerdanyola del Vallès": (41.4911, 2.1408),
    "Cervelló": (41.3953, 1.9578),
    "Corbera de Llobregat": (41.4172, 1.9286),
    "Cornellà de Llobregat": (41.3550, 2.0700),
    "El Papiol": (41.4389, 2.0111),
    "El Prat de Llobregat": (41.3267, 2.0947),
    "Esplugues de Llobregat": (41.3767, 2.0883),
    "Gavà": (41.3058, 2.0013),
    "L'Hospitalet de Llobregat": (41.3597, 2.0997),
    "La Palma de Cervelló": (41.4147, 1.9697),
    "Molins de Rei": (41.4139, 2.0158),
    "Montcada i Reixac": (41.4833, 2.1875),
    "Montgat": (41.4667, 2.2792),
    "Pallejà": (41.4239, 1.9978),
    "Ripollet": (41.4969, 2.1575),
    "Sant Adrià de Besòs": (41.4303, 2.2186),
    "Sant Andreu de la Barca": (41.4467, 1.9778),
    "Sant Boi de Llobregat": (41.3436, 2.0361),
    "Sant Climent de Llobregat": (41.3386, 1.9969),
    "Sant Cugat del Vallès": (41.4722, 2.0853),
    "Sant Feliu de Llobregat": (41.3811, 2.0450),
    "Sant Joan Despí": (41.3675, 2.0570),
    "Sant Just Desvern": (41.3825, 2.0750),
    "Sant Vicenç dels Horts": (41.3933, 2.0097),
    "Santa Coloma de Cervelló": (41.3675, 2.0147),
    "Santa Coloma de Gramenet": (41.4515, 2.2080),
    "Tiana": (41.4828, 2.2672),
    "Torrelles de Llobregat": (41.3569, 1.9811),
    "Viladecans": (41.3158, 2.0194),
}


def town_at(lat, lon):
    towns = metropolitan()
    return towns.names[towns.town_of(round(lat * 1e7), round(lon * 1e7))]


def test_every_one_of_the_36_towns_has_a_known_place():
    assert sorted(TOWNS) == sorted(metropolitan().names.values())


@pytest.mark.parametrize("name", TOWNS)
def test_a_known_place_belongs_to_its_town(name):
    assert town_at(*TOWNS[name]) == name


@pytest.mark.parametrize(
    ("place", "lat", "lon", "name"),
    [
        ("a swimmer off the beach", 41.2580, 1.9700, "Castelldefels"),
        ("the sea before the Barceloneta", 41.3700, 2.2200, "Barcelona"),
        ("Sabadell, which is not of the area", 41.5463, 2.1086, "Barberà del Vallès"),
    ],
)
def test_a_place_outside_all_towns_belongs_to_the_nearest(place, lat, lon, name):
    assert town_at(lat, lon) == name


def test_nearest_means_nearest_on_the_ground_and_not_in_degrees():
    towns, draw = metropolitan(), random.Random(1)
    outside = 0
    while outside < 60:
        lat, lon = draw.uniform(41.15, 41.60), draw.uniform(1.80, 2.40)
        here = Point(lon * towns.LON_SCALE, lat)
        far = sorted((here.distance(shape), code) for code, shape in towns.shapes.items())
        if far[0][0] == 0 or far[1][0] - far[0][0] < 1e-6:
            continue
        outside += 1
        assert towns.town_of(round(lat * 1e7), round(lon * 1e7)) == far[0][1]
    # One degree of longitude is shorter here than one of latitude, as the scale says.
    across = distance_m((414_000_000, 20_000_000), (414_000_000, 30_000_000))
    along = distance_m((410_000_000, 20_000_000), (420_000_000, 20_000_000))
    assert across / along == pytest.approx(towns.LON_SCALE, abs=0.005)
