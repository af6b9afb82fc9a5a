"""Real services for the gateway's tests: one PostgreSQL for the session, a fresh database for every test."""

import shutil
import tempfile
from itertools import count
from pathlib import Path

import pytest
from sos_gateway.services import mosquitto
from sos_gateway.services.postgres import PostgresService
from sos_gateway.store.migrate import migrate

_TEMPLATE = "socors_template"


@pytest.fixture(scope="session")
def postgres():
    folder = Path(tempfile.mkdtemp(prefix="socors-test-"))
    with PostgresService(folder / "pg") as service:
        migrate(service.create_database(_TEMPLATE))
        yield service
    shutil.rmtree(folder, ignore_errors=True)


_numbers = count(1)


@pytest.fixture
def database_url(postgres):
    """A database of this test's own, with every migration run."""
    name = f"test_{next(_numbers)}"
    yield postgres.create_database(name, _TEMPLATE)
    postgres.drop_database(name)


@pytest.fixture
def broker(mosquitto_needed, tmp_path):
    """A real mosquitto with TLS and the generated rights; users are added by the test."""
    with mosquitto.MosquittoService(tmp_path / "broker") as service:
        yield service
