from __future__ import annotations

import json

import pytest
from functions.loading import load_function


@pytest.mark.parametrize("path", ["/", "/v2/nothing", "/api/v1/batches/x/y/z"])
def test_a_path_that_is_not_there_is_404_in_the_familys_envelope_with_and_without_a_key(path: str) -> None:
    handler = load_function("unrouted").handler
    for headers in ({}, {"x-api-key": "bw_acme_k1.secret"}):
        event = {
            "httpMethod": "PUT",
            "resource": "/" if path == "/" else "/{proxy+}",
            "path": path,
            "headers": headers,
            "requestContext": {"requestId": "r-1", "path": f"/live{path}"},
            "body": None,
        }
        answer = handler(event, None)
        assert answer["statusCode"] == 404
        assert answer["headers"]["X-Request-Id"] == "r-1"
        assert json.loads(answer["body"]) == {
            "data": None,
            "message": f"There is no route PUT {path}.",
            "error_code": 10003,
        }
