"""AWS clients: botocore's own, without boto3, whose sixty further modules would be paid for at every cold start."""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import Any

import botocore.session
from botocore.config import Config

#: A session is not safe to make clients of in several threads at once (botocore).
_making = Lock()


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


def client(service: str, **settings: Any) -> Any:
    """Return a new client; settings override the configuration below.

    Parameters are not validated on the client's side: that costs half the CPU of a call, and the service does it too.
    """
    config = {
        "retries": {"mode": "standard", "total_max_attempts": 4},
        "connect_timeout": 3,
        "read_timeout": 10,
        "max_pool_connections": 50,
        "parameter_validation": False,
        "tcp_keepalive": True,
    }
    with _making:
        return _session().create_client(service, config=Config(**{**config, **settings}))
