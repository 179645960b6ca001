"""The traffic of the end-to-end benchmark: two webhooks for each generation, and the delivery that follows each."""

from collections import Counter, deque
from collections.abc import Callable
from time import perf_counter

from arrivals.lab.bench.eachlabs import COMPLETED, PROCESSING
from arrivals.lab.bench.environment import Stage
from arrivals.lab.bench.load import OK, Job
from arrivals.lab.bench.raw_servers import Receiver

ANNOUNCED = {b"generation.processing": PROCESSING, b"generation.completed": COMPLETED}  # type of an event: webhook

Key = tuple[str, str]  # external id, the webhook's word


class Traffic:
    """Sends as fast as it is let, with at most `window` events announced and not delivered yet.

    A generation's second webhook is sent when its first was answered, so the service surely stored them in that order.
    """

    def __init__(self, stage: Stage, window: int) -> None:
        self.receiver = Receiver(on_delivery=self._delivered)
        self.sent: dict[Key, float] = {}
        self.acknowledged: set[Key] = set()
        self.delivered: Counter[Key] = Counter()
        self.latencies_s: list[float] = []
        self.errors = 0
        self.until = 0.0
        self.wake: Callable[[], None] = lambda: None
        self._stage, self._window = stage, window
        self._next = 0  # of the generations that were ordered
        self._second: deque[tuple[str, str]] = deque()

    def take(self) -> Job | None:
        """Returns the next webhook, if there is room for what it causes."""
        if perf_counter() >= self.until or len(self.sent) - self.errors - len(self.delivered) >= self._window:
            return None
        ordered = self._stage.provider.callbacks
        if self._second and (len(self._second) > self._window // 2 or self._next >= len(ordered)):
            (external_id, url), word = self._second.popleft(), COMPLETED
        elif self._next < len(ordered):
            (external_id, url), word = ordered[self._next], PROCESSING
            self._next += 1
        else:
            return None
        key = (external_id, word)
        self.sent[key] = perf_counter()
        return (key, url), self._stage.webhook(external_id, url, word)

    def answered(self, job: tuple[Key, str], status: int, _sent_at: float, _now: float) -> None:
        """Notes the answer to a webhook."""
        key, url = job
        if not OK <= status < OK + 100:
            self.errors += 1
            return
        self.acknowledged.add(key)
        if key[1] == PROCESSING:
            self._second.append((key[0], url))

    @property
    def lost(self) -> int:
        """The number of webhooks that were acknowledged and never delivered."""
        return len(self.acknowledged - self.delivered.keys())

    @property
    def doubled(self) -> int:
        """The number of repeated deliveries, under the same name or another."""
        return self.delivered.total() - len(self.delivered)

    @property
    def used_up(self) -> bool:
        """True when every generation that was ordered is completed."""
        return self._next >= len(self._stage.provider.callbacks) and not self._second

    def _delivered(self, body: bytes, now: float) -> None:
        key = (_between(body, b'"external_id":"').decode(), ANNOUNCED[_between(body, b'"type":"')])
        self.delivered[key] += 1
        if self.delivered[key] == 1 and key in self.sent:
            self.latencies_s.append(now - self.sent[key])
        self.wake()


def _between(body: bytes, name: bytes) -> bytes:
    begin = body.index(name) + len(name)
    return body[begin : body.index(b'"', begin)]
