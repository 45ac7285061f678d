"""The life of a workflow: made, changed, deployed, and what runs go through (spec workflow runs 4.6, client 1.20.0)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from errands import Work, an_errand
from factories import AT
from fakes.clock import FakeClock
from fakes.shelf import FakeShelf

from batchwork.domain.errors import InvalidRequest, NotFound, Problem
from batchwork.domain.item import Json
from batchwork.domain.workflow import DEFAULT_STEPS, Workflow, WorkflowVersion, version_id
from batchwork.use_cases.workflows import SKEW, Workflows

STEPS = ({"name": "trigger", "type": "TRIGGER", "next": [{"step": "p"}]}, {"name": "p", "type": "PARSE"})
OTHERS = (*STEPS, {"name": "look", "type": "HUMAN_REVIEW"})
UNKNOWN = "workflow_" + "z" * 23


def problems(steps: Sequence[Json], deploying: bool) -> list[Problem]:
    """Steps have to have names, and when they are deployed types."""
    needed = ("name", "type") if deploying else ("name",)
    return [
        Problem(f"steps[{index}].{name}", "Must be given", "missing")
        for index, step in enumerate(steps)
        for name in needed
        if name not in step
    ]


class Interposed(FakeShelf[Any]):
    """Lets something happen before the next write. many: how many each read of many asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.before: list[Callable[[], object]] = []
        self.many: list[int] = []

    def get_many(self, workspace_id: str, resource_ids: Iterable[str]) -> dict[str, Any]:
        wanted = list(resource_ids)
        self.many.append(len(wanted))
        return super().get_many(workspace_id, wanted)

    def add(self, resource: Any, *events: str) -> bool:
        self._happen()
        return super().add(resource, *events)

    def replace(self, resource: Any, *events: str) -> bool:
        self._happen()
        return super().replace(resource, *events)

    def _happen(self) -> None:
        if self.before:
            self.before.pop(0)()


@dataclass
class World:
    clock: FakeClock = field(default_factory=FakeClock)
    flows: Interposed = field(default_factory=Interposed)
    versions: Interposed = field(default_factory=Interposed)

    def __post_init__(self) -> None:
        self.workflows = Workflows(self.flows, self.versions, self.clock, problems)

    def made(self, name: str = "Invoices", steps: tuple[Json, ...] | None = STEPS) -> Workflow:
        """Make a workflow, a second after whatever was before."""
        at = self.clock.pass_(timedelta(seconds=1))
        return self.workflows.create("acme", name, steps, an_errand(at).ticket)

    def deployed(self, workflow: Workflow, name: str | None = None, steps: Any = None) -> WorkflowVersion:
        """Deploy the next version, a second after whatever was before."""
        at = self.clock.pass_(timedelta(seconds=1))
        return self.workflows.deploy("acme", workflow.id, name, steps, an_errand(at).ticket)

    def now(self, workflow: Workflow) -> Workflow:
        return self.workflows.get("acme", workflow.id)

    def events(self) -> list[tuple[str, str]]:
        """Return (event, deployed version) of every write that was one."""
        return [(event, str(row.deployed)) for row, events in self.flows.told for event in events]


@pytest.fixture
def world() -> World:
    return World()


# ── made and changed ──


def test_a_workflow_is_made_with_the_default_steps_unless_it_is_given_some(world: World) -> None:
    assert world.made(steps=None).steps == DEFAULT_STEPS
    assert world.made(steps=OTHERS).steps == OTHERS
    assert world.events() == [("workflow.created", "0"), ("workflow.created", "0")]


def test_each_try_of_one_piece_of_work_makes_the_same_workflow(world: World) -> None:
    work = Work()
    first = world.workflows.create("acme", "A", None, work.try_().ticket)
    world.workflows.update("acme", first.id, "B", None)
    again = world.workflows.create("acme", "A", None, work.try_().ticket)
    assert (again.id, again.name) == (first.id, "B")
    assert world.events() == [("workflow.created", "0")]


@pytest.mark.parametrize("workflow_id", [UNKNOWN, "workflow_1", "", "file_" + "a" * 23])
def test_what_is_no_workflow_is_not_found(world: World, workflow_id: str) -> None:
    with pytest.raises(NotFound):
        world.workflows.get("acme", workflow_id)
    with pytest.raises(NotFound):
        world.workflows.flow_for("acme", workflow_id, None)


