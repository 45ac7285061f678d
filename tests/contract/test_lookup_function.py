"""LookupFunction: what the fake and Lambda's client must both do; then what only Lambda can answer.

moto runs functions in containers, so Lambda's answers are written beforehand (botocore's Stubber).
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber
from fakes.lookup_function import FakeLookupFunction

from batchwork.adapters import aws
from batchwork.adapters.lookup_function import LambdaLookups
from batchwork.domain.errors import LookupFailed
from batchwork.ports.lookups import LookupFunction

ARN = "arn:aws:lambda:us-east-1:123456789012:function:prices"
TIMEOUT = timedelta(seconds=5)
#: What a test tells a function to answer: bytes of its answer, and whether it comes with a FunctionError.
Tell = Callable[[bytes, bool], LookupFunction]


class Lambda:
    """Lambda with answers written beforehand; keeps the payloads that it was sent."""

    def __init__(self) -> None:
        self.client = aws.client("lambda", parameter_validation=True)
        self.stub = Stubber(self.client)
        self.stub.activate()
        self.sent: list[Any] = []
        self.client.meta.events.register("provide-client-params.lambda.Invoke", self._keep)
        self.function = LambdaLookups(self.client)

    def _keep(self, params: dict[str, Any], **_: Any) -> None:
        self.sent.append(json.loads(params["Payload"]))

    def tell(self, content: bytes, failed: bool = False) -> LookupFunction:
        answer: dict[str, Any] = {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(content), len(content))}
        if failed:
            answer["FunctionError"] = "Unhandled"
        expected = {"FunctionName": ARN, "InvocationType": "RequestResponse", "Payload": ANY}
        self.stub.add_response("invoke", answer, expected)
        return self.function


@pytest.fixture
def lambda_(in_moto: None) -> Lambda:
    return Lambda()


def fake(content: bytes, failed: bool) -> LookupFunction:
    def function(_: Any) -> Any:
        if failed:
            raise TimeoutError if b"Timedout" in content else RuntimeError
        return json.loads(content)

    return FakeLookupFunction({ARN: function})


@pytest.fixture(params=["fake", "lambda"])
def tell(request: pytest.FixtureRequest) -> Tell:
    return fake if request.param == "fake" else request.getfixturevalue("lambda_").tell


@pytest.mark.parametrize("answer", [{"results": [{"status": 200, "data": {"ü": 1.5}}]}, [], None, "text", 0], ids=str)
def test_its_json_answer_is_returned(tell: Tell, answer: Any) -> None:
    assert tell(json.dumps(answer).encode(), False)(ARN, {"items": []}, TIMEOUT) == answer


def failure(function: LookupFunction) -> tuple[int, str]:
    with pytest.raises(LookupFailed) as caught:
        function(ARN, {"items": [{"secret": "hunter2"}]}, TIMEOUT)
    return caught.value.facts["status"], caught.value.facts["reason"]


def test_one_that_raises_is_a_bad_gateway(tell: Tell) -> None:
    raised = json.dumps({"errorType": "KeyError", "errorMessage": "hunter2", "stackTrace": []}).encode()
    assert failure(tell(raised, True)) == (502, "The lookup function failed.")


def test_one_that_runs_out_of_its_own_time_is_a_gateway_timeout(tell: Tell) -> None:
    late = json.dumps({"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 3.00 seconds"}).encode()
    assert failure(tell(late, True)) == (504, "The lookup function did not answer in time.")


def test_what_it_is_given_is_the_payload(lambda_: Lambda) -> None:
    payload = {"token": "t", "items": [{"index": 0, "item": {"name": "Grüße 😀", "half": "\ud83d"}}]}
    lambda_.tell(b"{}")(ARN, payload, TIMEOUT)
    assert lambda_.sent == [payload]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[" * 100_000, b'{"price": NaN}', b"Infinity"],
    ids=["empty", "cut", "bytes", "deep", "nan", "infinity"],
)
def test_what_is_no_json_is_a_bad_gateway(lambda_: Lambda, content: bytes) -> None:
    assert failure(lambda_.tell(content)) == (502, "The lookup function did not answer JSON.")


def test_a_function_error_that_is_no_json_is_one_all_the_same(lambda_: Lambda) -> None:
    assert failure(lambda_.tell(b"out of memory: hunter2", True)) == (502, "The lookup function failed.")


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("TooManyRequestsException", 429, "The lookup function is busy."),
        ("ThrottlingException", 400, "The lookup function is busy."),
        ("ResourceNotFoundException", 404, "The lookup function could not be invoked."),
        ("AccessDeniedException", 403, "The lookup function could not be invoked."),
        ("RequestTooLargeException", 413, "The lookup function could not be invoked."),
        ("ServiceException", 500, "The lookup function could not be invoked."),
    ],
)
def test_a_refusal_of_lambda_is_a_bad_gateway_without_its_text(
    lambda_: Lambda, code: str, status: int, reason: str
) -> None:
    lambda_.stub.add_client_error("invoke", code, f"{ARN} is not for role hunter2", http_status_code=status)
    assert failure(lambda_.function) == (502, reason)


class Lost:
    """A client whose calls all end in one error; counts them."""

    def __init__(self, error: Exception) -> None:
        self.error, self.calls = error, 0

    def invoke(self, **_: Any) -> Any:
        self.calls += 1
        raise self.error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ReadTimeoutError(endpoint_url="https://lambda.invalid"), 504),
        (ConnectTimeoutError(endpoint_url="https://lambda.invalid"), 504),
        (EndpointConnectionError(endpoint_url="https://lambda.invalid"), 502),
        (NoCredentialsError(), 502),
    ],
    ids=["read-timeout", "connect-timeout", "refused", "no-credentials"],
)
def test_no_answer_is_told_by_whether_there_was_time(error: Exception, status: int) -> None:
    client = Lost(error)
    told, reason = failure(LambdaLookups(client))  # type: ignore[arg-type] # the one method that is called
    assert (told, client.calls) == (status, 1)
    assert "invalid" not in reason


def test_a_body_that_stops_in_the_middle_is_a_gateway_timeout(lambda_: Lambda) -> None:
    class Stalled:
        def read(self) -> bytes:
            raise ReadTimeoutError(endpoint_url="https://lambda.invalid")

    lambda_.stub.add_response("invoke", {"StatusCode": 200, "Payload": Stalled()})
    assert failure(lambda_.function)[0] == 504


def test_a_function_that_is_not_there_is_a_bad_gateway_with_the_fake_too() -> None:
    assert failure(FakeLookupFunction())[0] == 502
