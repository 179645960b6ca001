"""Reads `fixtures/` into values: conversation pieces (raw HTTP with its expectation) and the seeds' tables."""

from dataclasses import dataclass
import json
from pathlib import Path

from arrivals.core.failure import Failure, FailureCode, Fault
from arrivals.core.http import HttpReply, InboundWebhook

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures"


@dataclass(frozen=True)
class Piece:
    """One conversation piece."""

    name: str
    provider: str
    raw: bytes
    meta: dict

    @property
    def reply(self):
        """The piece as an answer."""
        head, body = split(self.raw)
        return HttpReply(http_status=int(head[0].split()[1]), headers=headers_of(head), body=body)

    @property
    def webhook(self):
        """The piece as a provider's call."""
        head, body = split(self.raw)
        return InboundWebhook(headers=headers_of(head), body=body)


def split(raw):
    """(lines of the head, body)."""
    for blank_line in (b"\r\n\r\n", b"\n\n"):
        head, separator, body = raw.partition(blank_line)
        if separator:
            return head.decode("latin-1").splitlines(), body
    raise ValueError("no blank line between head and body")


def headers_of(head):
    """The headers by lower-case name."""
    return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}


def pieces(provider):
    """All pieces of a provider, by name."""
    return [
        Piece(
            name=f"{provider}/{path.stem}",
            provider=provider,
            raw=path.read_bytes(),
            meta=json.loads(path.with_suffix(".expect.json").read_text()),
        )
        for path in sorted((FIXTURES / provider).glob("*.http"))
    ]


def seeds():
    """(name, provider, row) of every row of the seeds' tables."""
    for path in sorted((FIXTURES / "seeds").glob("*.json")):
        table = json.loads(path.read_text())
        for number, row in enumerate(table["rows"]):
            yield f"{path.stem}-{number}", table["provider"], row


def failure_of(meta):
    """A failure as a fixture writes it."""
    facts = dict(meta)
    facts["code"], facts["fault"] = FailureCode(facts["code"]), Fault(facts["fault"])
    facts["alternatives"] = tuple(facts["alternatives"]) if facts["alternatives"] else None
    return Failure(**facts)
