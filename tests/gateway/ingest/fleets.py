"""Fleets for tests: random devices, their table, and frames they seal."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psycopg
from sos_gateway.ingest import alias_bench, alias_table
from sos_gateway.ingest.alias_builder import Builder
from sos_gateway.ingest.aliases import Resolver
from sos_gateway.keys.wrapping import Wrapper
from sos_wire import frame as wire
from sos_wire import kinds
from sos_wire.seal import CLOCK_MODE, Keys

NOW = datetime(2026, 11, 24, 12, 7, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
PERIOD = NOW_S // kinds.ALIAS_PERIOD_S


def seal(secret, mode, index, seq=1, kind=kinds.HEARTBEAT):
    keys = Keys(bytes(secret))
    body = wire.encode_short(wire.short(1, seq, kind))
    return keys.seal_up(keys.alias(mode, index), kinds.FORM_SHORT, body)


class Built:
    """Some devices, a builder that keeps its work, and a resolver that maps its tables."""

    def __init__(self, folder: Path, size: int, processes: int = 1):
        folder.mkdir(mode=0o700, exist_ok=True)
        self.folder = folder
        self.wrapper = Wrapper(os.urandom(32))
        self.rows, self.secrets = alias_bench.random_rows(size, self.wrapper)
        self.builder = Builder(folder, self.wrapper, "test", processes)
        self.resolver = Resolver(self.wrapper.unwrap)
        self.hashed = 0

    def build(self, now_s=NOW_S, found=()):
        """Build and map; return how many aliases had to be hashed."""
        counted = []

        def progress(done, total):
            if done == total:
                counted.append(total)

        self.builder.build(replace(self.rows), now_s, now_s, found, progress)
        self.use()
        return sum(counted)

    def use(self):
        table = alias_table.load(self.folder, "test")
        assert table is not None
        self.resolver.use(self.resolver.prepared(table))

    def add(self, size):
        """Register more devices, numbered after the others."""
        more, secrets = alias_bench.random_rows(size, self.wrapper, first=int(self.rows.numbers[-1]) + 1)
        for column in ("numbers", "secrets", "clock_set", "heard", "recovery"):
            joined = np.concatenate([getattr(self.rows, column), getattr(more, column)])
            setattr(self.rows, column, joined)
        self.secrets = np.concatenate([self.secrets, secrets])

    def seal(self, row, mode=CLOCK_MODE, index=PERIOD):
        return seal(self.secrets[row], mode, index)

    def opens(self, row, mode=CLOCK_MODE, index=PERIOD, now=NOW):
        opened = self.resolver.open(self.seal(row, mode, index), now)
        return opened is not None and (opened.device, opened.mode, opened.index) == (row + 1, mode, index)


def register(url, wrapper, first, count):
    """Put devices into the database; return their secrets by number."""
    secrets = {number: os.urandom(32) for number in range(first, first + count)}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO town (ine, name) VALUES ('08073', 'Cornellà') ON CONFLICT DO NOTHING")
        row = connection.execute(
            "INSERT INTO wearer (name, home_town) VALUES ('x', '08073') RETURNING id"
        ).fetchone()
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO device (number, wearer_id, secret, created_at) VALUES (%s, %s, %s, now())",
                [(number, row[0], wrapper.wrap(number, secret)) for number, secret in secrets.items()],
            )
    return secrets
