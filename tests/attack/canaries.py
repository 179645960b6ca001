"""The planted secrets, and the places where each may come out again: everything else is a leak."""

# where things come out
LOG = "log"
METRICS = "metrics"
ERRORS = "errors"  # answers from 400 on
MADE = "answer to who made it"  # shown this once
ANSWERS = "answers"  # to who may read
DELIVERIES = "deliveries"  # what a subscriber is sent
PROVIDER = "calls to the provider"
SHOWN_WEBHOOK = "a webhook shown alone"
SHOWN_DELIVERY = "a delivery shown alone"
EXPORT = "export"
COMMANDS = "commands"  # doctor, show, list, providers
DOCUMENT = "openapi"
SUBSCRIBER_SHOWN = "a subscriber shown"

# name: (what is planted, where it may be seen and why)
CANARIES = {
    "provider's key": ("canary-provider-key-00001", {PROVIDER}),  # it is what admits us there
    "provider's other key": ("canary-provider-key-of-team-b", {PROVIDER}),  # by doctor, which tries it
    "API key of the settings": ("canary-settings-key-00002", set()),
    "signing key": ("canary-signing-key-00003", set()),
    "webhook secret": ("canary-webhook-secret-00004", {PROVIDER}),  # each::labs sends back what it was given
    "prompt": ("canary-prompt-00005", {PROVIDER, ANSWERS, COMMANDS}),  # what was ordered, for who may read
    "idempotency key": ("canary-idempotency-00006", set()),
    "metadata": ("canary-metadata-00007", {ANSWERS, DELIVERIES, COMMANDS}),  # the caller's own, carried along
    # the original is kept, and shown; what it says beside our words is told to callers
    "body of a webhook": ("canary-webhook-body-00008", {SHOWN_WEBHOOK, EXPORT, ANSWERS, DELIVERIES, COMMANDS}),
    "body of a forged webhook": ("canary-forged-body-00009", {SHOWN_WEBHOOK}),
    "secret that a forger guessed": ("canary-forgers-guess-00010", set()),
    "cookie of whoever passed a webhook on": ("canary-cookie-00011", set()),
    "body of a poll that nobody reads": ("canary-poll-body-00012", {ANSWERS, COMMANDS}),  # the timeline shows why
    "provider's words of a failure": ("canary-failure-words-00013", {ANSWERS, DELIVERIES, COMMANDS}),  # told to callers
    "API key that is wrong": ("canary-wrong-key-00014", set()),
    "query of a subscriber URL": (
        "canary-subscriber-query-00015",
        {SUBSCRIBER_SHOWN, MADE, SHOWN_DELIVERY, ANSWERS, COMMANDS},
    ),
    "answer of a subscriber": ("canary-subscribers-answer-00016", {SHOWN_DELIVERY, ANSWERS}),  # its first 2 KiB
    "bytes of an output": ("canary-output-bytes-00017", set()),  # handed out, and to nobody else
    "query of a request": ("canary-query-00018", {ERRORS}),  # told to who asked
    "what crashes a worker": ("canary-crash-worker-00019", set()),
    "what crashes a request": ("canary-crash-request-00020", set()),
}

PLANTED = {name: text for name, (text, _) in CANARIES.items()}


def leaks(surface, text, made):
    """Names of what stands in the text and may not; `made`: what the service made, by name, with its places."""
    everything = {**CANARIES, **made}
    return [name for name, (planted, places) in everything.items() if planted in text and surface not in places]
