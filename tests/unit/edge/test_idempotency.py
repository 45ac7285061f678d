"""Idempotency-Key at the edge: the header, the replay, the conflicts (spec lookups 2.4, seed 004)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from unit.edge.gates import Answer, Function

from batchwork.domain.errors import NotFound
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act
from batchwork.edge.http import Request, Response
from batchwork.edge.idempotency import PRINTABLE
from batchwork.use_cases.once import Errand


class Works:
    """A route that does a piece of work each time it runs, and says which one."""

    def __init__(self, status: int = 201) -> None:
        self.status = status
        self.done: list[str] = []
        self.meanwhile: Callable[[], None] | None = None
        self.fails: Exception | None = None

    def __call__(self, _request: Request, _caller: Caller) -> Act:
        return self._act

    def _act(self, errand: Errand) -> Response:
        self.done.append(errand.ticket.id)
        if self.meanwhile is not None:
            self.meanwhile()
        if self.fails is not None:
            raise self.fails
        return Response(self.status, {"n": len(self.done), "text": "Grüße \N{GRINNING FACE}"}, {"X-Own": "1"})


@pytest.fixture
def works() -> Works:
    return Works()


@pytest.fixture
def run(works: Works) -> Function:
    return Function(serve=works)


def keyed(run: Function, named: str = "order-1", /, **settings: Any) -> Answer:
    return run(headers={"Idempotency-Key": named, **settings.pop("headers", {})}, **settings)


# ── The header ──


@pytest.mark.parametrize(
    "key",
    [
        "a",
        "k" * 255,
        "8e03978e-40d5-43e8-bc93-6894a57f9324",
        '"8e03978e-40d5-43e8-bc93-6894a57f9324"',
        '"' + "k" * 255 + '"',
        "two words",
        "a:b/c?d=e&f,g;h",
        '"with \\"quotes\\" and \\\\"',
    ],
)
def test_a_key_of_1_to_255_printable_characters_is_taken_bare_or_quoted(run: Function, works: Works, key: str) -> None:
    assert [keyed(run, key).status for _ in range(2)] == [201, 201]
    assert len(works.done) == 1


@pytest.mark.parametrize(
    "key",
    [
        "",
        " ",
        '""',
        "k" * 256,
        '"' + "k" * 256 + '"',
        "clé",
        "key\u00a0",
        "\N{GRINNING FACE}",
        "tab\tinside",
        "line\nbreak",
        "nul\0",
        "del\x7f",
    ],
)
def test_what_is_no_key_is_refused_and_the_header_and_its_limit_are_named(
    run: Function, works: Works, key: str
) -> None:
    answer = keyed(run, key)
    assert (answer.status, answer.body["error_code"]) == (400, 10006)
    (error,) = answer.body["data"]["errors"]
    assert error["field"] == "Idempotency-Key"
    assert "255" in error["message"]
    assert works.done == []


def test_a_quoted_key_and_the_same_key_bare_are_one(run: Function, works: Works) -> None:
    assert keyed(run, "order-1").text == keyed(run, '"order-1"').text == keyed(run, "  order-1\t").text
    assert len(works.done) == 1


def test_keys_differ_by_case_and_by_every_character(run: Function, works: Works) -> None:
    for key in ("order-1", "Order-1", "order-10", "order-1 ."):
        keyed(run, key)
    assert len(works.done) == 4


# ── The replay ──


@pytest.mark.parametrize("status", [200, 201, 202, 207])
def test_the_same_request_under_the_same_key_is_replayed_byte_for_byte(
    run: Function, works: Works, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    works.status = status
    first, again = keyed(run), keyed(run, headers={"X-Request-Id": "second"})
    assert (again.status, again.text) == (first.status, first.text) == (status, first.text)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["X-Own"] == first.headers["X-Own"] == "1"
    assert (first.headers["X-Request-Id"], again.headers["X-Request-Id"]) == ("gateway-1", "second")
    assert int(again.headers["X-RateLimit-Remaining"]) == int(first.headers["X-RateLimit-Remaining"]) - 1
    assert len(works.done) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("replayed") for line in lines] == [None, True]


def test_without_a_key_each_request_is_work_of_its_own(run: Function, works: Works) -> None:
    assert [run().body["n"] for _ in range(2)] == [1, 2]
    assert len(set(works.done)) == 2


def test_an_answer_is_replayed_for_24_hours_and_then_the_key_is_free(run: Function, works: Works) -> None:
    keyed(run)
    run.clock.pass_(timedelta(hours=24, seconds=-1))
    assert keyed(run).headers["Idempotency-Replayed"] == "true"
    run.clock.pass_(timedelta(seconds=1))
    assert "Idempotency-Replayed" not in keyed(run).headers
    assert len(works.done) == 2


def test_a_key_belongs_to_its_workspace_method_and_path(run: Function, works: Works) -> None:
    keyed(run)
    for other in ({"key": "bw_other_k1"}, {"thing": "8"}, {"method": "PUT"}):
        assert "Idempotency-Replayed" not in keyed(run, **other).headers
    assert len(works.done) == 4


def test_a_route_that_only_looks_takes_no_notice_of_a_key(run: Function) -> None:
    run.serve = lambda _request, _caller: Response(200, {})
    for body in ("{}", "[]"):
        answer = keyed(run, "", method="GET", body=body)
        assert (answer.status, "Idempotency-Replayed" in answer.headers) == (200, False)


# ── Conflicts ──


@pytest.mark.parametrize(
    "other",
    [
        {"body": '{"private":"content"}'},
        {"body": ""},
        {"multiValueQueryStringParameters": {"scope": ["chat"]}},
    ],
)
def test_the_same_key_with_another_body_or_query_is_refused(run: Function, works: Works, other: Any) -> None:
    keyed(run)
    answer = keyed(run, **other)
    assert (answer.status, answer.body["error_code"], answer.body["data"]) == (422, 10006, None)
    assert "Idempotency-Key" in answer.body["message"]
    assert "Idempotency-Replayed" not in answer.headers
    assert "Retry-After" not in answer.headers
    assert len(works.done) == 1
    assert keyed(run).headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("one", "other"),
    [({"a": "1&b=2"}, {"a": "1", "b": "2"}), ({"a": "b=1"}, {"a=b": "1"}), ({"a": "b"}, {"ab": ""})],
    ids=["two parameters", "an equals sign", "nothing between"],
)
def test_a_query_that_reads_the_same_when_it_is_joined_is_another_request(
    run: Function, works: Works, one: dict[str, str], other: dict[str, str]
) -> None:
    asked = [{name: [value] for name, value in query.items()} for query in (one, other)]
    answers = [keyed(run, multiValueQueryStringParameters=query) for query in asked]
    assert [answer.status for answer in answers] == [201, 422]
    assert len(works.done) == 1


def test_the_order_of_query_parameters_is_no_difference(run: Function, works: Works) -> None:
    for names in ("ab", "ba"):
        keyed(run, multiValueQueryStringParameters={name: ["1"] for name in names})
    assert len(works.done) == 1


def test_work_under_way_is_409_with_whole_seconds_to_wait_and_another_body_is_told_at_once(
    run: Function, works: Works
) -> None:
    meanwhile: list[Answer] = []

    def ask_again() -> None:
        works.meanwhile = None
        run.clock.pass_(timedelta(seconds=26.5))
        meanwhile.extend([keyed(run), keyed(run, body="{}")])

    works.meanwhile = ask_again
    assert keyed(run).status == 201
    in_flight, reused = meanwhile
    assert (in_flight.status, in_flight.body["error_code"]) == (409, 10006)
    assert in_flight.headers["Retry-After"] == "3"
    assert reused.status == 422
    assert len(works.done) == 1


def test_the_hold_of_a_function_that_died_ends_when_it_would_have_been_stopped(run: Function, works: Works) -> None:
    class Died(BaseException):
        pass

    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 12_000

    def die() -> None:
        raise Died

    works.meanwhile = die
    with pytest.raises(Died):
        keyed(run, context=Context())
    works.meanwhile = None
    run.clock.pass_(timedelta(seconds=11.9))
    assert keyed(run).status == 409
    run.clock.pass_(timedelta(seconds=0.1))
    assert keyed(run).status == 201
    first, second = works.done
    assert first == second, "the second try goes on under the ticket of the first"


def test_without_a_context_a_hold_ends_when_api_gateway_gives_up(run: Function, works: Works) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    works.meanwhile = die
    with pytest.raises(KeyboardInterrupt):
        keyed(run)
    works.meanwhile = None
    run.clock.pass_(timedelta(seconds=28.9))
    assert keyed(run).status == 409
    run.clock.pass_(timedelta(seconds=0.1))
    assert keyed(run).status == 201


# ── What frees a key ──


def test_a_refusal_frees_the_key_for_a_corrected_request(run: Function, works: Works) -> None:
    works.fails = NotFound(what="Thing")
    assert keyed(run).status == 404
    works.fails = None
    assert keyed(run, body='{"corrected": true}').status == 201
    assert len(set(works.done)) == 2


def test_what_is_refused_before_the_work_uses_no_key(run: Function, works: Works) -> None:
    run.a_workspace("acme", per_minute=1)
    assert keyed(run, key="bw_acme_k2").status == 403
    keyed(run, "another")
    assert keyed(run).status == 429
    run.clock.pass_(timedelta(minutes=1))
    assert keyed(run, body="{}").status == 201


def test_an_unexpected_error_keeps_the_ticket_since_the_work_may_be_done(run: Function, works: Works) -> None:
    works.fails = ConnectionError()
    assert keyed(run).status == 500
    works.fails = None
    assert keyed(run, body="{}").status in {201, 422}
    assert keyed(run).status in {201, 422}


def test_the_next_try_after_an_unexpected_error_goes_on_under_its_ticket(run: Function, works: Works) -> None:
    works.fails = ConnectionError()
    assert keyed(run).status == 500
    works.fails = None
    assert keyed(run).status == 201
    first, second = works.done
    assert first == second


def test_an_answer_that_cannot_be_kept_is_given_all_the_same(
    run: Function, works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(run.claims, "keep", down)
    assert keyed(run).status == 201
    assert [type(error) for error in run.unkept] == [ConnectionError]
    run.clock.pass_(timedelta(seconds=29))
    assert keyed(run).status == 201
    first, second = works.done
    assert first == second


# ── Forms, whose boundary clients make anew for each try ──


def form(text: bytes, boundary: str) -> dict[str, Any]:

    made = requests.Request("POST", "https://api.example.com/", files={"file": ("a.txt", text, "text/plain")})
    prepared = made.prepare()
    assert isinstance(prepared.body, bytes)
    own = prepared.headers["Content-Type"].partition("boundary=")[2]
    raw = prepared.body.replace(own.encode(), boundary.encode())
    return {
        "body": base64.b64encode(raw).decode(),
        "isBase64Encoded": True,
        "headers": {"Content-Type": f"multipart/form-data; boundary={boundary}"},
    }


def test_a_form_with_another_boundary_is_the_same_request(run: Function, works: Works) -> None:
    first, again = keyed(run, **form(b"text", "----one-boundary")), keyed(run, **form(b"text", "----another-one"))
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.text == first.text
    assert len(works.done) == 1


def test_a_form_with_other_content_is_another_request(run: Function) -> None:
    keyed(run, **form(b"text", "----one-boundary"))
    assert keyed(run, **form(b"texts", "----another-one")).status == 422


# ── who gets the answer ──


def named(*scopes: str) -> str:
    """Return what is compared of a request that is made with scopes where none is asked for."""
    request = Request(method="POST", resource="/v1/batch", path="/v1/batch", headers={"idempotency-key": "k"})
    return PRINTABLE.asked(request, timedelta(seconds=1), scopes).body


def test_where_no_scope_is_asked_for_a_key_with_other_scopes_asks_for_something_else() -> None:
    # Break: KeyRule.asked, leave the scopes out: a key without scopes would be told what another one did.
    assert named("posts:write", "media:write") == named("media:write", "posts:write")
    assert named("posts:write") != named() != named("*")
