"""Where a hub stands is said once, and what cannot be a place is refused in one sentence."""

import pytest
from sos_gateway.cli import app
from sos_gateway.errors import Conflict
from typer.testing import CliRunner


@pytest.fixture
def run(database_url, monkeypatch):
    monkeypatch.setenv("SOCORS_DATABASE_URL", database_url)

    def command(*words):
        done = CliRunner().invoke(app, ["hubs", *words])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.output

    return command


def test_a_hub_is_placed_in_the_town_its_position_lies_in_and_listed_there(run):
    said = run("place", "kitchen", "--lat", "41.3544", "--lon", "2.0710", "--where", "Carrer Major 3")
    assert "Cornellà" in said
    assert "Carrer Major 3" in run("list")
    assert "never heard" in run("list")


@pytest.mark.parametrize(("lat", "lon"), [("0", "0"), ("91", "2"), ("41", "181")])
def test_what_cannot_be_a_place_is_refused_with_an_example(run, lat, lon):
    with pytest.raises(Conflict, match=r"--lat 41\.3544"):
        run("place", "kitchen", "--lat", lat, "--lon", lon, "--where", "nowhere")
