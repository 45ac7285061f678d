"""Bodies that ask for runs, in three dialects: what they mean, and all that can be wrong with them (spec 4.3, 4.5)."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from batchwork.domain.address import check_url
from batchwork.domain.errors import InvalidRequest, MalformedBody, UnsupportedMediaType
from batchwork.domain.run_input import RunInput
from batchwork.edge.http import Request
from batchwork.families.workflow_runs.dialect import Dialect
from batchwork.families.workflow_runs.errors import place_of
from batchwork.families.workflow_runs.submissions import Wanted, batch_of, name_in, singles_of

WORKFLOW = "workflow_BMdfq_yWM3sT-ZzvCnA3f"
URL = "https://files.example.com/in/Invoice%20July.pdf?signature=abc"
TEXT: dict[str, Any] = {"rawText": "Total: 5"}
OLD, NEW = Dialect.LEGACY, Dialect.V2026


def a_request(body: Any, content_type: str = "application/json") -> Request:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request(method="POST", resource="/x", path="/x", body=raw, headers={"content-type": content_type})


def batch(body: Any, dialect: Dialect = OLD) -> Wanted:
    return batch_of(a_request(body), dialect, check_url)


def singles(body: Any, dialect: Dialect = OLD) -> Wanted:
    return singles_of(a_request(body), dialect, check_url)


def of_inputs(*inputs: Any, **fields: Any) -> dict[str, Any]:
    return {"workflowId": WORKFLOW, "inputs": list(inputs), **fields}


def new_inputs(*inputs: Any, **fields: Any) -> dict[str, Any]:
    return {"workflow": {"id": WORKFLOW}, "inputs": list(inputs), **fields}


def problems(read: Any, body: Any, dialect: Dialect = OLD) -> list[tuple[str, str]]:
    """Return (place, message) of everything that is wrong with a body."""
    with pytest.raises(InvalidRequest) as caught:
        read(body, dialect)
    return [(place_of(each), each.message) for each in caught.value.problems]


def places(read: Any, body: Any, dialect: Dialect = OLD) -> list[str]:
    return [place for place, _ in problems(read, body, dialect)]


# ── What is asked for ──


def test_a_batch_of_the_seed_is_read_whole() -> None:
    wanted = batch(
        of_inputs(
            {"file": {"fileUrl": URL, "fileName": "July.pdf"}, "metadata": {"id": 1, "none": None}, "name": "First"},
            {"file": {"fileId": "file_xK9mLPqRtN3vS8wF5hB2cQ"}},
            {"rawText": "Total: 5", "secrets": {"token": "t"}},
            version="12",
        )
    )
    assert (wanted.workflow_id, wanted.version) == (WORKFLOW, "12")
    assert wanted.inputs == [
        RunInput(file_name="July.pdf", url=URL, metadata={"id": 1, "none": None}, name="First"),
        RunInput(file_name="", file_id="file_xK9mLPqRtN3vS8wF5hB2cQ"),
        RunInput(file_name="text-2.txt", text="Total: 5", secrets={"token": "t"}),
    ]


def test_a_batch_of_2026_is_read_whole() -> None:
    body = new_inputs(
        {"file": {"url": URL, "settings": {"password": "p"}}, "metadata": {"id": 1}, "secrets": {"token": "t"}},
        {"file": {"id": "file_xK9mLPqRtN3vS8wF5hB2cQ"}},
        {"file": {"text": "Total: 5", "name": "total.txt"}},
        priority=90,
    )
    body["workflow"]["version"] = "draft"
    wanted = batch(body, NEW)
    assert (wanted.workflow_id, wanted.version) == (WORKFLOW, "draft")
    assert wanted.inputs == [
        RunInput(file_name="Invoice July.pdf", url=URL, metadata={"id": 1}, secrets={"token": "t"}, password="p"),
        RunInput(file_name="", file_id="file_xK9mLPqRtN3vS8wF5hB2cQ"),
        RunInput(file_name="total.txt", text="Total: 5"),
    ]


def test_without_a_version_none_is_asked_for() -> None:
    assert batch(of_inputs(TEXT)).version is None
    assert batch(of_inputs(TEXT, version=None)).version is None
    assert batch(new_inputs({"file": {"text": "a"}}), NEW).version is None


def test_single_runs_of_older_dialects_share_name_and_metadata() -> None:
    body = {
        "workflowId": WORKFLOW,
        "files": [{"fileUrl": URL}, {"fileId": "file_1"}],
        "metadata": {"a": 1},
        "name": "n",
    }
    wanted = singles(body)
    assert [each.metadata for each in wanted.inputs] == [{"a": 1}] * 2
    assert [each.name for each in wanted.inputs] == ["n", "n"]
    texts = singles({"workflowId": WORKFLOW, "rawTexts": ["a", "b"]})
    assert [(each.text, each.file_name) for each in texts.inputs] == [("a", "text-0.txt"), ("b", "text-1.txt")]


def test_a_single_run_of_2026_is_one_file() -> None:
    body = {"workflow": {"id": WORKFLOW, "version": "3"}, "file": {"url": URL}, "metadata": {"a": 1}, "outputs": []}
    wanted = singles(body, NEW)
    assert wanted.version == "3"
    assert wanted.inputs == [RunInput(file_name="Invoice July.pdf", url=URL, metadata={"a": 1})]


def test_usage_tags_in_metadata_stay_as_they_are() -> None:
    tags = {"extend:usage_tags": ["production", "team-eng"]}
    assert batch(of_inputs({**TEXT, "metadata": tags})).inputs[0].metadata == tags


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (URL, "Invoice July.pdf"),
        ("https://a.example/x/y.pdf#page=2", "y.pdf"),
        ("https://a.example/%E2%82%AC.csv", "€.csv"),
        ("https://a.example/", "file"),
        ("https://a.example", "file"),
        ("https://a.example/dir/", "file"),
        ("https://a.example/a%00b%0A.txt", "ab.txt"),
        ("https://a.example/?name=x.pdf", "file"),
        ("https://a.example/" + "n" * 300 + ".pdf", "n" * 251 + ".pdf"),
    ],
)
def test_a_files_name_is_the_last_part_of_its_url(url: str, name: str) -> None:
    assert name_in(url) == name


# ── What is wrong ──


def test_everything_wrong_is_told_at_once_and_in_the_order_of_the_inputs() -> None:
    body = of_inputs(
        {},
        {"file": {"fileUrl": "http://10.0.0.1/x", "fileId": "nope"}, "rawText": 7},
        TEXT,
        {**TEXT, "metadata": {"x": "y" * 10_300}},
        workflowId="nope",
        version="01",
    )
    assert places(batch, body) == [
        "workflowId",
        "version",
        "inputs[0]",
        "inputs[1].file.fileId",
        "inputs[1].rawText",
        "inputs[1]",
        "inputs[1].file",
        "inputs[1].file.fileUrl",
        "inputs[3].metadata",
    ]


@pytest.mark.parametrize("version", ["0", "abc", "01", "-1", "1.0", "1 ", "", "Draft", "1234567890", "١"])
def test_what_is_no_version_is_refused(version: str) -> None:
    for read, dialect, body in (
        (batch, OLD, of_inputs(TEXT, version=version)),
        (singles, OLD, {"workflowId": WORKFLOW, "rawTexts": ["a"], "version": version}),
        (batch, NEW, {**new_inputs({"file": {"text": "a"}}), "workflow": {"id": WORKFLOW, "version": version}}),
    ):
        ((place, message),) = problems(read, body, dialect)
        assert place in {"version", "workflow.version"}
        assert '"draft"' in message


def test_a_number_is_no_version() -> None:
    assert places(batch, of_inputs(TEXT, version=1)) == ["version"]


@pytest.mark.parametrize("workflow", ["", "flow_1", "workflow_", "workflow_" + "a" * 247, "workflow_a b", 7, None])
def test_what_is_no_workflows_id_is_refused(workflow: Any) -> None:
    assert places(batch, of_inputs(TEXT, workflowId=workflow)) == ["workflowId"]
    assert places(batch, {**new_inputs({"file": {"text": "a"}}), "workflow": {"id": workflow}}, NEW) == ["workflow.id"]


@pytest.mark.parametrize("count", [0, 1001])
def test_no_input_and_one_too_many_are_refused_with_the_limit(count: int) -> None:
    for body, dialect in ((of_inputs(*[TEXT] * count), OLD), (new_inputs(*[{"file": {"text": "a"}}] * count), NEW)):
        ((place, message),) = problems(batch, body, dialect)
        assert place == "inputs"
        assert ("1000" if count else "1") in message


def test_a_thousand_inputs_are_taken() -> None:
    assert len(batch(of_inputs(*[TEXT] * 1000)).inputs) == 1000


def test_what_is_wrong_inside_a_list_that_is_too_long_is_told_too() -> None:
    told = places(batch, of_inputs({"rawText": 1}, {}, *[TEXT] * 999))
    assert told == ["inputs", "inputs[0].rawText", "inputs[1]"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"file": None, "rawText": None},
        {"file": {"fileId": "file_1"}, "rawText": "a"},
    ],
)
def test_an_input_is_a_file_or_a_text(given: Any) -> None:
    assert problems(batch, of_inputs(given)) == [("inputs[0]", "Must have exactly one of file and rawText")]


@pytest.mark.parametrize("file", [{}, {"fileName": "a.pdf"}, {"fileUrl": URL, "fileId": "file_1"}])
def test_a_file_is_a_url_or_an_id(file: Any) -> None:
    wrong = "Must have exactly one of fileUrl and fileId"
    assert problems(batch, of_inputs({"file": file})) == [("inputs[0].file", wrong)]
    assert problems(singles, {"workflowId": WORKFLOW, "files": [file]}) == [("files[0]", wrong)]


@pytest.mark.parametrize("file", [{}, {"name": "a"}, {"url": URL, "id": "file_1"}, {"id": "file_1", "text": "a"}])
def test_a_file_of_2026_is_a_url_an_id_or_a_text(file: Any) -> None:
    wrong = "Must have exactly one of url, id and text"
    assert problems(batch, new_inputs({"file": file}), NEW) == [("inputs[0].file", wrong)]


def test_a_password_belongs_to_a_url() -> None:
    body = new_inputs({"file": {"id": "file_1", "settings": {"password": "p"}}})
    assert places(batch, body, NEW) == ["inputs[0].file.settings"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://files.example.com/a.pdf", "HTTPS"),
        ("ftp://files.example.com/a.pdf", "HTTPS"),
        ("nonsense", "HTTPS"),
        ("https://", "valid host"),
        ("https://169.254.169.254/latest/meta-data", "must not lead to"),
        ("https://10.0.0.1/a", "must not lead to"),
        ("https://[::1]/a", "must not lead to"),
        ("https://localhost/a", "must not lead to"),
        ("https://2130706433/a", "must not lead to"),
        ("https://files.internal/a", "must not lead to"),
        ("https://user:password@files.example.com/a", "user name"),
        ("https://files.example.com/a b", "spaces"),
        ("https://files.example.com/" + "a" * 2030, "2048"),
    ],
)
def test_a_url_that_can_never_be_fetched_is_refused(url: str, why: str) -> None:
    ((place, message),) = problems(batch, of_inputs(TEXT, {"file": {"fileUrl": url}}))
    assert place == "inputs[1].file.fileUrl"
    assert why in message
    assert places(singles, {"workflow": {"id": WORKFLOW}, "file": {"url": url}}, NEW) == ["file.url"]


def test_urls_of_one_host_are_judged_one_by_one() -> None:
    urls = ["https://files.example.com/a", "https://files.example.com:0/a", "https://files.example.com/\\a"]
    body = of_inputs(*({"file": {"fileUrl": url}} for url in urls))
    assert places(batch, body) == ["inputs[1].file.fileUrl", "inputs[2].file.fileUrl"]


def test_on_a_laptop_files_may_be_on_it() -> None:
    body = of_inputs({"file": {"fileUrl": "http://127.0.0.1:9000/a.pdf"}})
    assert batch_of(a_request(body), OLD, partial(check_url, allow_loopback=True)).inputs[0].url is not None


def nested(size: int) -> dict[str, Any]:
    """Return an object that is this long as compact JSON."""
    return {"a": "x" * (size - len('{"a":""}'))}


@pytest.mark.parametrize("name", ["metadata", "secrets"])
def test_metadata_and_secrets_have_ten_kilobytes(name: str) -> None:
    assert batch(of_inputs({**TEXT, name: nested(10_240)})).inputs
    ((place, message),) = problems(batch, of_inputs({**TEXT, name: nested(10_241)}))
    assert place == f"inputs[0].{name}"
    assert "10240" in message
    assert places(singles, {"workflowId": WORKFLOW, "rawTexts": ["a"], name: nested(10_241)}) == [name]
    new = {"workflow": {"id": WORKFLOW}, "file": {"text": "a"}, name: nested(10_241)}
    assert places(singles, new, NEW) == [name]


def test_bytes_count_and_not_characters() -> None:
    assert places(batch, of_inputs({**TEXT, "metadata": {"a": "€" * 3500}})) == ["inputs[0].metadata"]


@pytest.mark.parametrize("value", [7, "text", ["a"], True])
def test_metadata_is_an_object(value: Any) -> None:
    assert places(batch, of_inputs({**TEXT, "metadata": value})) == ["inputs[0].metadata"]


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_a_number_that_nobody_can_keep_is_refused(number: str) -> None:
    raw = json.dumps(of_inputs({**TEXT, "metadata": {"a": 7}})).replace("7", number).encode()
    assert places(batch, raw) == ["inputs[0].metadata"]


@pytest.mark.parametrize("word", ["NaN", "Infinity"])
def test_what_is_no_json_number_is_no_json(word: str) -> None:
    raw = json.dumps(of_inputs({**TEXT, "metadata": {"a": 7}})).replace("7", word).encode()
    with pytest.raises(MalformedBody):
        batch(raw)


@pytest.mark.parametrize("half", ["\\ud800", "\\u0000"])
@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"rawText": "?"}, "inputs[0].rawText"),
        ({**TEXT, "metadata": {"a": ["?"]}}, "inputs[0].metadata.a[0]"),
        ({**TEXT, "metadata": {"?": 1}}, "inputs[0].metadata"),
        ({**TEXT, "secrets": {"a": "?"}}, "inputs[0].secrets.a"),
        ({"file": {"fileId": "file_1", "fileName": "?"}}, "inputs[0].file.fileName"),
    ],
)
def test_what_cannot_be_stored_is_refused_at_its_place(half: str, given: Any, place: str) -> None:
    raw = json.dumps(of_inputs(given)).replace("?", half).encode()
    assert places(batch, raw) == [place]


@pytest.mark.parametrize("length", [0, 256])
def test_names_have_1_to_255_characters(length: int) -> None:
    name = "n" * length
    assert places(batch, of_inputs({**TEXT, "name": name})) == ["inputs[0].name"]
    assert places(batch, of_inputs({"file": {"fileId": "file_1", "fileName": name}})) == ["inputs[0].file.fileName"]


@pytest.mark.parametrize("file_id", ["", "xK9m", "file_", "file_a b", "file_" + "a" * 251])
def test_what_is_no_files_id_is_refused(file_id: str) -> None:
    ((place, message),) = problems(batch, of_inputs({"file": {"fileId": file_id}}))
    assert place == "inputs[0].file.fileId"
    assert "file_" in message
    assert places(batch, new_inputs({"file": {"id": file_id}}), NEW) == ["inputs[0].file.id"]


@pytest.mark.parametrize("priority", [0, 101, "90", 1.5])
def test_a_priority_is_a_whole_number_from_1_to_100(priority: Any) -> None:
    assert places(batch, new_inputs({"file": {"text": "a"}}, priority=priority), NEW) == ["priority"]


@pytest.mark.parametrize("given", [{}, {"files": [{"fileId": "file_1"}], "rawTexts": ["a"]}])
def test_single_runs_are_files_or_texts(given: Any) -> None:
    assert places(singles, {"workflowId": WORKFLOW, **given}) == ["files"]


@pytest.mark.parametrize("count", [0, 51])
def test_single_runs_are_1_to_50(count: int) -> None:
    assert places(singles, {"workflowId": WORKFLOW, "rawTexts": ["a"] * count}) == ["rawTexts"]
    assert places(singles, {"workflowId": WORKFLOW, "files": [{"fileId": "file_1"}] * count}) == ["files"]


def test_what_of_the_wire_is_not_supported_is_refused_and_never_passed_over() -> None:
    given = [{"processorId": "dp_1", "output": {"value": {}}}]
    files = [{"fileId": "file_1", "outputs": given}]
    assert places(singles, {"workflowId": WORKFLOW, "files": files}) == ["files[0].outputs"]
    new = {"workflow": {"id": WORKFLOW}, "file": {"text": "a"}}
    assert places(singles, {**new, "outputs": given}, NEW) == ["outputs"]
    package = {"files": [{"id": "file_1"}, {"id": "file_2"}]}
    assert places(singles, {"workflow": {"id": WORKFLOW}, "package": package}, NEW) == ["package"]
    assert places(singles, {"workflow": {"id": WORKFLOW}}, NEW) == ["file"]


@pytest.mark.parametrize("body", [b"", b"  ", b"{", b"nonsense", b"[" * 5000, b'{"workflowId": "a"', b"\xff\xfe"])
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        batch(body)


@pytest.mark.parametrize("body", [b"[]", b"7", b"null", b'"a"', b"{}"])
def test_json_of_another_kind_is_no_request(body: bytes) -> None:
    assert places(batch, body)
    assert places(singles, body)


def test_a_form_is_no_json() -> None:
    with pytest.raises(UnsupportedMediaType):
        batch_of(a_request(of_inputs(TEXT), "text/plain"), OLD, check_url)


def test_unknown_fields_are_ignored() -> None:
    assert len(batch(of_inputs({**TEXT, "colour": "red"}, shape="round")).inputs) == 1
