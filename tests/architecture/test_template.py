"""template.yaml holds what the code and the documents promise."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from batchwork.adapters.dynamodb import keys
from batchwork.domain.operation import METHODS, ROOTS
from batchwork.families.lookups.errors import TABLE
from local.deploy import PARAMETERS
from local.table import definition

ROOT = Path(__file__).parents[2]
TEMPLATE = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: each["Properties"] for name, each in RESOURCES.items() if each["Type"] == kind}


FUNCTIONS = of_type("AWS::Serverless::Function")
FOLDERS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
QUEUES = of_type("AWS::SQS::Queue")
ALARMS = of_type("AWS::CloudWatch::Alarm")


def statements(function: str) -> list[dict[str, Any]]:
    """Return what a function's role allows."""
    role = RESOURCES[FUNCTIONS[function]["Role"]["Fn::GetAtt"][0]]["Properties"]
    assert "ManagedPolicyArns" not in role, "managed policies allow more than one function needs"
    return [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def seconds(value: Any) -> int:
    """Return a duration that may be given by a parameter, which then stands for its default."""
    return int(TEMPLATE["Parameters"][value["Ref"]]["Default"]) if isinstance(value, dict) else int(value)


def test_the_table_is_the_one_that_the_contract_tests_use() -> None:
    table = RESOURCES["Table"]["Properties"]
    wanted = definition("any")
    for name in ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes"):
        assert table[name] == wanted[name]
    assert table["StreamSpecification"] == {"StreamViewType": wanted["StreamSpecification"]["StreamViewType"]}


def test_what_customers_store_is_kept_encrypted_and_outlives_the_stack() -> None:
    table, bucket = RESOURCES["Table"], RESOURCES["Bucket"]
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["Properties"]["SSESpecification"] == {"SSEEnabled": True}
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["Properties"]["BucketEncryption"]
    assert {table["DeletionPolicy"], bucket["DeletionPolicy"]} == {"Retain"}
    assert all(queue["SqsManagedSseEnabled"] for queue in QUEUES.values())


def test_a_spilled_value_outlives_the_row_that_points_to_it() -> None:
    parameters = TEMPLATE["Parameters"]
    longest_deadline = parameters["BatchDeadlineHours"]["MaxValue"] / 24
    days = TEMPLATE["Mappings"]["BlobDays"]
    assert sorted(map(int, days)) == parameters["RetentionDays"]["AllowedValues"]
    # TTL deletes a row up to days after its time; a day is what AWS calls typical at worst.
    for retention, by_jobs in days.items():
        assert sorted(map(int, by_jobs)) == parameters["JobRetentionDays"]["AllowedValues"]
        for jobs, blob in by_jobs.items():
            assert blob >= max(int(retention), int(jobs)) + longest_deadline + 1
    rules = {
        each.get("Prefix"): each.get("ExpirationInDays")
        for each in of_type("AWS::S3::Bucket")["Bucket"]["LifecycleConfiguration"]["Rules"]
    }
    for prefix in ("batches/", "runs/", "payloads/"):
        assert rules[prefix] == {"Fn::FindInMap": ["BlobDays", {"Ref": "RetentionDays"}, {"Ref": "JobRetentionDays"}]}


def test_every_function_folder_is_deployed_and_has_an_event() -> None:
    assert sorted(each["CodeUri"].removeprefix("functions/").rstrip("/") for each in FUNCTIONS.values()) == FOLDERS
    assert sorted(path.stem for path in (ROOT / "events").glob("*.json")) == FOLDERS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_named_for_its_folder_and_logs_where_logs_end(function: str) -> None:
    properties = FUNCTIONS[function]
    folder = properties["CodeUri"].removeprefix("functions/").rstrip("/")
    assert function == "".join(word.capitalize() for word in folder.split("_")) + "Function"
    assert properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == folder
    logs = RESOURCES[properties["LoggingConfig"]["LogGroup"]["Ref"]]["Properties"]
    assert logs["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_no_two_functions_share_a_role() -> None:
    roles = [each["Role"]["Fn::GetAtt"][0] for each in FUNCTIONS.values()]
    assert len(set(roles)) == len(roles)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_allows_named_actions_on_named_resources(function: str) -> None:
    allowed = re.compile(
        r"dynamodb:(GetItem|BatchGetItem|PutItem|UpdateItem|DeleteItem|BatchWriteItem|Query"
        r"|DescribeStream|GetRecords|GetShardIterator|ListStreams)"
        r"|s3:(GetObject|PutObject|DeleteObject|ListBucket)"
        r"|sqs:(SendMessage|ReceiveMessage|DeleteMessage|GetQueueAttributes)"
        r"|logs:(CreateLogStream|PutLogEvents)"
        r"|bedrock:InvokeModel|lambda:InvokeFunction|secretsmanager:GetSecretValue|ssm:GetParameter"
    )
    for statement in statements(function):
        for action in as_list(statement["Action"]):
            assert allowed.fullmatch(action), f"{action}: no wildcard, nothing of administration"
        for resource in as_list(statement["Resource"]):
            assert resource != "*"
            text = resource.get("Fn::Sub", "") if isinstance(resource, dict) else resource
            assert not text.endswith((":*", "Table.Arn}/*", "Bucket.Arn}/*")), f"{text} is more than one needs"


def leading_keys(statement: dict[str, Any]) -> list[str]:
    """Return the patterns of the partitions that a statement is about, empty for all of them."""
    patterns: list[str] = (
        statement.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", [])
    )
    return patterns


#: Functions that serve resources, which customers may delete.
SERVES_RESOURCES = {"OperationsBatchFunction", "OperationsResourcesFunction", "OperationsWorkerFunction"}
DELETABLE = {"POST#*", "MEDIA#*", "HOOK#*"}
#: What customers may delete through other functions.
REMOVES = {
    **dict.fromkeys(SERVES_RESOURCES, DELETABLE),
    "WorkflowFilesFunction": {"DOC#*"},
    "WorkflowWebhooksFunction": {"HOOK#*", "HOOKSUB#*"},
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_deletes_holds_charges_and_resources_that_it_serves_and_nothing_else(function: str) -> None:
    for statement in statements(function):
        if "dynamodb:DeleteItem" in as_list(statement["Action"]):
            others = {"RATE#*", "USAGE#*"} if "dynamodb:PutItem" in as_list(statement["Action"]) else set()
            others |= REMOVES.get(function, set())
            assert {"CLAIM#*"} <= set(leading_keys(statement)) <= {"CLAIM#*", "LEDGER#*"} | others


#: Functions that write rows of runs: each removes what it stored for a run that was deleted or written before it.
WRITES_RUNS = {
    *("WorkflowRunsChangeFunction", "WorkflowRunsWorkerFunction"),
    *("CompletionFunction", "SweeperFunction"),
}
#: What of the bucket customers may delete, by the function that serves it.
REMOVED = {
    **dict.fromkeys(SERVES_RESOURCES, "media"),
    "WorkflowFilesFunction": "documents",
    **dict.fromkeys(WRITES_RUNS, "runs"),
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_of_the_bucket_only_customers_own_files_are_deleted_and_only_by_what_serves_them(function: str) -> None:
    deletes = [each for each in statements(function) if "s3:DeleteObject" in as_list(each["Action"])]
    expected = [{"Fn::Sub": f"${{Bucket.Arn}}/{REMOVED[function]}/*"}] if function in REMOVED else []
    assert [each["Resource"] for each in deletes] == expected


def test_rows_that_roles_name_are_the_rows_that_are_written() -> None:
    built = [
        keys.requests_of("acme", "k1", "2026-11-22"),
        keys.claim("acme", "name"),
        keys.usage("acme", "2026-11"),
        keys.charge("acme", "2026-11", "id"),
        *(
            keys.resource(kind, "acme", "id")
            for kind in ("POST", "ACCOUNT", "MEDIA", "HOOK", "HOOKSUB", "FLOW", "FLOWV", "DOC")
        ),
        keys.run("acme", "id", 0),
        keys.endpoint_health("acme", "wh_1"),
        keys.publication("acme", "token"),
        keys.connecting("acme", "state"),
        keys.publishing_hour("acme"),
        keys.delivery("acme", "id"),
        keys.header("acme", "id"),
        keys.key(keys.chunk("acme", "id", 0), keys.unit(0)),
    ]
    prefixes = {f"{key['pk']['S'].partition('#')[0]}#*" for key in built}
    named = {pattern for name in FUNCTIONS for each in statements(name) for pattern in leading_keys(each)}
    assert named == prefixes


@pytest.mark.parametrize(
    ("function", "patterns"),
    [
        ("LookupsBatchFunction", ["RATE#*", "CLAIM#*", "USAGE#*", "LEDGER#*"]),
        ("MeFunction", ["RATE#*"]),
        ("UnroutedFunction", ["RATE#*"]),
    ],
)
def test_a_function_of_the_lookups_writes_what_accounts_for_requests_alone(function: str, patterns: list[str]) -> None:
    writes = [
        each
        for each in statements(function)
        if any(re.fullmatch(r"dynamodb:(?!.*Get).*Item", action) for action in as_list(each["Action"]))
    ]
    assert [leading_keys(each) for each in writes] == [patterns]


WITH_RESOURCES = {"ACCOUNT#*", "HOOKSTATS#*", "PUBLICATION#*", "CONNECT#*", "HOUR#*", "DELIVERY#*"} | DELETABLE
JOB_ROWS = {"BATCH#*", "CHUNK#*"}


@pytest.mark.parametrize(
    ("function", "others"),
    [
        ("OperationsResourcesFunction", {"RATE#*", "CLAIM#*"}),
        ("OperationsBatchFunction", {"RATE#*", "CLAIM#*", "USAGE#*", "LEDGER#*"} | JOB_ROWS),
        ("OperationsWorkerFunction", {"CLAIM#*"} | JOB_ROWS),
    ],
)
def test_what_serves_resources_writes_no_workspace_no_key_and_nothing_of_other_families(
    function: str, others: set[str]
) -> None:
    (writes,) = (each for each in statements(function) if "dynamodb:PutItem" in as_list(each["Action"]))
    assert set(leading_keys(writes)) == WITH_RESOURCES | others
    assert not {"dynamodb:UpdateItem", "dynamodb:BatchWriteItem"}.intersection(
        action for each in statements(function) if each is not writes for action in as_list(each["Action"])
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_what_feeds_a_function_may_be_consumed_by_it(function: str) -> None:
    fed = {
        event["Properties"]["Queue"]["Fn::GetAtt"][0]
        for event in FUNCTIONS[function].get("Events", {}).values()
        if event["Type"] == "SQS"
    }
    consumes = {
        resource["Fn::GetAtt"][0]
        for statement in statements(function)
        if "sqs:ReceiveMessage" in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
    assert consumes == fed


def test_every_setting_that_code_reads_is_declared() -> None:
    sources = [*(ROOT / "functions").glob("*/handler.py"), *(ROOT / "layers/core/python/batchwork").rglob("*.py")]
    read = {
        name
        for path in sources
        for name in re.findall(r"settings\.\w+\(\s*\"([A-Z_]+)\"", path.read_text(encoding="utf-8"))
    }
    declared = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    assert {"TABLE_NAME", "RETENTION_DAYS"} <= read <= set(declared)
    assert declared["AWS_ENDPOINT_URL"] == {"Ref": "AwsEndpointUrl"}
    assert TEMPLATE["Parameters"]["AwsEndpointUrl"]["Default"] == ""
    assert TEMPLATE["Parameters"]["AllowLoopbackEgress"]["Default"] == "false"


@pytest.mark.parametrize("queue", QUEUES)
def test_every_queue_ends_in_a_watched_dead_letter_queue(queue: str) -> None:
    redrive = QUEUES[queue].get("RedrivePolicy")
    dead = redrive["deadLetterTargetArn"]["Fn::GetAtt"][0] if redrive else queue
    assert dead.endswith("DeadLetters")
    watched = [each["Dimensions"][0]["Value"] for each in ALARMS.values() if each["Namespace"] == "AWS/SQS"]
    assert {"Fn::GetAtt": [dead, "QueueName"]} in watched


@pytest.mark.parametrize(
    ("function", "event"),
    [(name, each) for name, one in FUNCTIONS.items() for each in one["Events"].values() if each["Type"] == "SQS"],
)
def test_a_queue_hides_a_message_for_as_long_as_its_function_may_run(function: str, event: dict[str, Any]) -> None:
    source = event["Properties"]
    queue = QUEUES[source["Queue"]["Fn::GetAtt"][0]]
    assert seconds(queue["VisibilityTimeout"]) >= seconds(FUNCTIONS[function]["Timeout"])
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert "Ref" in source["ScalingConfig"]["MaximumConcurrency"]


STREAMS = {
    name: event["Properties"]
    for name, each in FUNCTIONS.items()
    for event in each["Events"].values()
    if event["Type"] == "DynamoDB"
}


def test_no_more_functions_read_the_tables_stream_than_do_so_without_being_throttled() -> None:
    assert set(STREAMS) == {"CompletionFunction", "ResourceEventsFunction"}  # two (AWS limit)


@pytest.mark.parametrize("function", STREAMS)
def test_a_poison_stream_record_blocks_its_shard_for_an_hour_at_the_most(function: str) -> None:
    stream = STREAMS[function]
    assert 60 <= stream["MaximumRecordAgeInSeconds"] <= 3600
    assert stream["BisectBatchOnFunctionError"] is True
    assert stream["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    dead = f"{function.removesuffix('Function')}DeadLetters"
    assert stream["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": [dead, "Arn"]}
    assert {"Fn::GetAtt": [dead, "Arn"]} in [
        target
        for each in statements(function)
        if "sqs:SendMessage" in as_list(each["Action"])
        for target in as_list(each["Resource"])
    ]
    aged = [each["Dimensions"][0]["Value"] for each in ALARMS.values() if each["MetricName"] == "IteratorAge"]
    assert {"Ref": function} in aged


def test_resource_events_are_told_of_rows_whose_write_was_an_event_alone() -> None:
    (pattern,) = STREAMS["ResourceEventsFunction"]["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {"dynamodb": {"NewImage": {"events": {"S": [{"exists": True}]}}}}


def test_completion_is_told_of_batches_with_nothing_left_and_of_runs_that_ended_without_a_worker_alone() -> None:
    patterns = [json.loads(each["Pattern"]) for each in STREAMS["CompletionFunction"]["FilterCriteria"]["Filters"]]
    assert [set(pattern["dynamodb"]["NewImage"]) for pattern in patterns] == [
        {"kind", "remaining", "status"},
        {"unworked"},
    ]


@pytest.mark.parametrize(
    ("function", "rows"),
    [
        ("WorkflowRunsCreateFunction", {"RATE#*", "CLAIM#*", "USAGE#*", "LEDGER#*", "FLOWV#*"} | JOB_ROWS),
        ("WorkflowRunsReadFunction", {"RATE#*"}),
        ("WorkflowRunsChangeFunction", {"RATE#*", "CLAIM#*", "RUN#*"} | JOB_ROWS),
        ("WorkflowRunsWorkerFunction", {"RUN#*"} | JOB_ROWS),
        ("WorkflowsFunction", {"RATE#*", "CLAIM#*", "FLOW#*", "FLOWV#*"}),
        ("WorkflowFilesFunction", {"RATE#*", "CLAIM#*", "DOC#*"}),
        ("MessagesDeliveriesFunction", {"RATE#*", "CLAIM#*", "DELIVERY#*"}),
    ],
)
def test_a_function_of_workflow_runs_writes_the_rows_of_its_own_routes_alone(function: str, rows: set[str]) -> None:
    writing = re.compile(r"dynamodb:(Put|Update|BatchWrite)Item")
    (writes,) = (each for each in statements(function) if any(map(writing.fullmatch, as_list(each["Action"]))))
    assert set(leading_keys(writes)) == rows


def test_every_path_of_the_workflow_runs_family_is_served_also_below_v1() -> None:
    served = {
        (event["Properties"]["Method"], event["Properties"]["Path"])
        for name in FUNCTIONS
        if name.startswith("Workflow") and name != "WorkflowRunsWorkerFunction"
        for event in FUNCTIONS[name]["Events"].values()
    }
    runs = {
        ("POST", "/workflow_runs/batch"),
        ("POST", "/workflow_runs"),
        ("GET", "/workflow_runs"),
        *((method, "/workflow_runs/{id}") for method in ("GET", "POST", "DELETE")),
        ("POST", "/workflow_runs/{id}/cancel"),
        ("POST", "/workflow_runs/{id}/review"),
        ("GET", "/workflow_runs/batch/{batch_id}"),
        ("POST", "/workflow_runs/batch/{batch_id}/cancel"),
    }
    roots = {
        "/workflows": ("GET", "POST"),
        "/files": ("GET", "POST", "DELETE"),
        "/webhook_endpoints": ("GET", "POST", "DELETE"),
        "/webhook_subscriptions": ("GET", "POST", "DELETE"),
    }
    below = {
        (method, f"{root}{path}") for root, methods in roots.items() for method in methods for path in ("", "/{proxy+}")
    }
    assert served == {(method, f"{prefix}{path}") for prefix in ("", "/v1") for method, path in runs | below}


def test_uploads_of_media_are_told_and_what_cannot_be_told_is_kept() -> None:
    bucket, queue = RESOURCES["Bucket"]["Properties"], {"Fn::GetAtt": ["MediaUploadedDeadLetters", "Arn"]}
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    uploaded = FUNCTIONS["MediaUploadedFunction"]
    (rule,) = (each["Properties"] for each in uploaded["Events"].values())
    assert rule["Pattern"]["detail-type"] == ["Object Created"]
    assert rule["Pattern"]["detail"] == {
        "bucket": {"name": [{"Ref": "Bucket"}]},
        "object": {"key": [{"prefix": "media/"}]},
    }
    assert rule["DeadLetterConfig"] == {"Arn": queue}
    assert rule["RetryPolicy"]["MaximumRetryAttempts"] > 0
    assert uploaded["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"] == queue


#: A batch may run for so long: 60 seconds, or two less than API Gateway waits.
EXECUTION_SECONDS, REST_SECONDS = 60, 2


def test_a_batch_may_run_as_long_as_api_gateway_waits_and_its_function_outlives_both() -> None:
    batch, parameter = FUNCTIONS["OperationsBatchFunction"], TEMPLATE["Parameters"]["GatewayTimeoutMillis"]
    waits = {
        (event["Properties"]["Method"], event["Properties"]["Path"]): event["Properties"].get("TimeoutInMillis")
        for event in batch["Events"].values()
    }
    paths = ("/v1/batch", "/v1/batch/transaction", "/v1/batch/dry-run")
    assert {path: waits["POST", path] for path in paths} == {path: {"Ref": "GatewayTimeoutMillis"} for path in paths}
    assert parameter["Default"] == 29000  # what every account allows
    assert "Maximum integration timeout in milliseconds" in parameter["Description"]
    assert parameter["MaxValue"] >= (EXECUTION_SECONDS + REST_SECONDS) * 1000
    assert batch["Timeout"] * 1000 > parameter["MaxValue"]
    declared = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    assert declared["GATEWAY_TIMEOUT_MILLIS"] == {"Ref": "GatewayTimeoutMillis"}
    local = int(PARAMETERS["GatewayTimeoutMillis"])
    assert min(EXECUTION_SECONDS * 1000, local - REST_SECONDS * 1000) == 60_000  # what the seed's limits say


def test_every_path_of_the_operations_family_is_served() -> None:
    served = {
        (event["Properties"]["Method"], event["Properties"]["Path"])
        for name in ("OperationsBatchFunction", "OperationsResourcesFunction")
        for event in FUNCTIONS[name]["Events"].values()
    }
    below = {path for root in ROOTS for path in (root, f"{root}/{{proxy+}}")}
    assert served == {(method, path) for method in ("GET", *METHODS) for path in below} | {
        *(("POST", f"/v1/batch{path}") for path in ("", "/transaction", "/dry-run", "/async")),
        *(("GET", f"/v1/batch/{path}") for path in ("limits", "async", "async/{job_id}")),
        ("GET", "/v1/auth/me"),
        ("GET", "/v1/health"),
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_api_gateway_may_invoke_fits_into_a_functions_policy(function: str) -> None:
    """SAM gives each Api event a permission of about 450 bytes; a function's policy has 20 KB (AWS limit)."""
    events = [each for each in FUNCTIONS[function]["Events"].values() if each["Type"] == "Api"]
    assert len(events) * 450 <= 20 * 1024


@pytest.mark.parametrize("function", FUNCTIONS)
def test_errors_of_every_function_raise_an_alarm(function: str) -> None:
    watched = [each["Dimensions"][0]["Value"] for each in ALARMS.values() if each["MetricName"] == "Errors"]
    assert {"Ref": function} in watched


def test_given_up_webhooks_and_a_late_stream_raise_an_alarm() -> None:
    metrics = {each["MetricName"] for each in ALARMS.values()}
    assert {"WebhookDeliveriesExhausted", "IteratorAge", "5XXError"} <= metrics


def test_no_access_log_holds_a_header_a_query_or_a_body() -> None:
    logged = set(re.findall(r"\$(context[.\w]+|\w+)", RESOURCES["Api"]["Properties"]["AccessLogSetting"]["Format"]))
    assert "context.requestId" in logged
    secret = re.compile(r"header|query|body|authorizer|apiKey|userAgent|\.path$", re.IGNORECASE)
    assert not [name for name in logged if secret.search(name)]


def test_the_api_throttles_and_takes_uploads_as_they_are() -> None:
    api = RESOURCES["Api"]["Properties"]
    (settings,) = api["MethodSettings"]
    assert settings["ThrottlingRateLimit"] == {"Ref": "ThrottleRate"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "ThrottleBurst"}
    assert not settings.get("DataTraceEnabled")
    assert api["BinaryMediaTypes"] == ["multipart~1form-data"]


@pytest.mark.parametrize(
    ("kind", "status"), [("MISSING_AUTHENTICATION_TOKEN", "404"), ("REQUEST_TOO_LARGE", "413"), ("THROTTLED", "429")]
)
def test_what_the_gateway_answers_itself_is_in_every_familys_envelope(kind: str, status: str) -> None:
    answer = RESOURCES["Api"]["Properties"]["GatewayResponses"][kind]
    assert answer["StatusCode"] == status
    told = json.loads(answer["ResponseTemplates"]["application/json"])
    assert (told["data"], told["message"]) == (None, told["error"]["message"])
    assert told["error_code"] in {10003, 10006}
    assert told["error"]["code"] in {code for _, code in TABLE.values()}
    assert (told["success"], told["retryable"]) == (False, status == "429")
    assert told["code"] in {"NOT_FOUND", "INVALID_REQUEST", "RATE_LIMIT_EXCEEDED"}
