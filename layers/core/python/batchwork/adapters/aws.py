"""AWS clients: botocore's own, without boto3, whose sixty further modules would be paid for at every cold start."""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.parsers import JSONParser, ResponseParser, ResponseParserFactory

#: A session is not safe to make clients of in several threads at once (botocore).
_making = Lock()
#: Values of DynamoDB that are the same on the wire and in Python.
_PLAIN = frozenset({"S", "N", "BOOL", "NULL", "SS", "NS"})


class _JsonParser(JSONParser):
    """Leaves plain values of DynamoDB as they came: botocore asks ten questions of each, half the CPU of a large read."""

    def _handle_structure(self, shape: Any, value: Any) -> Any:
        if shape.name == "AttributeValue" and isinstance(value, dict) and value.keys() <= _PLAIN:
            return value
        return super()._handle_structure(shape, value)  # type: ignore[misc] # not in its stubs


class _Parsers(ResponseParserFactory):
    def create_parser(self, protocol_name: str) -> ResponseParser:
        return _JsonParser() if protocol_name == "json" else super().create_parser(protocol_name)


@cache
def _session() -> botocore.session.Session:
    session = botocore.session.get_session()
    session.register_component("response_parser_factory", _Parsers())
    return session


def client(service: str, **settings: Any) -> Any:
    """Return a new client; settings override the configuration below.

    Parameters are not validated on the client's side: that costs half the CPU of a call, and the service does it too.
    The user agent is given, since botocore otherwise puts one together for each call.
    """
    config = {
        "retries": {"mode": "standard", "total_max_attempts": 4},
        "connect_timeout": 3,
        "read_timeout": 10,
        "max_pool_connections": 50,
        "parameter_validation": False,
        "tcp_keepalive": True,
        "user_agent": f"Batchwork/1 Botocore/{botocore.__version__}",
    }
    with _making:
        return _session().create_client(service, config=Config(**{**config, **settings}))
