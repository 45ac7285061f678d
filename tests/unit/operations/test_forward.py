"""Calls whose path has a target: sent on with the caller's context, answered as the upstream answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fakes.egress import FakeEgress, Receiver, Sent
from fakes.secrets import FakeSecrets

from batchwork.adapters.http import HttpEgress
from batchwork.domain.errors import (
    BatchworkError,
    BodyTooLarge,
    InvalidRequest,
    RouteNotFound,
    UpstreamFailed,
    UpstreamTimedOut,
)
from batchwork.domain.idempotency import Ticket
from batchwork.domain.patience import NobodyWaitsError, while_waited_for
from batchwork.domain.target import Target
from batchwork.domain.workspace import ApiKey, Caller, Workspace
from batchwork.edge.endpoint import Intent
from batchwork.edge.http import Request, Response
from batchwork.families.operations.errors import OperationsEnvelope
from batchwork.families.operations.forward import MAX_ANSWER, Forwarder
from batchwork.families.operations.resources import Resources
from batchwork.ports import Answer
from batchwork.use_cases.once import Errand

AT = datetime(2026, 4, 9, 12, tzinfo=UTC)
ORIGIN = "https://api.example.com"
TARGET = Target(f"{ORIGIN}/social", "ssm:/batchwork/api")
SECRET = "s3cret-of-the-upstream"
CALLER = Caller(
    Workspace(id="acme", name="Acme", plan="pro", created_at=AT, targets={"/v1/posts": TARGET}),
    ApiKey(id="k1", workspace_id="acme", name="ci", digest="", scopes=frozenset({"*"}), created_at=AT),
)
TICKET = Ticket("6f1c1a5e-6d0b-4a55-9a3c-0d5b3f0f7c11", AT)


def a_call(method: str = "POST", path: str = "/v1/posts", body: bytes = b'{"content":"hi"}', **more: Any) -> Request:
    return Request(
        method=method, resource="", path=path, body=b"" if method == "GET" else body, request_id="req-1", **more
    )


class Upstream:
    """An API that exists, and the forwarder before it."""

    def __init__(self, answer: Answer | Receiver = Answer(200, body=b"{}", content_type="application/json")) -> None:  # noqa: B008 -- it is immutable
        receive = answer if callable(answer) else lambda _: answer
        self.egress = FakeEgress({ORIGIN: receive})
        self.egress.names = {"api.example.com": ["93.184.216.34"]}
        self.secrets = FakeSecrets({"ssm:/batchwork/api": f"{SECRET}\n"})
        self.forward = Forwarder(self.egress, self.secrets, timedelta(seconds=15))

    def answers(self, request: Request, target: Target = TARGET, ticket: Ticket = TICKET) -> Response:
        served = self.forward("/v1/posts", target, request, CALLER)
        return served if isinstance(served, Response) else served(Errand(ticket))

    def gets(self, request: Request, target: Target = TARGET) -> Sent:
        """Return what the upstream gets of a call."""
        self.answers(request, target)
        (sent,) = self.egress.sent
        return sent


class TestWhere:
    @pytest.mark.parametrize(
        ("path", "url"),
        [
            ("/v1/posts", "https://api.example.com/social"),
            ("/v1/posts/7", "https://api.example.com/social/7"),
            ("/v1/posts/7/publish", "https://api.example.com/social/7/publish"),
            ("/v1/posts/", "https://api.example.com/social/"),
            ("/v1/posts/a:b@c~d", "https://api.example.com/social/a:b@c~d"),
            ("/v1/posts/a%20b%3Fc", "https://api.example.com/social/a%20b%3Fc"),
            ("/v1/posts/..a/b..", "https://api.example.com/social/..a/b.."),
        ],
    )
    def test_the_rest_of_the_path_is_appended_to_the_targets_url(self, path: str, url: str) -> None:
        assert Upstream().gets(a_call(path=path)).url == url

    @pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
    def test_the_method_is_the_callers(self, method: str) -> None:
        assert Upstream().gets(a_call(method, "/v1/posts/7")).method == method

    def test_the_query_of_a_call_is_sent_escaped(self) -> None:
        sent = Upstream().gets(a_call("GET", query={"status": "DRAFT", "q": "a b&c=d/é#\ud800"}))
        assert sent.url == f"{TARGET.url}?status=DRAFT&q=a%20b%26c%3Dd%2F%C3%A9%23%3F"

    def test_every_value_of_a_parameter_is_sent(self) -> None:
        sent = Upstream().gets(a_call("GET", query={"tag": "b"}, pairs=(("tag", "a"), ("tag", "b"))))
        assert sent.url == f"{TARGET.url}?tag=a&tag=b"

    @pytest.mark.parametrize(
        "rest",
        [
            *("/..", "/../admin", "/a/../../admin", "/.", "/a/./b", "//evil.example", "/a//b"),
            *("/%2e%2e/admin", "/%2E./admin", "/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b", "/%252e%252e/admin"),
            *("/..;/admin", "/a/..;x=y/b", "/%2e%2e%3b/admin", "/" + "a" * 500),
            *("/a?b=c", "/a#b", "/a%00b", "/a%0d%0aHost:x", "/a%7f", "/a b", "/a\nb", "/é", "/a%", "/a%g0"),
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_a_path_that_could_be_read_in_two_ways_is_not_found_and_nothing_is_sent(
        self, rest: str, method: str
    ) -> None:
        """The upstream is called with the operator's credentials: what leaves the prefix must not be called with them."""
        upstream = Upstream()
        with pytest.raises(RouteNotFound):
            upstream.answers(a_call(method, f"/v1/posts{rest}"))
        assert upstream.egress.sent == []

    def test_a_call_that_no_url_can_hold_is_refused(self) -> None:
        upstream = Upstream()
        with pytest.raises(InvalidRequest) as refused:
            upstream.answers(a_call("GET", query={"q": "x" * 2048}))
        assert [(each.place, each.kind) for each in refused.value.problems] == [("path", "too_long")]
        assert upstream.egress.sent == []

    def test_only_the_paths_of_the_target_go_there(self) -> None:
        upstream = Upstream()
        own = Resources(
            {("POST", "/v1/media"): lambda _request, _caller: Response(201, {"own": True})}, upstream.forward
        )
        forwarded, kept = a_call(path="/v1/posts/7"), a_call(path="/v1/media")
        for request in (forwarded, kept):
            route = own.find(request)
            assert route is not None
            served = route.serve(request, CALLER)
            if callable(served):
                served(Errand(TICKET))
        assert [sent.url for sent in upstream.egress.sent] == [f"{TARGET.url}/7"]


