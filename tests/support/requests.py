"""Orders, accounts and expected calls for the tests of outgoing requests."""

import hashlib

from arrivals.core.http import HttpCall
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Account, Order, Target, route_of

ACCOUNT = Account(
    base_url="https://upstream.test/base",
    api_key="key-1",
    webhook_secrets=("never-sent-unless-asked",),
    hosts={"legacy": "https://legacy.test/old", "sense": "https://sense.test/agent"},
)
OWN = "https://upstream.test/base"
BEARER = {"authorization": "Bearer key-1"}
JSON = {**BEARER, "content-type": "application/json"}


def order(provider, model, fields, **options):
    """An order for a provider, by name."""
    return Order(model=model, route=route_of(PROVIDERS[provider], model).name, input=fields, **options)


def target(provider, model, external_id):
    """A generation as its provider identifies it."""
    route = route_of(PROVIDERS[provider], model).name
    return Target(model=model, route=route, base_url=ACCOUNT.base_url, external_id=external_id)


def adapter_of(provider, model):
    """The adapter of the model's route."""
    return route_of(PROVIDERS[provider], model).adapter


def submitted(provider, model, fields, **options):
    """The call that submits the order."""
    return adapter_of(provider, model).submit(order(provider, model, fields, **options), ACCOUNT)


def posted(path, body, host=OWN, headers=JSON, **changed):
    """The expected POST of JSON."""
    return HttpCall(method="POST", url=host + path, headers=headers, body=body, **changed)


def get_call(path, host=OWN, method="GET"):
    """The expected call without a body, a GET by default."""
    return HttpCall(method=method, url=host + path, headers=BEARER)


def form(path, *parts):
    """The expected multipart call; its boundary is a digest of its parts."""
    boundary = hashlib.sha256(b"".join(parts)).hexdigest()[:40]
    body = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
    return posted(path, body, headers={**BEARER, "content-type": f"multipart/form-data; boundary={boundary}"})


def field(name, written):
    """A part that holds a value."""
    return f'content-disposition: form-data; name="{name}"\r\n\r\n{written}'.encode()


def file(name, filename, media, content):
    """A part that holds a file."""
    head = f'content-disposition: form-data; name="{name}"; filename="{filename}"\r\ncontent-type: {media}\r\n\r\n'
    return head.encode() + content
