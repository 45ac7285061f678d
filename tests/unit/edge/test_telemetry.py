from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from batchwork.edge import telemetry


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_is_json_with_what_its_caller_added(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.logger("a_service").info("request", extra={"status": 200, "workspace": "acme"})
    (line,) = lines(capsys)
    assert (line["level"], line["service"], line["message"]) == ("INFO", "a_service", "request")
    assert (line["status"], line["workspace"]) == (200, "acme")
    assert str(line["timestamp"]).endswith("+00:00")


def test_a_logger_made_twice_writes_once(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.logger("twice")
    telemetry.logger("twice").info("request")
    assert len(lines(capsys)) == 1


def test_the_level_is_the_environments(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "WARNING")
    log = telemetry.logger("quiet")
    log.info("not this")
    log.warning("this")
    assert [line["message"] for line in lines(capsys)] == ["this"]


def test_an_unexpected_error_tells_its_type_and_place_and_never_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        try:
            raise KeyError("what the customer wrote")
        except KeyError as exc:
            raise ValueError("what the customer wrote") from exc
    except ValueError as exc:
        telemetry.unexpected(telemetry.logger("s"))(exc)
    (line,) = lines(capsys)
    assert (line["error"], line["causes"]) == ("ValueError", ["KeyError"])
    assert "test_telemetry.py" in str(line["at"])
    assert "customer" not in json.dumps(line)


def test_a_refusal_of_aws_tells_its_code_and_operation() -> None:
    refusal = ClientError({"Error": {"Code": "ThrottlingException", "Message": "secret"}}, "PutItem")
    told = telemetry.traits(refusal)
    assert (told["code"], told["operation"]) == ("ThrottlingException", "PutItem")
    assert "secret" not in json.dumps(told)


def test_metrics_are_one_line_of_embedded_metric_format(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.count("webhook_sender", "Failed", 3)
    (line,) = lines(capsys)
    definition = line["_aws"]["CloudWatchMetrics"][0]  # type: ignore[index]
    assert definition == {
        "Namespace": "Batchwork",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": "Failed", "Unit": "Count"}],
    }
    assert (line["Failed"], line["service"]) == ([3], "webhook_sender")