def test_another_workspaces_workflow_is_not_found(world: World) -> None:
    made = world.made()
    for call in (
        lambda: world.workflows.get("other", made.id),
        lambda: world.workflows.update("other", made.id, "Mine", None),
        lambda: world.workflows.deploy("other", made.id, None, None, an_errand().ticket),
        lambda: world.workflows.version("other", made.id, "draft"),
        lambda: world.workflows.versions_of("other", made.id, None, 10),
        lambda: world.workflows.flow_for("other", made.id, None),
    ):
        with pytest.raises(NotFound):
            call()
    assert world.now(made) == made


def test_a_change_replaces_what_it_gives_and_nothing_else(world: World) -> None:
    made = world.made()
    at = world.clock.pass_(timedelta(seconds=5))
    renamed = world.workflows.update("acme", made.id, "Renamed", None)
    assert renamed == replace(made, name="Renamed", updated_at=at, revision=2)
    world.clock.pass_(timedelta(seconds=5))
    redrawn = world.workflows.update("acme", made.id, None, OTHERS)
    assert (redrawn.name, redrawn.steps, redrawn.draft_at) == ("Renamed", OTHERS, world.clock.at)


def test_a_change_to_what_is_there_already_writes_nothing(world: World) -> None:
    made = world.made()
    assert world.workflows.update("acme", made.id, "Invoices", STEPS) == made
    assert world.workflows.update("acme", made.id, None, None) == made


def test_one_is_not_true(world: World) -> None:
    made = world.made(steps=({"name": "a", "config": 1},))
    assert world.workflows.update("acme", made.id, None, ({"name": "a", "config": True},)).steps[0]["config"] is True


def test_a_change_that_somebody_overtook_keeps_what_the_other_changed(world: World) -> None:
    made = world.made()
    world.flows.before = [lambda: world.workflows.update("acme", made.id, "Theirs", None)]
    world.workflows.update("acme", made.id, None, OTHERS)
    assert (world.now(made).name, world.now(made).steps) == ("Theirs", OTHERS)


def test_times_do_not_go_back_where_a_clock_does(world: World) -> None:
    made = world.made()
    world.clock.at = AT - timedelta(hours=1)
    assert world.workflows.update("acme", made.id, "Renamed", None).updated_at == made.updated_at


# ── lists ──


@pytest.mark.parametrize(
    ("by", "ascending", "names"),
    [
        ("createdAt", False, ["c", "b", "a"]),
        ("createdAt", True, ["a", "b", "c"]),
        ("updatedAt", False, ["a2", "c", "b"]),
        ("updatedAt", True, ["b", "c", "a2"]),
    ],
)
def test_workflows_are_listed_in_the_order_that_is_asked_for(
    world: World, by: Any, ascending: bool, names: list[str]
) -> None:
    first, *_ = [world.made(name) for name in "abc"]
    if by == "updatedAt":
        world.clock.pass_(timedelta(seconds=1))
        world.workflows.update("acme", first.id, "a2", None)
    seen, after = list[str](), None
    while True:
        part, after = world.workflows.page("acme", after, 2, by=by, ascending=ascending)
        seen += [each.name for each in part]
        if after is None:
            break
    assert seen == names
    assert world.workflows.page("other", None, 10) == ([], None)


# ── deployed ──


def test_versions_are_numbered_one_by_one_and_told_once_each(world: World) -> None:
    made = world.made()
    versions = [world.deployed(made, name) for name in ("first", None)]
    assert [(each.version, each.name, each.steps) for each in versions] == [
        ("1", "first", STEPS),
        ("2", None, STEPS),
    ]
    assert [each.id for each in versions] == [version_id(made.id, "1"), version_id(made.id, "2")]
    assert (world.now(made).deployed, world.now(made).deployed_at) == (2, versions[1].created_at)
    assert world.events()[1:] == [("workflow.deployed", "1"), ("workflow.deployed", "2")]


def test_a_version_does_not_follow_the_draft(world: World) -> None:
    made = world.made()
    world.deployed(made)
    world.workflows.update("acme", made.id, None, OTHERS)
    assert world.workflows.version("acme", made.id, "1").steps == STEPS
    assert world.workflows.version("acme", made.id, "draft").steps == OTHERS


