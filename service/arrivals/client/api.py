"""The client: a method for each use of the service."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
import time
from types import TracebackType
from typing import Any, Self, cast

import httpx

from arrivals.client.changes import Changes
from arrivals.client.http import Http, ServiceError, Unreachable, path
from arrivals.client.models import Generation
from arrivals.client.stream import Stream

TIMEOUT_S = 30.0
LONGEST_HOLD_S = 60.0  # of one request; a longer wait is several
IDLE_S = 45.0  # three heartbeats of the stream
RETRY_WAITS_S = (0.2, 0.8, 2.0)
PAGE = 200
ENDED = frozenset({"completed", "failed", "canceled", "expired"})
SOON_BACK = frozenset({httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT})


class Client:
    """A service at `url`, with an API key. Close it, or use it in a `with` block.

    Every method raises ServiceError with the service's own words, and Unreachable when no answer came. An order is sent
    again only if it has an idempotency key.
    """

    def __init__(self, url: str, key: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._http = Http(url, key, timeout_s)

    @property
    def url(self) -> str:
        """The URL of the service."""
        return self._http.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    # ------------------------------------------------------------ generations

    def submit(  # noqa: PLR0913 - what the service takes
        self,
        provider: str,
        model: str,
        order_input: Mapping[str, Any],
        *,
        account: str | None = None,
        callback_url: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        deadline_s: float | None = None,
        idempotency_key: str | None = None,
        wait_s: float = 0,
    ) -> Generation:
        """Order a generation; as it is when it was stored, or when it ended within `wait_s` (at most 300)."""
        body = {"provider": provider, "model": model, "input": order_input}
        more = _without_none(account=account, callback_url=callback_url, metadata=metadata, deadline_s=deadline_s)
        made = self._order(path("generations"), body | more, idempotency_key, wait_s)
        return cast("Generation", made)

    def submit_bulk(  # noqa: PLR0913 - what the service takes
        self,
        provider: str,
        model: str,
        inputs: Sequence[Mapping[str, Any]],
        *,
        account: str | None = None,
        callback_url: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        deadline_s: float | None = None,
        idempotency_key: str | None = None,
    ) -> list[Generation]:
        """Order several generations of one model at once; they come in the order of their inputs."""
        body = {"provider": provider, "model": model, "inputs": inputs}
        more = _without_none(account=account, callback_url=callback_url, metadata=metadata, deadline_s=deadline_s)
        made = self._order(path("generations", "bulk"), body | more, idempotency_key, 0)
        return cast("list[Generation]", made["data"])

    def _order(self, where: str, body: Mapping[str, Any], idempotency_key: str | None, wait_s: float) -> Any:
        headers = {"prefer": f"wait={wait_s:.0f}"} if wait_s else {}
        if idempotency_key is None:
            return self._http.call("POST", where, body=body, headers=headers, wait_s=wait_s)
        headers["idempotency-key"] = idempotency_key
        for pause_s in RETRY_WAITS_S:
            try:
                return self._http.call("POST", where, body=body, headers=headers, wait_s=wait_s)
            except Unreachable:
                time.sleep(pause_s)
            except ServiceError as error:
                if error.status not in SOON_BACK:
                    raise
                time.sleep(pause_s)
        return self._http.call("POST", where, body=body, headers=headers, wait_s=wait_s)

    def generation(self, generation_id: str) -> Generation:
        """A generation as it is now."""
        return cast("Generation", self.get(path("generations", generation_id)))

    def wait(self, generation_id: str, timeout_s: float | None = None) -> Generation:
        """A generation when it has ended (`expired` is an end), or as it is after `timeout_s`; None waits forever.

        Once the service answered, it may be away for a while within the wait.
        """
        end = None if timeout_s is None else time.monotonic() + timeout_s
        generation = self.generation(generation_id)
        while generation["status"] not in ENDED:
            left = LONGEST_HOLD_S if end is None else min(LONGEST_HOLD_S, end - time.monotonic())
            if left <= 0:
                break
            try:
                where = path("generations", generation_id)
                generation = self._http.call("GET", where, params={"wait": f"{left:.3f}"}, wait_s=left)
            except (Unreachable, ServiceError) as error:
                if isinstance(error, ServiceError) and error.status not in SOON_BACK:
                    raise
                time.sleep(min(left, RETRY_WAITS_S[-1]))
        return generation

    def output(self, generation_id: str, index: int = 0) -> AbstractContextManager[tuple[str, Iterator[bytes]]]:
        """The content type of an output, and its bytes as they come; in a `with` block.

        Raises Broken where they end too early.
        """
        return self._http.download(path("generations", generation_id, "outputs", str(index)))

    # ------------------------------------------------------------ events

    def events(  # noqa: PLR0913 - what the service takes
        self,
        after: str | None = None,
        *,
        type: str | None = None,  # noqa: A002 - the service's own word for it
        generation: str | None = None,
        provider: str | None = None,
        model: str | None = None,
        follow: bool = True,
        on_lost: Callable[[Exception], None] | None = None,
        on_back: Callable[[], None] | None = None,
    ) -> Stream:
        """Events from behind the cursor `after`, as they are announced; each comes with the cursor behind it.

        Without `after`, from now on: nothing that is announced once this returned is missed. A broken connection is
        made again, without a gap or a repeat. Not `follow`: only what is there, from the beginning without `after`.
        """
        filters = _without_none(type=type, generation=generation, provider=provider, model=model)
        until = None
        if not follow:
            after = after or "0"
            until = self._last_cursor(after, filters)

        def connect(cursor: str | None) -> httpx.Response:
            resume = {} if cursor is None else {"last-event-id": cursor}
            return self._http.stream(path("events", "stream"), filters, resume, IDLE_S)

        return Stream(connect, after, until=until, on_lost=on_lost, on_back=on_back)

    def changes(
        self, *, provider: str | None = None, model: str | None = None, generations: Sequence[str] = ()
    ) -> Changes:
        """The generations under way, for a screen: all of them at each connection, then each that changed.

        What changes twice in a moment may be seen once; `events` has everything. `generations`: these ids alone.
        """
        filters = _without_none(provider=provider, model=model, generation=",".join(generations) or None)

        def connect(_: str | None) -> httpx.Response:
            return self._http.stream(path("changes"), filters, {}, IDLE_S)

        return Changes(Stream(connect, None))

    def _last_cursor(self, after: str, filters: Mapping[str, str]) -> str:
        last = after
        while True:
            page = self.get(path("events"), {**filters, "after": after, "limit": PAGE})
            after = page["next"]
            if page["data"]:
                last = after  # behind an empty page a stream says nothing
            if not page["more"]:
                return last

    # ------------------------------------------------------------ the rest

    def get(self, where: str, params: Mapping[str, Any] | None = None) -> Any:
        """Any JSON answer; what is None in `params` is left out. The paths are in `/openapi.json`."""
        return self._http.call("GET", where, params=params)

    def post(self, where: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer to a POST."""
        return self._http.call("POST", where, body=body or {})

    def patch(self, where: str, body: Mapping[str, Any]) -> Any:
        """The JSON answer to a PATCH."""
        return self._http.call("PATCH", where, body=body)

    def delete(self, where: str) -> Any:
        """The JSON answer to a DELETE; None where there is none."""
        return self._http.call("DELETE", where)


def _without_none(**facts: Any) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in facts.items() if value is not None}