class TestWhatIsSent:
    def test_the_body_arrives_as_it_came_with_its_type(self) -> None:
        body = '{"content": "Grüße",  "n": 1.50}'.encode()
        sent = Upstream().gets(a_call(body=body, headers={"content-type": "application/vnd.shop+json"}))
        assert (sent.body, sent.headers["Content-Type"]) == (body, "application/vnd.shop+json")
        assert Upstream().gets(a_call(body=body)).headers["Content-Type"] == "application/json"

    def test_what_has_no_body_has_no_type(self) -> None:
        for request in (
            a_call("GET", headers={"content-type": "application/json"}),
            a_call("DELETE", body=b"", headers={"content-type": "application/json"}),
        ):
            sent = Upstream().gets(request)
            assert sent.body == b""
            assert "content-type" not in {name.lower() for name in sent.headers}

    def test_a_body_over_100_kb_is_refused_before_anything_is_sent(self) -> None:
        upstream = Upstream()
        with pytest.raises(BodyTooLarge):
            upstream.answers(a_call(body=b"x" * (100 * 1024 + 1)))
        assert upstream.egress.sent == []
        upstream.answers(a_call(body=b"x" * 100 * 1024))

    def test_the_callers_own_headers_arrive_but_for_those_that_say_who_calls_or_belong_to_the_connection(self) -> None:
        kept = {"accept-language": "de", "x-shop": "7", "user-agent": "cli/2", "if-match": '"3"'}
        dropped = dict.fromkeys(
            (
                *("authorization", "x-api-key", "cookie", "host", "content-length", "connection", "transfer-encoding"),
                *(
                    "accept-encoding",
                    "x-forwarded-for",
                    "x-forwarded-proto",
                    "forwarded",
                    "x-amzn-trace-id",
                    "x-amz-date",
                ),
                *(
                    "x-apigw-api-id",
                    "via",
                    "cloudfront-viewer-country",
                    "cdn-loop",
                    "proxy-authorization",
                    "te",
                    "upgrade",
                ),
                *("x-batchwork-workspace", "x-http-method-override", "x-request-id", "expect", "keep-alive", "trailer"),
            ),
            "of the caller",
        )
        sent = Upstream().gets(a_call(headers=kept | dropped))
        assert "of the caller" not in sent.headers.values()
        own = {"Content-Type", "Authorization", "Idempotency-Key", "X-Request-Id", "X-Batchwork-Workspace"}
        assert {name: value for name, value in sent.headers.items() if name not in own} == kept

    def test_the_upstream_is_told_whose_call_it_is_and_by_whose_credentials(self) -> None:
        headers = Upstream().gets(a_call(headers={"authorization": "Bearer bw_acme_k1.x"})).headers
        assert headers["Authorization"] == f"Bearer {SECRET}"
        assert (headers["X-Request-Id"], headers["X-Batchwork-Workspace"]) == ("req-1", "acme")

    def test_a_target_without_a_secret_gets_none(self) -> None:
        sent = Upstream().gets(a_call(headers={"authorization": "Bearer bw_acme_k1.x"}), Target(TARGET.url))
        assert "authorization" not in {name.lower() for name in sent.headers}

    @pytest.mark.parametrize(
        ("headers", "place"),
        [
            ({"x-shop": "7\r\nX-Admin: 1"}, "headers.x-shop"),
            ({"x-shop": "7\n"}, "headers.x-shop"),
            ({"x-shop": "π"}, "headers.x-shop"),
            ({"x shop": "7"}, "headers"),
            ({"": "7"}, "headers"),
            ({"x:y": "7"}, "headers"),
            ({"x\r\ny": "7"}, "headers"),
        ],
    )
    def test_what_is_no_header_is_refused_before_anything_is_sent(self, headers: dict[str, str], place: str) -> None:
        upstream = Upstream()
        with pytest.raises(InvalidRequest) as refused:
            upstream.forward("/v1/posts", TARGET, a_call(headers=headers), CALLER)
        assert [each.place for each in refused.value.problems] == [place]
        assert "X-Admin" not in str(refused.value.problems)


