"""What an operator does with the endpoints of the lookups family: choose what each does for a workspace."""

from __future__ import annotations

import re
from dataclasses import dataclass

from batchwork.domain.address import check_url
from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.item import Json
from batchwork.domain.lookup import ENDPOINTS, Lookup, LookupKind
from batchwork.ports.identity import IdentityStore
from batchwork.ports.lookups import DatasetStore, LookupStore
from batchwork.use_cases.datasets import check_field, existing

#: Items that one invocation of a function may be given.
MAX_GROUP = 1_000
_ARN = re.compile(
    r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]{1,64}(:(\$LATEST|[A-Za-z0-9_-]{1,128}))?"
)
_SECRET = re.compile(r"(secretsmanager|ssm):[!-~]{1,512}")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Choose what endpoints do, and tell. Warm functions see a change within 15 seconds."""

    lookups: LookupStore
    datasets: DatasetStore
    identities: IdentityStore

    def choose(self, workspace_id: str, endpoint: str, lookup: Lookup) -> Lookup:
        """Choose, and return what was: with the field of an item that holds the key, by default named as the dataset's.

        Raises NotFound for the workspace, and InvalidRequest with all that is wrong.
        """
        existing(self.identities, workspace_id)
        problems = [] if endpoint in ENDPOINTS else [Problem("endpoint", f"There are {', '.join(ENDPOINTS)}", "enum")]
        settings = dict(lookup.settings)
        match lookup.kind:
            case LookupKind.ECHO:
                settings = {}
            case LookupKind.DATASET:
                problems += self._dataset(workspace_id, settings)
            case LookupKind.FUNCTION:
                problems += _function(settings)
            case LookupKind.HTTP:
                problems += _upstream(settings)
        if problems:
            raise InvalidRequest(problems)
        chosen = Lookup(lookup.kind, settings)
        self.lookups.put(workspace_id, endpoint, chosen)
        return chosen

    def all(self, workspace_id: str) -> dict[str, Lookup]:
        """Return what each endpoint does: echo where nobody chose. Raises NotFound for the workspace."""
        existing(self.identities, workspace_id)
        chosen = self.lookups.find(workspace_id)
        return {endpoint: chosen.get(endpoint, Lookup()) for endpoint in ENDPOINTS}

    def _dataset(self, workspace_id: str, settings: Json) -> list[Problem]:
        dataset = self.datasets.get(workspace_id, settings["dataset"])
        if dataset is None:
            return [Problem("dataset", f"There is no dataset {settings['dataset']}; load it first", "unknown")]
        settings["field"] = dataset.key if settings.get("field") is None else settings["field"]
        return check_field("field", settings["field"])


def _function(settings: Json) -> list[Problem]:
    problems = []
    if not _ARN.fullmatch(settings["function_arn"]):
        told = "It must be a function's ARN, such as arn:aws:lambda:eu-west-1:123456789012:function:prices"
        problems.append(Problem("function_arn", told, "arn"))
    if not 1 <= settings["group_size"] <= MAX_GROUP:
        problems.append(Problem("group_size", f"It must be 1 to {MAX_GROUP}", "range"))
    return problems


def _upstream(settings: Json) -> list[Problem]:
    # Where loopback is not allowed, the deployment's own egress refuses it.
    refusal = check_url(settings["url"], allow_loopback=True)
    problems = [Problem("url", f"It {refusal}", "url_refused")] if refusal else []
    return problems + check_secret("secret_ref", settings.get("secret_ref"))


def check_secret(place: str, reference: str | None) -> list[Problem]:
    """Return what is wrong with the reference to a secret, None for no secret; the problem does not quote it."""
    if reference is None or _SECRET.fullmatch(reference):
        return []
    return [Problem(place, "It must read secretsmanager:NAME or ssm:NAME", "reference")]
