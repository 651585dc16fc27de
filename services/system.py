"""The running system: what every service needs, opened once per process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.orm import Session

from config import Settings
from jobs import ledger
from jobs.carrier import Carrier, open_carrier
from media.staging import Staging
from models.base import Database
from storage.service import AppStorageService, open_storage


@dataclass(frozen=True, slots=True)
class System:
    """Settings, database, storage, staging and the job carrier of one process."""

    settings: Settings
    database: Database
    storage: AppStorageService
    staging: Staging
    carrier: Carrier

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One database transaction; workers are rung for the jobs enqueued in it after its commit."""
        with self.database.write() as session:
            yield session
        self.carrier.ring(ledger.enqueued_in(session))

    def close(self) -> None:
        self.carrier.close()
        self.staging.close()
        self.database.close()


def open_system(settings: Settings) -> System:
    """Opens what a process needs; nothing is contacted but the folders of the settings."""
    for folder in (settings.media_location, settings.staging_location, *settings.database_folders):
        folder.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database_url)
    return System(
        settings=settings,
        database=database,
        storage=open_storage(settings),
        staging=Staging(settings.staging_location, settings.staging_cache_bytes),
        carrier=open_carrier(settings),
    )
