"""`arrivals listen`: forwards live events to a program on this machine, as a subscriber would get them."""

from dataclasses import dataclass, field
import secrets
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import click
import httpx
import msgspec

from arrivals.cli.connection import connection_options, service_at, specified
from arrivals.cli.errors import handle_errors
from arrivals.cli.output import print_json
from arrivals.cli.words import refuse_unknown_provider
from arrivals.client import Client, Heard, ServiceError, Stream, Unreachable, path
from arrivals.core.standard_webhooks import SECRET_BYTES, BadSecret, key_of, make_secret, signed_headers

ANSWER_S = 15.0
AGAIN_S = (0.5, 1.0, 2.0)  # after a local failure
COUNTED = 200


@dataclass(slots=True)
class Local:
    """The local program. `failures`: events that it did not accept."""

    url: str
    secret: str = field(repr=False)
    failures: int = 0

    def forward(self, client: httpx.Client, heard: Heard) -> tuple[int | None, str | None, int]:
        """Sends an event. Returns (HTTP status, error, tries)."""
        body = msgspec.json.encode(heard.event)
        tries = 0
        for pause_s in (*AGAIN_S, None):
            tries += 1
            sent = signed_headers([self.secret], heard.event["id"], int(time.time()), body)
            try:
                reply = client.post(self.url, content=body, headers={"content-type": "application/json", **sent})
                status, error = reply.status_code, None if reply.is_success else f"HTTP {reply.status_code}"
            except (httpx.HTTPError, httpx.InvalidURL) as failed:
                status, error = None, str(failed) or type(failed).__name__
            if error is None or pause_s is None:
                break
            _say(f"{self.url} failed ({error}); trying again in {pause_s:g} s")
            time.sleep(pause_s)
        self.failures += error is not None
        return status, error, tries


@click.command("listen")
@click.option("--forward-to", "local", required=True, help="The program's URL, for example http://localhost:3000/hook.")
@click.option("--secret", help="The secret that signs the events; by default a new one, which is printed.")
@click.option("--after", help="A cursor to continue from; 0 is the beginning. By default from now on.")
@click.option(
    "--no-follow", is_flag=True, help="Only existing events, by default all; exit code 1 if not all were accepted."
)
@click.option("--type", help="For example generation.completed, or generation.* for all.")
@click.option("--generation")
@click.option("--provider")
@click.option("--model")
@click.option("--json", "json_output", is_flag=True, help="One JSON line per event.")
@connection_options
@handle_errors
def listen_command(
    local: str,
    secret: str | None,
    after: str | None,
    no_follow: bool,
    json_output: bool,
    url: str | None,
    key: str | None,
    **filters: Any,
) -> None:
    """Forward events to a program on this machine.

    They are signed as deliveries are, and resume after a disconnection without a gap or a repeat.
    """
    from arrivals.cli.resolve import program_at

    secret = secret or make_secret(secrets.token_bytes(SECRET_BYTES))
    try:
        key_of(secret)
    except BadSecret as error:
        raise click.UsageError(f"--secret is wrong: {BadSecret.__doc__}") from error
    if not _is_url(local):
        raise click.UsageError("--forward-to must be a URL such as http://localhost:3000/hook")
    program = Local(url=local, secret=secret)
    with service_at(url, key) as service:
        refuse_unknown_provider(service, filters["provider"])
        report = _ConnectionReport(service, filters)
        stream = service.events(after, follow=not no_follow, on_lost=report.lost, on_back=report.back, **filters)
        report.stream = stream
        _say(f"forwarding to {local}, signed with {secret}")
        done = stream.cursor  # what was cut off in the middle of its tries comes again
        try:
            with stream, program_at(local, ANSWER_S) as client:
                for heard in stream:
                    _print(heard, *program.forward(client, heard), json_output=json_output)
                    done = heard.cursor
        except KeyboardInterrupt:
            pass
        finally:
            if done is not None:
                _say(f"continue with --after {done}")
    sys.exit(1 if no_follow and program.failures else 0)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


@dataclass(slots=True)
class _ConnectionReport:
    """Says when the connection breaks, and how much there is to catch up when it is back."""

    service: Client
    filters: dict[str, Any]
    stream: Stream | None = None

    def lost(self, error: Exception) -> None:
        """Reports that the connection broke."""
        _say(f"disconnected ({error}); trying again")

    def back(self) -> None:
        """Reports that the connection is back."""
        cursor = self.stream.cursor if self.stream else None
        try:
            page = self.service.get(path("events"), {**specified(**self.filters), "after": cursor, "limit": COUNTED})
        except (ServiceError, Unreachable):
            return  # it is gone again; the stream will tell
        waiting = len(page["data"])
        count = f"{waiting}{' or more' if waiting == COUNTED else ''}"
        _say(f"reconnected; catching up on {count} event{'' if waiting == 1 else 's'} after {cursor}")


def _print(heard: Heard, status: int | None, error: str | None, tries: int, *, json_output: bool) -> None:
    event = heard.event
    generation = event["data"].get("generation")
    if json_output:
        print_json(
            {
                "cursor": heard.cursor,
                "id": event["id"],
                "type": event["type"],
                "generation": generation and generation["id"],
                "http_status": status,
                "error": error,
                "tries": tries,
            }
        )
    else:
        subject = f"{event['type']} {generation['id']}" if generation else event["type"]
        answer = click.style(str(status), fg="green") if error is None else click.style(error, fg="red")
        remark = f" (try {tries})" if tries > 1 and error is None else f" given up after {tries} tries" if error else ""
        click.echo(f"{event['timestamp']}  {heard.cursor}  {subject}  → {answer}{remark}")


def _say(text: str) -> None:
    click.echo(text, err=True)