class TestOnce:
    @pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
    def test_every_try_of_a_call_that_changes_something_has_the_same_idempotency_key(self, method: str) -> None:
        upstream = Upstream()
        request = a_call(method, "/v1/posts/7")
        upstream.answers(request)
        upstream.answers(request, ticket=replace(TICKET, again=True))
        assert [sent.headers["Idempotency-Key"] for sent in upstream.egress.sent] == [TICKET.id] * 2

    def test_the_clients_own_key_goes_before(self) -> None:
        assert Upstream().gets(a_call(headers={"idempotency-key": "mine"})).headers["Idempotency-Key"] == "mine"

    def test_a_call_that_looks_has_none_and_needs_no_ticket(self) -> None:
        upstream = Upstream()
        served = upstream.forward("/v1/posts", TARGET, a_call("GET", headers={"idempotency-key": "mine"}), CALLER)
        assert isinstance(served, Response)
        assert "idempotency-key" not in {name.lower() for name in upstream.egress.sent[0].headers}

    @pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
    def test_a_rehearsal_calls_nobody_and_reads_no_secret(self, method: str) -> None:
        upstream = Upstream()
        upstream.secrets.throttled = True
        act = upstream.forward("/v1/posts", TARGET, a_call(method), CALLER)
        assert isinstance(act, Intent)
        act.check(False)
        act.check(True)
        assert upstream.egress.sent == []


