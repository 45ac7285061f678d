"""``batchwork-admin agent``: what answers messages. An operator may choose any provider, Lambda functions included."""

from __future__ import annotations

import argparse
import mimetypes
from functools import cache
from pathlib import Path
from uuid import uuid4

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.documents import extract
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.packing import Packer
from batchwork.adapters.s3 import S3Blobs
from batchwork.domain.address import check_url
from batchwork.domain.agent import Agent, Document, ProviderChoice
from batchwork.domain.errors import InvalidRequest, NotFound, Problem
from batchwork.domain.item import Json
from batchwork.use_cases.agents import Agents, Draft
from batchwork_admin.options import whole
from batchwork_admin.target import Target

#: Provider → (settings it must have, settings it may have); option names are the same with dashes.
SETTINGS = {
    "knowledge": ((), ("passages",)),
    "bedrock": (("model",), ("region", "max_tokens", "temperature")),
    "openai": (("base_url", "model"), ("key_ref", "max_tokens", "temperature")),
    "lambda": (("function_arn",), ()),
}
#: Characters of an agent's name, as in the API.
MAX_NAME = 256
#: The deployment's own --region is another thing than the region of a model.
_OPTIONS = {"region": "model_region"}


def add_commands(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs."""
    create = verbs.add_parser("create", help="make an agent")
    create.add_argument("workspace", metavar="WORKSPACE_ID")
    create.add_argument("--name", required=True)
    create.add_argument("--description")
    create.add_argument("--system-prompt", default="")
    create.add_argument("--provider", choices=SETTINGS, default="knowledge")
    create.add_argument("--documents", nargs="+", type=Path, default=[], metavar="FILE", help="what it knows")
    create.add_argument(
        "--passages", type=whole(1, 20), metavar="NUMBER", help="knowledge: passages that an answer is made of"
    )
    create.add_argument("--model", help="bedrock, openai: the model's id")
    create.add_argument("--model-region", help="bedrock: region of the model")
    create.add_argument("--base-url", help="openai: where its API answers")
    create.add_argument("--key-ref", help="openai: secretsmanager:NAME or ssm:NAME")
    create.add_argument("--function-arn", help="lambda: the function")
    create.add_argument("--max-tokens", type=whole(1, 1_000_000), metavar="NUMBER", help="bedrock, openai")
    create.add_argument("--temperature", type=_temperature, metavar="0..2", help="bedrock, openai")
    create.add_argument("--publish", action="store_true", help="and let it answer at once")
    create.set_defaults(run=_create)
    publish = verbs.add_parser("publish", help="let a version answer")
    publish.add_argument("workspace", metavar="WORKSPACE_ID")
    publish.add_argument("agent", metavar="AGENT_ID")
    publish.add_argument("--version", type=whole(1, 10**9), metavar="NUMBER", help="default: the latest")
    publish.set_defaults(run=_publish)
    listed = verbs.add_parser("list", help="list a workspace's agents")
    listed.add_argument("workspace", metavar="WORKSPACE_ID")
    listed.set_defaults(run=_list)


def _agents(target: Target, workspace_id: str) -> Agents:
    if DynamoIdentities(target.table).workspace(workspace_id) is None:
        raise NotFound(what="Workspace")
    store = DynamoAgents(target.table, Packer(cache(lambda: S3Blobs(target.bucket))))
    return Agents(store, SystemClock(), lambda: str(uuid4()))


def _create(target: Target, options: argparse.Namespace) -> Json:
    agents = _agents(target, options.workspace)
    if not 1 <= len(options.name) <= MAX_NAME or not options.name.isprintable():
        raise InvalidRequest([Problem("--name", f"An agent's name has 1 to {MAX_NAME} printable characters", "name")])
    draft = Draft(
        name=options.name,
        description=options.description,
        system_prompt=options.system_prompt,
        provider=_provider(options),
        documents=tuple(_document(path) for path in options.documents),
    )
    agent, version = agents.create(options.workspace, draft)
    if options.publish:
        agent = agents.publish(options.workspace, agent.id, version.id)
    return shown(agent)


def _publish(target: Target, options: argparse.Namespace) -> Json:
    agents = _agents(target, options.workspace)
    agent, versions = agents.versions(options.workspace, options.agent)
    number = options.version or agent.latest
    version = next((version for version in versions if version.number == number), None)
    if version is None:
        raise NotFound(what="Agent version")
    return shown(agents.publish(options.workspace, options.agent, version.id))


def _list(target: Target, options: argparse.Namespace) -> list[Json]:
    return [shown(agent) for agent in _agents(target, options.workspace).all(options.workspace)]


def _provider(options: argparse.Namespace) -> ProviderChoice:
    """Return the provider that the options choose. Raises InvalidRequest for settings it lacks or does not know."""
    needed, allowed = SETTINGS[options.provider]
    every = {name for lists in SETTINGS.values() for names in lists for name in names}
    given = {name: getattr(options, _OPTIONS.get(name, name)) for name in sorted(every)}
    settings = {name: value for name, value in given.items() if value is not None}
    problems = [
        Problem(_option(name), f"{options.provider} needs it", "missing") for name in needed if name not in settings
    ]
    problems += [
        Problem(_option(name), f"{options.provider} does not know it", "unknown")
        for name in settings
        if name not in needed + allowed
    ]
    # Where loopback is not allowed, the deployment's own egress refuses it.
    refusal = check_url(settings["base_url"], allow_loopback=True) if "base_url" in settings else None
    if refusal is not None:
        problems.append(Problem("--base-url", refusal, "url_refused"))
    if problems:
        raise InvalidRequest(problems)
    return ProviderChoice(type=options.provider, settings=settings)


def _temperature(text: str) -> float:
    try:
        degrees = float(text)
    except ValueError:
        degrees = -1
    if not 0 <= degrees <= 2:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 2")
    return degrees


def _option(name: str) -> str:
    return "--" + _OPTIONS.get(name, name).replace("_", "-")


def _document(path: Path) -> Document:
    """Return a file's text, under its first Markdown heading or else its name. Raises UnreadableDocument."""
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    text = extract(path.name, media_type, path.read_bytes()).strip()
    first, _, rest = text.partition("\n")
    if first.startswith("# "):
        return Document(first.removeprefix("# ").strip(), rest.strip())
    return Document(path.stem, text)


def shown(agent: Agent) -> Json:
    """Return an agent as it is printed."""
    return {
        "agent": agent.id,
        "workspace": agent.workspace_id,
        "name": agent.name,
        "latest_version": agent.latest,
        "published_version": agent.published,
        "updated_at": agent.updated_at.isoformat(timespec="seconds"),
    }
