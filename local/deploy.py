"""template.yaml, deployed into the emulator as it is, but for what a laptop has not and what ministack does not take.

Code comes as zips in a bucket (what `sam package` does). Third-party wheels are the emulator's own: its functions run
in its interpreter, and start twice as fast without a layer of wheels. The policy that refuses plain http is left out:
the emulator speaks nothing else. A concurrency given by a parameter is written out (ministack compares the
parameter's text with a number), and what its import of the API definition drops is set afterwards.
"""

from __future__ import annotations

import io
import json
import py_compile
import tempfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samtranslator.yaml_helper import yaml_parse

from batchwork.adapters import aws
from local.stack import ROOT

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

STACK = "batchwork"
CODE_BUCKET = "batchwork-code"
#: Left out of the local deployment; see above.
NOT_LOCAL = ("DependenciesLayer", "BucketPolicy")
STORAGE = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue")
PARAMETERS = {
    "Architecture": "x86_64",
    "AllowLoopbackEgress": "true",
    # Two cores work no faster on more, and every worker is a process.
    "WorkerConcurrency": "4",
    "JobConcurrency": "4",
    "RunWorkerConcurrency": "4",
    "SenderConcurrency": "6",
    "ReceiverConcurrency": "2",
    # The emulator waits as long as it takes; two seconds more than a batch may run.
    "GatewayTimeoutMillis": "62000",
    "ThrottleRate": "5000",
    "ThrottleBurst": "5000",
}
DEPLOY_SECONDS = 60


def deploy(endpoint: str, *, storage_only: bool = False, changed: Mapping[str, str] | None = None) -> dict[str, str]:
    """Create the stack and return its outputs. Raises RuntimeError when that fails.

    storage_only: leave out what runs: functions, API, alarms (for functions that run in containers).
    changed: parameters of the template that shall be other than PARAMETERS or their defaults.
    """
    parameters = {**PARAMETERS, **(changed or {}), "AwsEndpointUrl": endpoint}
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=CODE_BUCKET)
    template = yaml_parse((ROOT / "template.yaml").read_text())
    for name in NOT_LOCAL:
        del template["Resources"][name]
    if storage_only:
        template["Resources"] = {k: v for k, v in template["Resources"].items() if v["Type"] in STORAGE}
        template["Outputs"] = {k: v for k, v in template["Outputs"].items() if not k.startswith("Api")}
        del template["Globals"]
    else:
        template["Globals"]["Function"]["Layers"] = [{"Ref": "CoreLayer"}]
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        for event in properties.get("Events", {}).values():
            scaling = event["Properties"].get("ScalingConfig")
            if scaling:
                scaling["MaximumConcurrency"] = int(parameters[scaling["MaximumConcurrency"]["Ref"]])
        match resource["Type"]:
            case "AWS::Serverless::Function":
                code, place = _zip_function(ROOT / properties["CodeUri"]), "CodeUri"
            case "AWS::Serverless::LayerVersion":
                code, place = _zip_layer(ROOT / properties["ContentUri"]), "ContentUri"
            case _:
                continue
        s3.put_object(Bucket=CODE_BUCKET, Key=f"{name}.zip", Body=code)
        properties[place] = f"s3://{CODE_BUCKET}/{name}.zip"
    # CloudFormation takes templates over 51,200 bytes from S3 only.
    s3.put_object(Bucket=CODE_BUCKET, Key="template.json", Body=json.dumps(template).encode())
    # The emulator makes the whole stack before it answers; a second try would find the first one's.
    cloudformation = aws.client("cloudformation", read_timeout=DEPLOY_SECONDS, retries={"total_max_attempts": 1})
    cloudformation.create_stack(
        StackName=STACK,
        TemplateURL=f"{endpoint}/{CODE_BUCKET}/template.json",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    )
    outputs = _wait(cloudformation)
    if not storage_only:
        _restore_api(outputs["ApiId"], template["Resources"]["Api"]["Properties"])
    return outputs


def _zip_function(folder: Path) -> bytes:
    return _zipped({path.name: path.read_bytes() for path in sorted(folder.glob("*.py"))})


def _zip_layer(folder: Path) -> bytes:
    """Return the layer with compiled modules, which spares every worker process the compiling."""
    files: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as scratch:
        compiled = Path(scratch) / "compiled.pyc"
        for path in sorted((folder / "python").rglob("*.py")):
            name = path.relative_to(folder)
            files[str(name)] = path.read_bytes()
            py_compile.compile(
                str(path),
                cfile=str(compiled),
                dfile=str(name),
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
            files[_cache_name(name)] = compiled.read_bytes()
    return _zipped(files)


def _cache_name(name: Path) -> str:
    import importlib.util

    return importlib.util.cache_from_source(str(name))


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _wait(cloudformation: CloudFormationClient) -> dict[str, str]:
    until = time.monotonic() + DEPLOY_SECONDS
    while True:
        stack = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        if stack["StackStatus"] != "CREATE_IN_PROGRESS" or time.monotonic() > until:
            raise RuntimeError(
                f"template.yaml was not deployed: {stack['StackStatus']}, {stack.get('StackStatusReason')}"
            )
        time.sleep(0.05)


def _restore_api(api_id: str, properties: dict[str, Any]) -> None:
    """Set what ministack's import of the API definition drops: binary media types and gateway responses."""
    gateway = aws.client("apigateway")
    # Amazon's form would be one "add" for each type; ministack takes the list whole.
    types = [kind.replace("~1", "/") for kind in properties["BinaryMediaTypes"]]
    gateway.update_rest_api(
        restApiId=api_id, patchOperations=[{"op": "replace", "path": "/binaryMediaTypes", "value": types}]
    )
    for kind, response in properties["GatewayResponses"].items():
        headers = response.get("ResponseParameters", {}).get("Headers", {})
        settings: dict[str, Any] = {
            "restApiId": api_id,
            "responseType": kind,
            "responseTemplates": response.get("ResponseTemplates", {}),
            "responseParameters": {f"gatewayresponse.header.{name}": value for name, value in headers.items()},
        }
        if "StatusCode" in response:
            settings["statusCode"] = str(response["StatusCode"])
        gateway.put_gateway_response(**settings)
    gateway.create_deployment(restApiId=api_id, stageName="live")
