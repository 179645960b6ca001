"""each::labs' predictions as the benchmarks need them: a stand-in that takes orders and polls, and its webhooks."""

from time import time_ns

import msgspec

from arrivals.lab.bench import wire

PROCESSING, COMPLETED = "processing", "succeeded"  # words of a webhook
SECRET = "x-webhook-secret"  # noqa: S105 - the name of a header
PROMPT = "A quiet harbour at dawn, long exposure, thin fog over still water, seen from the end of a wooden pier. "


class Provider:
    """Accepts every order, and says `processing` to every poll: https://docs.eachlabs.ai/api/predictions."""

    def __init__(self) -> None:
        self.callbacks: list[tuple[str, str]] = []  # external id, callback URL
        self.polled: dict[str, list[int]] = {}  # external id: when it was asked about, in microseconds since 1970

    def answer(self, head: bytes, body: bytes) -> bytes:
        """Answers an order or a poll; any other request only learns that somebody listens."""
        if head.startswith(b"POST "):
            external_id = f"bench-prediction-{len(self.callbacks):012}"
            self.callbacks.append((external_id, msgspec.json.decode(body)["webhook_url"]))
            reply = {"status": "success", "message": "Prediction created successfully", "predictionID": external_id}
            return wire.answer(msgspec.json.encode(reply))
        external_id = wire.target(head).rpartition(b"/")[2].decode()
        if external_id:
            self.polled.setdefault(external_id, []).append(time_ns() // 1000)
        return wire.answer(msgspec.json.encode({"id": external_id, "status": PROCESSING, "output": None, "logs": None}))


def webhook(head: bytes, external_id: str, word: str, more: str) -> bytes:
    """Returns a request of about a kilobyte: https://docs.eachlabs.ai/api/webhooks. `more` makes its body unique."""
    url = f"https://storage.example.com/predictions/{external_id}/image.jpg"
    body = {
        "exec_id": external_id,
        "flow_id": None,
        "status": word,
        "output": {"url": url} if word == COMPLETED else None,
        "error": "",
        "input": {"prompt": PROMPT * 6, "aspect_ratio": "16:9", "seed": more},
        "metrics": {"predict_time": 4.25, "cost": 0.04},
    }
    return wire.with_body(head, msgspec.json.encode(body))
