"""The table and the bucket of template.yaml, in moto."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from batchwork.adapters import aws
from local.table import definition as table_definition

TABLE = "batchwork"
BUCKET = "batchwork-blobs"


@pytest.fixture
def in_moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    aws._session.cache_clear()
    with mock_aws():
        yield
    aws._session.cache_clear()


@pytest.fixture
def table(in_moto: None) -> str:
    aws.client("dynamodb").create_table(**table_definition(TABLE))
    return TABLE


@pytest.fixture
def bucket(in_moto: None) -> str:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    return BUCKET
