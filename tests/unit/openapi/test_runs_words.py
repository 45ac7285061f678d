"""Words, fields and bounds of the workflow runs family are the same in docs/openapi.yaml and in the code."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from documented import DOCUMENT, document, family_of, operations
from pydantic import BaseModel
from unit.openapi.test_operations_words import bounds, properties

from batchwork.domain import custom_headers
from batchwork.domain.flow_file import MAX_FILE
from batchwork.domain.run import FileType, RunStatus
from batchwork.domain.webhook import DeliveryStatus
from batchwork.domain.webhook_endpoint import MAX_ENDPOINTS
from batchwork.families.workflow_runs import change_schemas, file_schemas, schemas, webhook_schemas, workflow_schemas
from batchwork.families.workflow_runs.events import GLOBAL_EVENTS, WORKFLOW_EVENTS
from batchwork.families.workflow_runs.lists import DEFAULT_PAGE, MAX_PAGE, MAX_TEXT
from batchwork.families.workflow_runs.webhook_deliveries import MAX_PAGE as MAX_DELIVERIES
from batchwork.families.workflow_runs.webhook_samples import TEST
from batchwork.processors.workflow_runs import definition
from batchwork.processors.workflow_runs.registry import step_types
from batchwork.use_cases.flow_files import UPLOAD_WINDOW
from batchwork.use_cases.look_at_files import MAX_SHOWN, URL_LIFE
from batchwork.use_cases.read_runs import BatchWord
from batchwork.use_cases.webhook_subscriptions import MAX_SUBSCRIPTIONS

TEMPLATE = DOCUMENT.parents[1] / "template.yaml"


def schema_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = document()["components"]["schemas"][name]
    return found


def described(operation_id: str) -> str:
    (found,) = (told for _, _, told in operations() if told["operationId"] == operation_id)
    return " ".join(found["description"].split())


def test_words_are_those_of_the_code() -> None:
    assert schema_of("RunStatus")["enum"] == list(RunStatus)
    assert set(schema_of("RunBatch")["properties"]["counts"]["required"]) == set(RunStatus)
    assert set(schema_of("RunBatchStatus")["enum"]) == set(BatchWord)
    assert schema_of("FlowFileType")["enum"] == list(FileType)
    assert schema_of("DeliveryStatus")["enum"] == list(DeliveryStatus)
    assert schema_of("WorkflowStepType")["enum"] == list(step_types())
    tried = schema_of("RunEndpointTrial")["properties"]["eventType"]
    assert set(tried["enum"]) == {TEST, *GLOBAL_EVENTS, *WORKFLOW_EVENTS}


def test_every_status_of_a_run_is_explained() -> None:
    assert all(f"`{status}`" in schema_of("RunStatus")["description"] for status in RunStatus)


def test_every_type_of_step_is_explained() -> None:
    (told,) = (tag["description"] for tag in document()["tags"] if tag["name"] == "Workflows")
    assert re.findall(r"^\| ([A-Z_]+) \|", told, re.MULTILINE) != []
    assert set(re.findall(r"^\| ([A-Z_]+) \|", told, re.MULTILINE)) == set(step_types())


def test_limits_that_are_told_in_words_are_those_of_the_code() -> None:
    steps = schema_of("NewWorkflow")["properties"]["steps"]
    assert steps["maxItems"] == definition.MAX_STEPS
    assert f"{definition.MAX_BYTES:,} bytes" in steps["description"]
    step = schema_of("WorkflowStep")["properties"]
    assert (step["name"]["maxLength"], step["next"]["maxItems"]) == (definition.MAX_NAME, definition.MAX_NEXT)
    assert schemas.MAX_OBJECT == 10 * 1024
    assert all("10 KB" in schema_of(name)["description"] for name in ("RunMetadata", "RunSecrets"))
    assert MAX_FILE == 20 * 1024**2
    assert UPLOAD_WINDOW == URL_LIFE == timedelta(minutes=15)
    assert MAX_SHOWN == 1_500_000
    assert f"at most {MAX_ENDPOINTS} endpoints" in described("createWebhookEndpoint")
    assert f"at most {MAX_SUBSCRIPTIONS} subscriptions" in described("createWebhookSubscription")
    assert f"At most {MAX_DELIVERIES} a page" in described("listRunWebhookDeliveries")
    headers = schema_of("EndpointOptions")["properties"]["headers"]
    assert headers["maxProperties"] == custom_headers.MAX_HEADERS
    assert headers["additionalProperties"]["maxLength"] == custom_headers.MAX_VALUE
    assert f"at most {custom_headers.MAX_NAME} characters" in " ".join(headers["description"].split())


def test_what_a_deployment_may_change_is_told_as_it_is_by_default() -> None:
    defaults = dict(re.findall(r"^  (\w+):\n    Type: Number\n    Default: (\d+)$", TEMPLATE.read_text(), re.MULTILINE))
    told = " ".join(next(tag for tag in document()["tags"] if tag["name"] == "Workflow runs")["description"].split())
    assert f"within {defaults['RunTimeoutSeconds']} seconds (a parameter of the deployment)" in told
    assert f"{defaults['BatchDeadlineHours']} hours after it was accepted" in told
    assert f"for {defaults['RetentionDays']} days" in told


#: Schemas of bodies → what reads them.
BODIES: dict[str, type[BaseModel]] = {
    "LegacyRunBatch": schemas.BatchBody,
    "LegacyRuns": schemas.SinglesBody,
    "RunBatch2026": schemas.NewBatchBody,
    "NewRun2026": schemas.NewSingleBody,
    "RunChanges": change_schemas._Change,
    "RunReview": change_schemas._Review,
    "NewWorkflow": workflow_schemas.NewWorkflow,
    "WorkflowChanges": workflow_schemas.ChangedWorkflow,
    "NewFlowFile": file_schemas.Announced,
    "NewRunEndpoint": webhook_schemas.NewEndpoint,
    "RunEndpointChanges": webhook_schemas.EndpointChanges,
    "NewSubscription": webhook_schemas.NewSubscription,
    "SubscriptionChanges": webhook_schemas.SubscriptionChanges,
    "RunEndpointTrial": webhook_schemas.Trial,
    "RunSecretRotation": webhook_schemas.Rotation,
    "RunRecoveryStart": webhook_schemas.Since,
}
#: Fields that are read to be refused.
REFUSED = {("NewRun2026", "package"), ("NewRun2026", "outputs")}
#: Bounds that the code reads by hand.
BY_HAND = {
    ("NewWorkflow", "steps"),
    ("WorkflowChanges", "steps"),
    *((name, field) for name in ("NewRunEndpoint", "RunEndpointChanges") for field in ("enabledEvents", "apiVersion")),
    *((name, "advancedOptions") for name in ("NewRunEndpoint", "RunEndpointChanges")),
    # A URL's length is judged with its address.
    ("LegacyRunBatch", "inputs"),
    ("LegacyRuns", "files"),
    ("RunBatch2026", "inputs"),
    ("NewRun2026", "file"),
}
#: Of the fields before, those whose bounds are the same but for that of a URL.
SOURCES = {
    "LegacyRunBatch": "inputs",
    "LegacyRuns": "files",
    "RunBatch2026": "inputs",
    "NewRun2026": "file",
}
URL_BOUND = ("maxLength", 2048)


@pytest.mark.parametrize("name", BODIES)
def test_the_fields_of_bodies_are_those_that_are_read(name: str) -> None:
    told = properties(schema_of(name))
    shape = BODIES[name].model_json_schema(by_alias=True)
    refused = {field for body, field in REFUSED if body == name}
    assert told.keys() == shape["properties"].keys() - refused
    # What a trial without a type is, the document says as a default.
    assert set(schema_of(name).get("required", ())) >= set(shape.get("required", ()))
    for field, schema in told.items():
        if (name, field) not in BY_HAND:
            assert bounds(schema, document()) == bounds(shape["properties"][field], shape), field


@pytest.mark.parametrize("name", SOURCES)
def test_the_bounds_of_inputs_are_those_that_are_read_and_that_of_a_url(name: str) -> None:
    shape = BODIES[name].model_json_schema(by_alias=True)
    field = SOURCES[name]
    told = bounds(properties(schema_of(name))[field], document())
    assert told - {URL_BOUND} == bounds(shape["properties"][field], shape)
    assert URL_BOUND in told


def test_the_options_of_an_endpoint_are_those_that_are_read() -> None:
    shape = webhook_schemas.NewEndpoint.model_json_schema(by_alias=True)
    options = shape["$defs"]["_Options"]
    told = schema_of("EndpointOptions")["properties"]
    assert told.keys() == options["properties"].keys()
    for field in ("payload", "rateLimitPerMinute"):
        assert bounds(told[field], document()) == bounds(options["properties"][field], shape)


def test_texts_in_queries_and_pages_have_the_documented_bounds() -> None:
    size = document()["components"]["parameters"]["PageSize"]["schema"]
    assert (size["default"], size["minimum"], size["maximum"]) == (DEFAULT_PAGE, 1, MAX_PAGE)
    texts = [
        each["schema"]["maxLength"]
        for _, path, told in operations()
        if family_of(path).name == "workflow runs"
        for each in told["parameters"]
        if each["in"] == "query" and "maxLength" in each["schema"]
    ]
    assert set(texts) == {MAX_TEXT}