class TestTheAnswer:
    @pytest.mark.parametrize("status", [200, 201, 202, 301, 307, 400, 401, 403, 404, 409, 422, 429, 500, 503])
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_the_status_and_body_are_the_upstreams(self, method: str, status: int) -> None:
        body = '{"error": "Grüße",  "n": 1.50}'
        answer = Upstream(Answer(status, None, body.encode(), "application/problem+json")).answers(a_call(method))
        assert (answer.status, answer.text) == (status, body)
        assert answer.headers == {"Content-Type": "application/problem+json"}

    def test_an_answer_without_a_body_stays_one(self) -> None:
        answer = Upstream(Answer(204)).answers(a_call("DELETE", "/v1/posts/7"))
        assert (answer.status, answer.text, answer.headers) == (204, "", {})

    def test_how_long_to_wait_is_passed_on_in_seconds(self) -> None:
        answer = Upstream(Answer(429, timedelta(seconds=29.2), b"{}", "application/json")).answers(a_call())
        assert answer.headers["Retry-After"] == "30"

    @pytest.mark.parametrize(
        ("told", "body", "kind"),
        [
            ("text/html; charset=utf-8", b"<p>", "text/html; charset=utf-8"),
            ("", b" {}", "application/json"),
            ("", b"[]", "application/json"),
            ("", b"sorry", "text/plain; charset=utf-8"),
            ("a\r\nSet-Cookie: x", b"sorry", "text/plain; charset=utf-8"),
            ("x" * 300, b"sorry", "text/plain; charset=utf-8"),
        ],
    )
    def test_the_type_is_the_upstreams_or_what_the_text_looks_like(self, told: str, body: bytes, kind: str) -> None:
        assert Upstream(Answer(200, None, body, told)).answers(a_call()).headers["Content-Type"] == kind


def raising(exc: Exception) -> Receiver:
    def receive(_: Sent) -> Answer:
        raise exc

    return receive


class TestNoAnswer:
    def test_a_call_that_nobody_waits_for_any_more_is_not_sent(self) -> None:
        # Break: Forwarder._send, do not ask whether somebody waits: a thread that Lambda froze goes on hours later.
        upstream = Upstream()
        with while_waited_for(lambda: False), pytest.raises(NobodyWaitsError):
            upstream.answers(a_call())
        assert upstream.egress.sent == []

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (Answer(200, None, b"x" * (MAX_ANSWER + 1)), "longer than 1048576 bytes"),
            (Answer(200, None, b'{"a', cut=True), "ended too early"),
            (Answer(200, None, b"\x89PNG\xff", "image/png"), "no text"),
            (Answer(101), "HTTP 101"),
            (Answer(999), "HTTP 999"),
            (raising(ConnectionRefusedError(f"connection refused {SECRET}")), "could not be reached"),
            (raising(ConnectionError("connection closed without an answer")), "may have taken effect"),
            (raising(OSError("name not resolved")), "could not be reached"),
        ],
    )
    def test_what_cannot_be_passed_on_is_502(self, answer: Answer | Receiver, reason: str) -> None:
        with pytest.raises(UpstreamFailed, match=reason) as failed:
            Upstream(answer).answers(a_call())
        assert_in_envelope(failed.value, 502, "BAD_GATEWAY")

    def test_an_answer_of_a_megabyte_is_passed_on(self) -> None:
        assert len(Upstream(Answer(200, None, b"x" * MAX_ANSWER)).answers(a_call()).text) == MAX_ANSWER

    @pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "169.254.169.254"])
    def test_an_address_that_is_not_allowed_is_502_and_is_not_told(self, address: str) -> None:
        upstream = Upstream()
        upstream.egress.names["api.example.com"] = [address]
        with pytest.raises(UpstreamFailed, match="address is not allowed") as failed:
            upstream.answers(a_call())
        assert address not in str(failed.value)
        assert upstream.egress.sent == []

    @pytest.mark.parametrize("throttled", [True, False])
    def test_credentials_that_cannot_be_read_are_502_and_nothing_is_sent(self, throttled: bool) -> None:
        upstream = Upstream()
        upstream.secrets.throttled = throttled
        upstream.secrets.secrets = {}
        with pytest.raises(UpstreamFailed, match="credentials") as failed:
            upstream.answers(a_call())
        assert "ssm" not in str(failed.value)
        assert upstream.egress.sent == []

    def test_no_answer_in_time_is_504(self) -> None:
        with pytest.raises(UpstreamTimedOut) as late:
            Upstream(raising(TimeoutError("timeout after 15 s"))).answers(a_call())
        assert_in_envelope(late.value, 504, "GATEWAY_TIMEOUT")


