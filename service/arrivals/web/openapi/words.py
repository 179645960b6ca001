"""The words of the document: each list of words that a field may have is a component, which says what they mean."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from arrivals.core.event import EventType
from arrivals.core.failure import FailureCode, Fault
from arrivals.core.generation import Origin, Status, VerifiedBy
from arrivals.core.observation import Finding
from arrivals.core.subscriber import SubscriberState
from arrivals.providers.catalog import PROVIDERS
from arrivals.providers.contract import Trust
from arrivals.store.replays import ReplayKind, ReplayStatus
from arrivals.web.api.schemas import SUBSCRIBABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A closed list of words: its name among the components, and what the whole and each word is."""

    name: str
    accepted: tuple[str, ...]
    description: str
    meanings: Mapping[str, str]

    @property
    def text(self) -> str:
        """The description, and a line for each word that is explained."""
        lines = [f"- `{word}`: {self.meanings[word]}" for word in self.accepted if word in self.meanings]
        return "\n".join([self.description, *([""] if lines else []), *lines])


def _words(name: str, accepted: Iterable[str], description: str, **meanings: str) -> Words:
    return Words(name=name, accepted=tuple(map(str, accepted)), description=description, meanings=meanings)


FINDINGS: Mapping[str, str] = {
    "advanced": "it moved the generation",
    "repeated": "it said what was known",
    "stale": "it was overtaken by what is known",
    "conflicting": "it contradicts what was announced; it is recorded and not announced",
    "held": "it is not announced yet: it lacks something or is to be confirmed",
    "enriched": "it added detail to a closed generation",
}
WORDS: tuple[Words, ...] = (
    _words("ProviderName", PROVIDERS, "A provider; `listProviders` says what each can do."),
    _words(
        "EventSelector", SUBSCRIBABLE, "A type of events, or `generation.*` for all types that are about generations."
    ),
    _words("EventType", EventType, "The type of an event; each has a schema of its own."),
    _words(
        "GenerationStatus",
        Status,
        "How far a generation is.",
        pending="it is stored and waits for its turn",
        submitting="it is being sent to its provider",
        submitted="the provider has it",
        processing="the provider works on it",
        completed="it has outputs",
        failed="it has a failure",
        canceled="its caller or the provider canceled it",
        expired="the outcome was not known before the deadline; one of the three above may still follow",
    ),
    _words(
        "FailureCode",
        FailureCode,
        "Why a generation failed, whichever provider said so.",
        invalid_request="a field is missing or its value is not accepted",
        prompt_too_long="the prompt has more characters than the provider takes",
        invalid_input="a file is broken, too large or of a kind that is not supported",
        input_unreachable="the provider could not fetch a URL of the input",
        model_not_found="the model is unknown or retired",
        model_unavailable="the model is out of service for now",
        content_policy="moderation refused the input or the result",
        authentication="the provider's key is missing, wrong or expired",
        permission_denied="the provider's key may not do this",
        insufficient_funds="the account's balance is used up",
        rate_limited="too many requests",
        concurrency_limited="too many generations in flight",
        provider_error="an internal error of the provider, or a failure without a reason",
        provider_unavailable="the provider was down until the deadline",
        provider_timeout="the provider itself gave up",
        output_missing="the provider says completed and shows no output",
        result_lost="the task or its output is gone",
        submission_unknown="the order may have been accepted, which was never confirmed",
        deadline_passed="the outcome was not known in time",
        unknown="a code that is not known here; `provider_code` has it",
    ),
    _words(
        "FailureFault",
        Fault,
        "Who can do something about a failure.",
        caller="change the order",
        content="moderation refused it",
        account="the key, its permissions or its balance",
        provider="wait, or go elsewhere",
        service="the operator of this service",
    ),
    _words(
        "ObservationOrigin",
        Origin,
        "How something was learned.",
        submit="from the answer to the submission",
        webhook="from a webhook of the provider",
        poll="from the answer to a poll",
        stream="from the provider's stream",
        clock="from a bounded wait that ended",
    ),
    _words(
        "VerifiedBy",
        VerifiedBy,
        "What proves a word of the provider.",
        signature="its signature",
        secret="a secret that only the provider has",  # noqa: S106 - the word, not a secret
        token="the unguessable address alone, where nothing can be asked",  # noqa: S106 - as above
        submit="it answered the submission",
        poll="it answered a poll",
    ),
    _words(
        "Finding",
        Finding,
        "What came of an observation.",
        **FINDINGS,
    ),
    _words(
        "ReplayFinding",
        (*Finding, "unreadable"),
        "What came of a webhook that was read again.",
        **FINDINGS,
        unreadable="it is not understood",
    ),
    _words(
        "SubscriberState",
        SubscriberState,
        "Whether events reach a subscriber.",
        untried="nothing was delivered to it yet",
        healthy="the last attempt succeeded",
        failing="every attempt since its last success failed",
        paused="deliveries are held back",
        disabled="nothing is delivered to it",
    ),
    _words(
        "DeliveryStatus",
        ("waiting", "delivered", "given_up"),
        "How far a delivery is.",
        waiting="it is to be attempted",
        delivered="the subscriber answered with a 2xx status",
        given_up="it is not attempted any more",
    ),
    _words(
        "ReplayKind",
        ReplayKind,
        "What a replay does again.",
        webhooks="stored webhooks are read",
        quarantine="webhooks in quarantine are verified",
        events="events are sent",
    ),
    _words(
        "ReplayStatus",
        ReplayStatus,
        "How far a replay is.",
        running="it goes on",
        finished="it has done everything",
        canceled="it was canceled",
        failed="it could not go on; `failed_reason` says why",
    ),
    _words(
        "WebhookTrust",
        Trust,
        "How far a provider's webhooks are believed.",
        full="the body and the time are signed",
        body="the body is signed or a secret is sent, and nothing guards against repeats",
        hint="nothing is signed: a webhook only makes the service poll",
    ),
)
BY_WORDS: Mapping[frozenset[str], Words] = {frozenset(words.accepted): words for words in WORDS}
