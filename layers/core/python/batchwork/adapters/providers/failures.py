"""How a provider's failure is told: whether it may be tried again, when, and nothing that is not the client's to know."""

from __future__ import annotations

from datetime import timedelta

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004 -- botocore's

from batchwork.domain.errors import ProviderFailed

#: Codes that AWS services give to what passes by itself, beside every HTTP 429 and 5xx.
PASSING = frozenset(
    {
        "InternalServerException",
        "ModelErrorException",
        "ModelNotReadyException",
        "ModelTimeoutException",
        "RequestTimeout",
        "ServiceException",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    }
)


def failed(reason: str, *, retryable: bool = False, retry_after: timedelta | None = None) -> ProviderFailed:
    """Return the error, ready to raise."""
    return ProviderFailed(reason=reason, retryable=retryable, retry_after=retry_after)


def failed_aws(service: str, exc: ClientError | BotoCoreError) -> ProviderFailed:
    """Return the error of a call to AWS.

    AWS's own message stays out of it, since it names roles and accounts; except a ValidationException's, which tells
    the client what is wrong with its agent's settings or message.
    """
    if isinstance(exc, ClientError):
        answer = exc.response
        code, status = answer["Error"].get("Code", "Unknown"), answer["ResponseMetadata"].get("HTTPStatusCode", 0)
        reason = f"{service} answered {code}"
        if code == "ValidationException":
            reason += f": {' '.join(answer['Error'].get('Message', '').split())[:300]}"
        retryable = code in PASSING or status == 429 or status >= 500
        return failed(reason, retryable=retryable, retry_after=_retry_after(answer["ResponseMetadata"]))
    # ConnectionError and HTTPClientError cover refused, reset, closed and timed out; others are ours, like no credentials
    if isinstance(exc, (ConnectionError, HTTPClientError)):
        return failed(f"{service} did not answer in time or could not be reached", retryable=True)
    return failed(f"{service} could not be called ({type(exc).__name__})")


def _retry_after(about: object) -> timedelta | None:
    """Return the Retry-After header as AWS sends it, in whole seconds."""
    headers = about.get("HTTPHeaders", {}) if isinstance(about, dict) else {}
    seconds = str(headers.get("retry-after", ""))
    return timedelta(seconds=int(seconds)) if seconds.isascii() and seconds.isdigit() and len(seconds) < 7 else None
