"""What operations end with that nobody answered: they were skipped, took too long, or could not be made up."""

from __future__ import annotations

from batchwork.domain.item import Json
from batchwork.domain.operation import Ended

#: A failure stopped the others (spec operations 1.10; the number 424 is ours).
STOPPED = Ended(
    status=424,
    error={
        "code": "SKIPPED",
        "message": "The operation was not attempted: another one failed, and continueOnError is false.",
    },
    skipped=True,
)
NEVER_STARTED = Ended(
    status=504,
    error={"code": "TIMEOUT", "message": "The time was over before the operation was started."},
)
UNFINISHED = Ended(
    status=504,
    error={
        "code": "TIMEOUT",
        "message": "The operation was started and did not finish in time; its effect may still come.",
    },
)
BROKEN = Ended(status=500, error={"code": "INTERNAL_ERROR", "message": "Internal server error during the operation."})


def dependent(operation_id: str) -> Ended:
    """Return how an operation ends that depends on another one, which did not succeed."""
    message = "The operation was not attempted: it depends on one that did not succeed."
    return Ended(
        status=424,
        error={"code": "DEPENDENCY_FAILED", "message": message, "details": {"dependsOn": operation_id}},
        skipped=True,
    )


def unfit(place: str, message: str, status: int) -> Ended:
    """Return how an operation ends whose references have no fitting values: in the family's envelope, naming the place."""
    error: Json = {"code": "VALIDATION_ERROR", "message": message, "details": {"field": place}}
    return Ended(status=status, body={"error": error}, error=error)