def test_steps_that_are_deployed_directly_leave_the_draft_as_it_is(world: World) -> None:
    made = world.made()
    assert world.deployed(made, steps=OTHERS).steps == OTHERS
    assert world.now(made).steps == STEPS


def test_a_draft_that_cannot_be_deployed_is_told_with_its_places(world: World) -> None:
    made = world.made(steps=({"name": "a"},))
    with pytest.raises(InvalidRequest) as refused:
        world.deployed(made)
    assert [each.place for each in refused.value.problems] == ["steps[0].type"]
    assert world.now(made) == made


def test_each_try_of_one_piece_of_work_deploys_the_same_version(world: World) -> None:
    made, work = world.made(), Work(AT + timedelta(seconds=2))
    first = world.workflows.deploy("acme", made.id, "mine", None, work.try_().ticket)
    world.deployed(made, "theirs")
    again = world.workflows.deploy("acme", made.id, "mine", None, work.try_().ticket)
    assert again == first
    assert world.now(made).deployed == 2


def test_a_try_that_died_between_its_two_writes_is_finished_by_the_next(world: World) -> None:
    made, work = world.made(), Work(AT + timedelta(seconds=2))

    def die() -> None:
        raise ConnectionError

    world.flows.before = [die]
    with pytest.raises(ConnectionError):
        world.workflows.deploy("acme", made.id, None, None, work.try_().ticket)
    assert world.now(made).deployed == 0
    again = world.workflows.deploy("acme", made.id, None, None, work.try_().ticket)
    assert (again.version, world.now(made).deployed) == ("1", 1)
    assert world.events()[1:] == [("workflow.deployed", "1")]


def test_a_version_whose_maker_died_is_told_of_by_who_deploys_next(world: World) -> None:
    made = world.made()
    dead = Work(AT + timedelta(seconds=2))

    def die() -> None:
        raise ConnectionError

    world.flows.before = [die]
    with pytest.raises(ConnectionError):
        world.workflows.deploy("acme", made.id, "dead", None, dead.try_().ticket)
    assert world.deployed(made, "next").version == "2"
    assert world.events()[1:] == [("workflow.deployed", "1"), ("workflow.deployed", "2")]
    assert world.workflows.version("acme", made.id, "1").name == "dead"


@pytest.mark.parametrize("writes", [1, 2])
def test_of_two_that_deploy_at_once_each_gets_a_number_of_its_own(world: World, writes: int) -> None:
    made, theirs = world.made(), list[WorkflowVersion]()

    def other() -> None:
        theirs.append(world.deployed(made, "theirs", OTHERS))

    if writes == 1:
        world.versions.before = [other]  # before our version is added
    else:
        world.flows.before = [other]  # before the workflow tells of ours
    ours = world.deployed(made, "ours")
    assert sorted([ours.version, theirs[0].version]) == ["1", "2"]
    assert world.workflows.version("acme", made.id, ours.version) == ours
    assert world.workflows.version("acme", made.id, theirs[0].version) == theirs[0]
    assert world.now(made).deployed == 2
    assert world.events()[1:] == [("workflow.deployed", "1"), ("workflow.deployed", "2")]


def test_an_earlier_trys_version_is_found_below_hundreds_of_newer_ones(world: World) -> None:
    made, work = world.made(), Work(AT + timedelta(seconds=2))
    first = world.workflows.deploy("acme", made.id, None, None, work.try_().ticket)
    for _ in range(150):
        world.deployed(made)
    assert world.workflows.deploy("acme", made.id, None, None, work.try_().ticket) == first


def test_who_looks_for_an_earlier_trys_version_does_not_read_those_of_before_it(world: World) -> None:
    made = world.made()
    for _ in range(250):
        world.deployed(made)
    world.clock.pass_(2 * SKEW)
    work = Work(world.clock.at)
    work.try_()
    assert world.workflows.deploy("acme", made.id, None, None, work.try_().ticket).version == "251"
    assert world.versions.many == [100]


# ── read ──


@pytest.mark.parametrize(
    ("name", "version"),
    [("1", "1"), ("2", "2"), ("draft", "draft"), ("latest", "2"), ("{id}_1", "1"), ("{id}_draft", "draft")],
)
def test_a_version_is_found_by_any_of_its_names(world: World, name: str, version: str) -> None:
    made = world.made()
    world.deployed(made)
    world.deployed(made)
    asked = name.replace("{id}", version_id(made.id, "").removesuffix("_"))
    assert world.workflows.version("acme", made.id, asked).version == version


