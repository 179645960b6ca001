"""Whatever the bytes, a reader answers within its contract. `python -m tests.attack` goes on where this ends."""

from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st
import pytest

from arrivals.providers.catalog import PROVIDERS
from tests.attack.readers import ASKING, READINGS, adapter_fields
from tests.attack.strategies import hostile
from tests.attack.targets import TARGETS

pytestmark = pytest.mark.timeout(60)
# The same inputs in every run: what chance finds is for the long command, which says how to repeat it.
SAME = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=40,
    suppress_health_check=[*HealthCheck],
    print_blob=False,
)
GROUPS = {}
for _name, _target in TARGETS.items():
    _kind = _name.split("/")[0] if "/" in _name and " " not in _name else _name.split(" ")[0]
    GROUPS.setdefault(_kind, []).append(_target)


def test_every_reader_of_a_dialect_is_a_target():
    assert adapter_fields() == {*READINGS, *ASKING}
    readers = {
        f"{name}/{route.name}/{reads}"
        for name, provider in PROVIDERS.items()
        for route in provider.ROUTES
        for field, (reads, _) in READINGS.items()
        if getattr(route.adapter, field) is not None
    }
    assert readers <= TARGETS.keys()


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_what_is_really_sent_is_taken(target):
    assert target.seeds
    for seed in target.seeds:
        target.eat(seed)


@pytest.mark.parametrize("kind", GROUPS)
def test_hostile_bytes_are_answered_within_the_contract(kind):
    @SAME
    @for_all(st.data())
    def eats(draw):
        target = draw.draw(st.sampled_from(GROUPS[kind]))
        target.eat(draw.draw(hostile(target.seeds)))

    eats()
