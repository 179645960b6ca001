"""The refusals and failures of Vtrix, for any model: the codes of wan26_t2i, and the shapes its command line reads."""

from collections.abc import Mapping

from arrivals.lab.rehearsal.stand_in import failure, refusal, vanished
from arrivals.lab.rehearsal.state import Outcome
from arrivals.lab.rehearsal.vtrix.rule import RULES


def error(code: str, message: str) -> dict[str, str]:
    """The error object of a task."""
    return {"code": code, "message": message}


# https://doc.vtrix.ai/public/cli/cmd-run/, https://doc.vtrix.ai/public/cli/cmd-task/, github.com/VtrixAI/vtrix-cli
SHARED: Mapping[str, Outcome] = {
    "failed_in_words": failure("Generation failed"),
    "failed_with_number": failure({"code": 123, "error_message": "Generation failed"}, "123"),
    "invalid_key": refusal(401, {"message": "invalid api key"}),
    "insufficient_balance": refusal(403, {"message": "insufficient balance"}),
    "permission_denied": refusal(403, {"error": "permission denied"}),
    "insufficient_credits": refusal(
        402, {"status": {"code": 402, "message": "Insufficient credits", "error_code": 40201}, "data": None}, "40201"
    ),
    "too_many_requests": refusal(429, {"message": "too many requests"}),
    "server_error": refusal(500, {"message": "internal server error"}),
    "service_unavailable": refusal(503, {"message": "service unavailable"}),
    "refused_without_id": refusal(200, {"error": "model is not available"}),
    "prompt_required": refusal(400, {"message": "prompt is required"}),
    "task_not_found": vanished(404, {"message": "task not found"}),
}
# https://doc.vtrix.ai/docs/api/qwen/wan26-t2i, https://doc.vtrix.ai/docs/api/google/vtrix-veo-3-1-generate-preview
OUTCOMES: Mapping[str, Outcome] = {
    **{code: refusal(400, {"error": error(code, says)}, code) for code, says in RULES.items()},
    "001015095": failure(error("001015095", "Internal generation error"), "001015095"),
    "001015096": failure(error("001015096", "Result parsing error"), "001015096"),
    "001015097": failure(error("001015097", "HTTP error response"), "001015097"),
    "001015098": failure(error("001015098", "Status check error"), "001015098"),
    "001015099": failure(error("001015099", "Task creation error"), "001015099"),
    "002014001": failure(error("002014001", "Video generation failed"), "002014001"),
    **SHARED,
}
FAULTS: Mapping[str, Outcome] = {
    "402": SHARED["insufficient_credits"],
    "404": SHARED["task_not_found"],
    "429": SHARED["too_many_requests"],
    "500": SHARED["server_error"],
    "503": SHARED["service_unavailable"],
}
