"""The knowledge of a process is bounded, and forgotten from its oldest end."""

from arrivals.core.durations import Durations
from arrivals.core.lessons import DurationLesson
from arrivals.flow import knowledge as room
from arrivals.flow.knowledge import Knowledge
from arrivals.providers.catalog import PROVIDERS
from tests.support.examples import generation


def lesson(model):
    return DurationLesson(provider="eachlabs", model=model, order_size="", low_s=40, high_s=40)


def test_the_sketches_that_were_learned_first_are_forgotten(monkeypatch):
    monkeypatch.setattr(room, "MAX_SKETCHES", 3)
    knowledge = Knowledge()
    knowledge.learn(lesson(f"model-{number}") for number in range(5))

    assert ["model-2", "model-3", "model-4"] == [model for _, model, _ in knowledge.durations]


def test_forecasts_are_kept_until_their_model_is_learned_about_and_no_more_than_so_many(monkeypatch):
    monkeypatch.setattr(room, "MAX_SKETCHES", 2)
    knowledge, ordered = (
        Knowledge(),
        [generation(provider="eachlabs", route="predictions", model=f"m{number}") for number in range(3)],
    )
    (route,) = [route for route in PROVIDERS["eachlabs"].ROUTES if route.name == "predictions"]
    first = knowledge.forecast(ordered[0], route)

    assert first is knowledge.forecast(ordered[0], route)
    knowledge.read_in({("eachlabs", "m1", ""): Durations(weights={50: 3.0})}, {})
    assert first is knowledge.forecast(ordered[0], route)
    knowledge.learn([lesson("m0")])
    assert first != knowledge.forecast(ordered[0], route)
    again = [knowledge.forecast(each, route) for each in ordered]
    assert again[0] is not knowledge.forecast(ordered[0], route)
