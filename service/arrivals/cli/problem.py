"""Failures of a command as problem documents (RFC 9457): the service's own as it sent them, others made alike.

Source: https://www.rfc-editor.org/rfc/rfc9457
"""

from collections.abc import Mapping
from typing import Any

from arrivals.client import Broken, ServiceError, Unreachable
from arrivals.config.declarations import BadSetting
from arrivals.store.engine.base import StoreError

WHOLE_BODY = "$"
# exception: the code of its problem
LOCAL: Mapping[type[Exception], str] = {
    BadSetting: "invalid_setting",
    Unreachable: "unreachable",
    Broken: "broken_off",
    StoreError: "database_unusable",
    OSError: "failed",
}
# code: what to do on the command line, where the service speaks of HTTP or says nothing
ADVICE = {
    "key_missing": "set ARRIVALS_API_KEY or pass --key",
    "key_invalid": "set ARRIVALS_API_KEY or pass --key; `arrivals keys make` makes a new one",
}


def problem_of(error: Exception) -> dict[str, Any] | None:
    """The problem document of an expected failure; None for any other exception."""
    if isinstance(error, ServiceError):
        return _problem(error.code or "unexpected_answer", error.detail, error.status) | error.problem
    code = next((code for kind, code in LOCAL.items() if isinstance(error, kind)), None)
    return None if code is None else _problem(code, str(error), None)


def sentences(problem: Mapping[str, Any]) -> list[str]:
    """The problem for people: a sentence for each field that is wrong, or else what went wrong and what to do."""
    errors, detail = problem["errors"], problem["detail"]
    if errors and all(error["detail"] in detail for error in errors):
        return [
            error["detail"] if error["field"] == WHOLE_BODY else f"{error['field']}: {error['detail']}"
            for error in errors
        ]
    advice = ADVICE.get(problem["code"])
    return [f"{detail}; {advice}" if advice else detail]


def _problem(code: str, detail: str, status: int | None) -> dict[str, Any]:
    return {
        "type": f"urn:arrivals:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [],
    }
