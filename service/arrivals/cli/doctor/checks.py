"""Every check of the doctor, in the order of what depends on what."""

from collections.abc import Iterator
import os

from arrivals.cli.doctor.backup import backup
from arrivals.cli.doctor.breakers import breakers
from arrivals.cli.doctor.clock import against_database
from arrivals.cli.doctor.disk import disk
from arrivals.cli.doctor.local import Check, database, settings_readable
from arrivals.cli.doctor.network import providers, public_url
from arrivals.cli.doctor.service import service_and_subscribers
from arrivals.cli.doctor.stored import read_diagnosis
from arrivals.cli.doctor.webhooks import webhooks
from arrivals.cli.doctor.workers import due_work


def every_check(url: str | None, key: str | None) -> Iterator[Check]:
    """The checks, as they are made; without readable settings there is nothing more to look at."""
    settings, check = settings_readable(os.environ)
    yield check
    if settings is None:
        return
    yield from database(settings)
    diagnosis = read_diagnosis(settings)
    if diagnosis is not None:
        yield from disk(settings, diagnosis)
        yield from backup(settings, diagnosis)
        yield from against_database(settings, diagnosis)
        yield from due_work(diagnosis)
        yield from webhooks(diagnosis)
        yield from breakers(diagnosis)
    yield from service_and_subscribers(settings, url, key)
    yield from public_url(settings)
    yield from providers(settings)
