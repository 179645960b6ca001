"""The knowledge of a process of durations and of webhooks: in memory, from the database and its own.

Nothing here is waited for. What another process learned is read in now and then; what is learned here is used at once
and written soon after (learn.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from arrivals.core.asking import Load, Question
from arrivals.core.cadence import Cadence
from arrivals.core.durations import Durations
from arrivals.core.forecast import Forecast, forecast
from arrivals.core.generation import Generation
from arrivals.core.inspection import NO_WEBHOOKS
from arrivals.core.lessons import DurationLesson, Lesson, WebhookLesson, WebhookRecord
from arrivals.core.wire import Micros
from arrivals.providers.contract import Route
from arrivals.store.accounts import AccountKey
from arrivals.store.learned import MAX_SKETCHES, Kind

NOTHING = Durations()
ANY_SIZE = ""


@dataclass(slots=True)
class Knowledge:
    """Sketches, records and loads, by what they are about. The forecasts made of them are kept until one changes.

    `read_at`: when the database was last read.
    """

    durations: dict[Kind, Durations] = field(default_factory=dict)
    webhooks: dict[AccountKey, WebhookRecord] = field(default_factory=dict)
    loads: dict[AccountKey, Load] = field(default_factory=dict)
    weighed_at: dict[AccountKey, Micros] = field(default_factory=dict)
    read_at: Micros = 0
    _forecasts: dict[tuple[str, Kind], Forecast] = field(default_factory=dict)

    def question(self, generation: Generation, route: Route, cadence: Cadence, *, webhook: bool) -> Question:
        """Everything that decides when to ask about a generation. `webhook`: one is expected."""
        account = (generation.provider, generation.account)
        record = self.webhooks.get(account) or WebhookRecord()
        return Question(
            expected=self.forecast(generation, route),
            load=self.loads.get(account) or Load(),
            webhooks=record.habits if webhook else NO_WEBHOOKS,
            floor_s=route.poll_every_s,
            cap_s=cadence.poll_max_s,
        )

    def forecast(self, generation: Generation, route: Route) -> Forecast:
        """How long such work takes: as documented, as its model did, as orders of its size did."""
        kind = (generation.provider, generation.model, generation.order_size)
        key = (route.name, kind)
        if key not in self._forecasts:
            if len(self._forecasts) >= MAX_SKETCHES:
                self._forecasts.clear()
            kinds = dict.fromkeys(((*kind[:2], ANY_SIZE), kind))
            seen = [self.durations.get(each, NOTHING) for each in kinds]
            usual, longest_s = route.usual_duration_of(generation.model), route.max_duration_of(generation.model)
            self._forecasts[key] = forecast(usual, longest_s, seen)
        return self._forecasts[key]

    def crowd(self, account: AccountKey, *, crowded: bool) -> None:
        """Notes whether orders wait for a place of the account."""
        self.loads[account] = replace(self.loads.get(account) or Load(), crowded=crowded)

    def weigh(self, account: AccountKey, in_flight: int, rate_per_s: float, now: Micros) -> None:
        """Notes how many share the requests of an account."""
        load = self.loads.get(account) or Load()
        self.loads[account] = replace(load, in_flight=in_flight, rate_per_s=rate_per_s)
        self.weighed_at[account] = now

    def learn(self, lessons: Iterable[Lesson]) -> None:
        """Learns from what ended here."""
        for lesson in lessons:
            if isinstance(lesson, WebhookLesson):
                account = (lesson.provider, lesson.account)
                record = self.webhooks.get(account) or WebhookRecord()
                self.webhooks[account] = record.with_lesson(lesson)
            else:
                for kind in kinds_of(lesson):
                    sketch = self.durations.get(kind, NOTHING).with_duration(lesson.low_s, lesson.high_s)
                    self.read_in({kind: sketch}, {})

    def read_in(self, durations: Mapping[Kind, Durations], webhooks: Mapping[AccountKey, WebhookRecord]) -> None:
        """Takes over what the database has."""
        self.durations.update(durations)
        self.webhooks.update(webhooks)
        for kind in [*self.durations][: max(0, len(self.durations) - MAX_SKETCHES)]:
            del self.durations[kind]
        changed = {kind[:2] for kind in durations}
        for key in [key for key in self._forecasts if key[1][:2] in changed]:
            del self._forecasts[key]


def kinds_of(lesson: DurationLesson) -> dict[Kind, None]:
    """The kinds of work that a duration is one of."""
    model = (lesson.provider, lesson.model)
    return dict.fromkeys(((*model, ANY_SIZE), (*model, lesson.order_size)))