def test_the_latest_version_is_the_draft_while_none_is_deployed(world: World) -> None:
    assert world.workflows.version("acme", world.made().id, "latest").version == "draft"


@pytest.mark.parametrize("name", ["0", "01", "2", "abc", "", "-1", "1e3", "workflow_version_x", "٣"])
def test_what_is_no_version_is_not_found(world: World, name: str) -> None:
    made = world.made()
    world.deployed(made)
    with pytest.raises(NotFound):
        world.workflows.version("acme", made.id, name)


def test_a_version_of_another_workflow_is_not_found_by_its_id(world: World) -> None:
    made, other = world.made(), world.made()
    theirs = world.deployed(other)
    with pytest.raises(NotFound):
        world.workflows.version("acme", made.id, theirs.id)


@pytest.mark.parametrize("ascending", [False, True])
def test_versions_are_listed_with_the_draft_as_the_newest(world: World, ascending: bool) -> None:
    made = world.made()
    for _ in range(11):
        world.deployed(made)
    seen, after = list[str](), None
    while True:
        part, after = world.workflows.versions_of("acme", made.id, after, 5, ascending=ascending)
        seen += [each.version for each in part]
        if after is None:
            break
    oldest_first = [*map(str, range(1, 12)), "draft"]
    assert seen == (oldest_first if ascending else oldest_first[::-1])


# ── what runs go through ──


def test_runs_go_through_the_latest_deployed_version_unless_they_name_one(world: World) -> None:
    made = world.made()
    world.deployed(made, "one")
    second = world.deployed(made, "two")
    flow = world.workflows.flow_for("acme", made.id, None)
    assert (flow.version, flow.version_id, flow.version_name) == ("2", second.id, "two")
    assert flow.version_created_at == second.created_at
    assert (flow.workflow_id, flow.workflow_name) == (made.id, "Invoices")
    assert (flow.workflow_created_at, flow.workflow_updated_at) == (made.created_at, world.now(made).updated_at)
    assert world.workflows.flow_for("acme", made.id, "1").version_name == "one"


def test_runs_go_through_the_draft_while_nothing_is_deployed(world: World) -> None:
    made = world.made()
    assert world.workflows.flow_for("acme", made.id, None).version == "draft"


def test_a_run_of_the_draft_goes_through_it_as_it_was_asked_for(world: World) -> None:
    made = world.made()
    world.deployed(made)
    before = world.workflows.flow_for("acme", made.id, "draft")
    world.workflows.update("acme", made.id, None, OTHERS)
    after = world.workflows.flow_for("acme", made.id, "draft")
    kept = [world.versions.get("acme", each.version_id) for each in (before, after)]
    assert [each and each.steps for each in kept] == [STEPS, OTHERS]
    assert (before.version, after.version) == ("draft", "draft")
    assert world.workflows.version("acme", made.id, before.version_id) == kept[0]


def test_a_draft_that_did_not_change_is_kept_once(world: World) -> None:
    made = world.made()
    flows = [world.workflows.flow_for("acme", made.id, "draft") for _ in range(3)]
    assert len(set(flows)) == 1
    assert len(world.versions.stored) == 1


def test_a_draft_whose_name_alone_changed_is_not_kept_anew(world: World) -> None:
    made = world.made()
    before = world.workflows.flow_for("acme", made.id, "draft")
    world.workflows.update("acme", made.id, "Renamed", None)
    after = world.workflows.flow_for("acme", made.id, "draft")
    assert (after.workflow_name, after.version_id) == ("Renamed", before.version_id)
    assert len(world.versions.stored) == 1


@pytest.mark.parametrize("version", ["0", "01", "abc", "", "-1", "1.0", "latest", " 1", "٣", "1" * 10])
def test_what_is_no_versions_name_is_refused_at_its_place(world: World, version: str) -> None:
    made = world.made()
    with pytest.raises(InvalidRequest) as refused:
        world.workflows.flow_for("acme", made.id, version, place="workflow.version")
    assert [each.place for each in refused.value.problems] == ["workflow.version"]


def test_a_version_that_is_not_deployed_is_not_found(world: World) -> None:
    made = world.made()
    world.deployed(made)
    with pytest.raises(NotFound):
        world.workflows.flow_for("acme", made.id, "2")