def assert_in_envelope(exc: BatchworkError, status: int, code: str) -> None:
    answer = OperationsEnvelope().error(exc, a_call())
    assert (answer.status, answer.body["error"]["code"]) == (status, code)  # type: ignore[index]
    assert SECRET not in answer.text


class TestTime:
    @pytest.mark.parametrize(
        ("left", "elapsed", "given"), [(29, 0, 15), (29, 20, 9), (10, 0, 10), (0.5, 0, 0.5), (60, 44, 15)]
    )
    def test_a_call_is_given_its_timeout_or_what_is_left_of_the_request(
        self, left: float, elapsed: float, given: float
    ) -> None:
        timeouts: list[timedelta] = []

        class Measuring(FakeEgress):
            def send(
                self,
                method: str,
                url: str,
                body: bytes,
                headers: dict[str, str],
                timeout: timedelta,
                limit: int = 65_536,
            ) -> Answer:
                timeouts.append(timeout)
                return Answer(200)

        forward = Forwarder(Measuring(), FakeSecrets(), timedelta(seconds=15))
        request = a_call("GET", time_left=timedelta(seconds=left), began=time.monotonic() - elapsed)
        forward("/v1/posts", Target(ORIGIN), request, CALLER)
        assert timeouts[0].total_seconds() == pytest.approx(given, abs=0.5)
        assert timeouts[0].total_seconds() <= given

    def test_who_has_no_time_left_sends_nothing(self) -> None:
        upstream = Upstream()
        with pytest.raises(UpstreamTimedOut):
            upstream.answers(a_call(time_left=timedelta(seconds=1), began=time.monotonic() - 2))
        assert upstream.egress.sent == []


def test_over_a_real_connection_the_upstream_sees_one_clean_request(
    an_upstream: Callable[[], Any],
) -> None:
    with an_upstream() as receiver:
        target = Target(f"{receiver.url}/base")
        forward = Forwarder(HttpEgress(allow_loopback=True), FakeSecrets(), timedelta(seconds=3))
        headers = {"host": "api.batchwork.example", "content-length": "999", "connection": "keep-alive", "x-shop": "7"}
        act = forward("/v1/posts", target, a_call("PATCH", "/v1/posts/7", headers=headers, query={"a": "b"}), CALLER)
        assert callable(act)
        answer = act(Errand(TICKET))
    assert (answer.status, answer.text, answer.headers) == (202, "taken", {"Content-Type": "text/plain"})
    (sent,) = receiver.seen
    assert (sent.method, sent.path, sent.body) == ("PATCH", "/base/7?a=b", b'{"content":"hi"}')
    assert sent.headers["host"] == receiver.url.removeprefix("http://")
    assert (sent.headers["content-length"], sent.headers["connection"]) == ("16", "close")
    assert (sent.headers["x-shop"], sent.headers["idempotency-key"]) == ("7", TICKET.id)


@pytest.fixture
def an_upstream() -> Callable[[], Any]:
    from fakes.receiver import a_receiver

    return lambda: a_receiver(lambda _: (202, {"Content-Type": "text/plain", "Set-Cookie": "a=b"}, b"taken"))
