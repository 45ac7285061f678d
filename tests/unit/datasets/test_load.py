"""Loading, listing and deleting datasets: all or nothing, whoever else does so, and wherever the process dies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from engine import Died, Dying, Fuse
from unit.datasets.conftest import World, placed

from batchwork.domain.errors import Conflict, InvalidRequest, NotFound
from batchwork.domain.item import Json
from batchwork.domain.lookup import MAX_ROW, Dataset, Lookup, LookupKind
from batchwork.use_cases.datasets import Loaded, Placed

OLD = [{"sku": "lamp", "stock": 1}, {"sku": "desk", "stock": 2}, {"sku": "gone", "stock": 3}]
NEW = [{"sku": "lamp", "stock": 10}, {"sku": "rug", "stock": 20}]
LATER = timedelta(minutes=5)


def by_sku(rows: list[Json]) -> dict[str, Json]:
    return {row["sku"]: row for row in rows}


class TestWhatIsLoaded:
    def test_rows_are_found_by_their_key_whole(self, world: World) -> None:
        loaded = world.load(*OLD)
        assert world.read() == by_sku(OLD)
        assert loaded.duplicates == 0
        assert world.store.get("acme", "products") == loaded.dataset
        assert (loaded.dataset.key, loaded.dataset.rows, loaded.dataset.loaded_at) == ("sku", 3, world.clock.now())

    def test_whole_numbers_and_their_texts_are_one_key(self, world: World) -> None:
        loaded = world.load({"id": 7, "n": 1}, {"id": "7", "n": 2}, key="id")
        assert world.read() == {"7": {"id": "7", "n": 2}}
        assert (loaded.dataset.rows, loaded.duplicates) == (1, 1)

    def test_of_rows_with_one_key_the_last_counts_and_how_many_there_were_is_told(self, world: World) -> None:
        loaded = world.load(*({"sku": "a", "n": number} for number in range(5)), {"sku": "b"}, {"sku": "b"})
        assert world.read() == {"a": {"sku": "a", "n": 4}, "b": {"sku": "b"}}
        assert (loaded.dataset.rows, loaded.duplicates) == (2, 5)

    def test_a_load_replaces_all_that_was_there(self, world: World) -> None:
        world.load(*OLD)
        world.load(*NEW)
        assert world.read() == by_sku(NEW)

    def test_progress_is_told_row_by_row(self, world: World) -> None:
        told: list[int] = []
        world.datasets().load("acme", "products", "sku", placed(*OLD), told.append)
        assert told == [1, 2, 3]

    def test_rows_are_taken_one_at_a_time(self, world: World) -> None:
        taken: list[int] = []

        def rows() -> Iterator[Placed]:
            for number in range(100):
                written = len(world.store.texts.get(("acme", "products", 1), {}))
                taken.append(number - written)
                yield f"line {number}", {"sku": number}

        world.datasets().load("acme", "products", "sku", rows())
        assert max(taken) <= 1

    def test_datasets_are_listed(self, world: World) -> None:
        world.load(*OLD, name="b")
        world.load(*NEW, name="a")
        assert [(dataset.name, dataset.rows) for dataset in world.datasets().list("acme")] == [("a", 2), ("b", 3)]
        assert world.datasets().list("other") == []


class TestWhatIsRefused:
    @pytest.mark.parametrize("name", ["", "x" * 65, "Products", "a_b", "a b", "a#b", "ü", "a\n"], ids=ascii)
    def test_a_name_of_other_characters(self, world: World, name: str) -> None:
        with pytest.raises(InvalidRequest) as refused:
            world.load(*OLD, name=name)
        assert [problem.place for problem in refused.value.problems] == ["name"]

    @pytest.mark.parametrize("name", ["a", "x" * 64, "0", "-", "a-9"])
    def test_but_none_of_a_to_z_0_to_9_and_dash(self, world: World, name: str) -> None:
        assert world.load(*OLD, name=name).dataset.name == name

    @pytest.mark.parametrize(
        ("row", "complaint"),
        [
            (["lamp"], "object"),
            ("lamp", "object"),
            (None, "object"),
            ({"stock": 1}, "no field sku"),
            ({"sku": None}, "names no row"),
            ({"sku": ""}, "names no row"),
            ({"sku": 1.5}, "names no row"),
            ({"sku": True}, "names no row"),
            ({"sku": ["a"]}, "names no row"),
            ({"sku": "x" * 513}, "names no row"),
            ({"sku": "a", "t": "\ud800"}, "surrogate"),
            ({"sku": "a", "\udfff": 1}, "surrogate"),
            ({"sku": "a", "n": float("nan")}, "NaN"),
            ({"sku": "a", "n": [float("inf")]}, "NaN"),
            ({"sku": "a", "t": "x" * MAX_ROW}, "a row may have 300000"),
            ({"sku": "a", "t": "ü" * (MAX_ROW // 2)}, "a row may have 300000"),
        ],
        ids=[
            *("list", "text", "null", "keyless", "null-key", "empty-key", "fraction", "bool", "list-key", "long-key"),
            *("surrogate", "surrogate-name", "nan", "infinity", "large", "large-in-bytes"),
        ],
    )
    def test_a_file_with_a_row_that_cannot_be_told_by_its_line(self, world: World, row: Any, complaint: str) -> None:
        world.load(*OLD)
        with pytest.raises(InvalidRequest) as refused:
            world.load({"sku": "first"}, row, {"sku": "third"})
        (problem,) = refused.value.problems
        assert problem.place == "line 2"
        assert complaint in problem.message
        assert world.read() == by_sku(OLD)
        assert world.versions() == [1]

    @pytest.mark.parametrize("depth", [100, 101])
    def test_a_row_nested_more_than_a_hundred_levels(self, world: World, depth: int) -> None:
        nested: Any = 1
        for level in range(depth - 1):
            nested = [nested] if level % 2 else {"a": nested}
        if depth == 100:
            world.load({"sku": "a", "nested": nested})
        else:
            with pytest.raises(InvalidRequest, match="Invalid"):
                world.load({"sku": "a", "nested": nested})

    def test_nesting_beyond_what_can_be_written_at_all(self, world: World) -> None:
        nested: Any = 1
        for _ in range(100_000):
            nested = [nested]
        with pytest.raises(InvalidRequest) as refused:
            world.load({"sku": "a", "nested": nested})
        assert "nested" in refused.value.problems[0].message
        while isinstance(nested, list):  # else the interpreter's own end is deep
            nested = nested.pop()

    def test_a_row_may_be_as_large_as_the_limit(self, world: World) -> None:
        row = {"sku": "a", "t": "x" * (MAX_ROW - len('{"sku":"a","t":""}'))}
        world.load(row)
        assert world.read() == {"a": row}

    def test_many_bad_rows_are_told_together_up_to_twenty(self, world: World) -> None:
        with pytest.raises(InvalidRequest) as refused:
            world.load(*({"sku": number if number % 2 else None} for number in range(100)))
        assert [problem.place for problem in refused.value.problems] == [f"line {n}" for n in range(1, 41, 2)]
        assert world.versions() == []

    def test_a_file_without_rows(self, world: World) -> None:
        world.load(*OLD)
        with pytest.raises(InvalidRequest):
            world.load()
        assert world.read() == by_sku(OLD)

    @pytest.mark.parametrize("key", ["", "a\nb", "x" * 256], ids=["empty", "newline", "long"])
    def test_a_key_that_is_no_fields_name(self, world: World, key: str) -> None:
        with pytest.raises(InvalidRequest):
            world.load(*OLD, key=key)

    def test_a_workspace_that_is_not_there(self, world: World) -> None:
        for act in (
            lambda: world.datasets().load("nowhere", "products", "sku", placed(*OLD)),
            lambda: world.datasets().list("nowhere"),
            lambda: world.datasets().delete("nowhere", "products"),
        ):
            with pytest.raises(NotFound, match="Workspace not found"):
                act()


class TestOldVersions:
    def test_the_version_before_stays_for_functions_that_remember_it(self, world: World) -> None:
        before = world.load(*OLD).dataset
        world.clock.pass_(LATER)
        world.load(*NEW)
        assert world.store.rows(before, ["gone"]) == {"gone": OLD[2]}

    def test_no_more_than_that_one_stays(self, world: World) -> None:
        for _ in range(5):
            world.clock.pass_(LATER)
            latest = world.load(*NEW).dataset.version
        assert world.versions() == [latest - 1, latest]

    def test_what_functions_may_still_read_is_not_dropped_by_loads_in_quick_succession(self, world: World) -> None:
        world.clock.pass_(LATER)
        first = world.load(*OLD).dataset
        world.clock.pass_(LATER)
        for seconds in (0, 5, 10):
            world.clock.pass_(timedelta(seconds=seconds))
            latest = world.load(*NEW).dataset
        assert world.store.rows(first, ["lamp"]) == {"lamp": OLD[0]}
        world.clock.pass_(LATER)
        last = world.load(*NEW).dataset
        assert world.versions() == [latest.version, last.version]

    def test_a_dataset_loaded_every_night_for_years_is_loaded_as_fast_as_the_first(self, world: World) -> None:
        for _ in range(50):
            world.clock.pass_(LATER)
            world.load(*NEW)
        world.clock.pass_(LATER)
        fuse = Fuse()
        world.load(*NEW, store=Dying(world.store, fuse))
        assert fuse.calls == len(["begin", "get", "drop", "write", "publish"])

    def test_what_a_refused_file_left_is_dropped_at_once(self, world: World) -> None:
        world.load(*OLD)
        with pytest.raises(InvalidRequest):
            world.load(*NEW, {"sku": None})
        assert world.versions() == [1]


class TestTwoAtOnce:
    def during(self, act: Callable[[], object], rows: list[Json]) -> Iterator[Placed]:
        """Rows of a load in whose middle something else happens."""
        yield "line 1", rows[0]
        act()
        yield from placed(*rows[1:])

    def test_of_two_loads_the_one_that_began_last_wins_and_the_other_is_told(self, world: World) -> None:
        world.load({"sku": "before"})
        with pytest.raises(Conflict):
            world.datasets().load("acme", "products", "sku", self.during(lambda: world.load(*NEW), OLD))
        assert world.read() == by_sku(NEW)
        assert world.versions() == [1, 3]

    def test_a_load_that_began_earlier_cannot_spoil_one_that_is_still_under_way(self, world: World) -> None:
        def begin_and_wait() -> None:
            with pytest.raises(Conflict):
                world.datasets().load("acme", "products", "sku", self.during(overtake, OLD))

        inner: list[Loaded] = []

        def overtake() -> None:
            inner.append(world.load(*NEW))

        begin_and_wait()
        assert world.read() == by_sku(NEW)
        assert inner[0].dataset.rows == 2

    def test_a_delete_in_the_middle_of_a_load_wins(self, world: World) -> None:
        world.load(*OLD)
        with pytest.raises(Conflict):
            world.datasets().load(
                "acme", "products", "sku", self.during(lambda: world.datasets().delete("acme", "products"), NEW)
            )
        assert world.read() is None
        assert world.versions() == []

    def test_a_load_in_the_middle_of_a_delete_wins(self, world: World) -> None:
        world.load(*OLD)

        class Slow:
            """A store in which the first drop takes long."""

            def __getattr__(self, name: str) -> Any:
                return getattr(world.store, name)

            def drop(self, dataset: Dataset) -> int:
                if world.store.get("acme", "products") == loaded:
                    world.load(*NEW)
                return world.store.drop(dataset)

        loaded = world.store.get("acme", "products")
        with pytest.raises(Conflict):
            world.datasets(Slow()).delete("acme", "products")
        assert world.read() == by_sku(NEW)


class DyingStore(Dying):
    """A store that may die after any row, too."""

    def write(self, dataset: Dataset, rows: Iterable[tuple[str, Json]]) -> None:
        for row in rows:
            self._fuse.burn(partial(self._port.write, dataset, [row]))


def dies(fuse: Fuse, world: World, act: Callable[..., object]) -> None:
    with suppress(Died):
        act(store=DyingStore(world.store, fuse))


class TestDying:
    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("recently", [False, True])
    def test_a_load_may_die_at_any_call_and_what_is_read_is_the_old_or_the_new_and_never_both(
        self, after: bool, recently: bool
    ) -> None:
        points = 0
        while True:
            world = World()
            world.load({"sku": "oldest"})
            world.clock.pass_(LATER)
            world.load(*OLD)
            world.clock.pass_(timedelta() if recently else LATER)
            fuse = Fuse(points + 1, after=after)
            dies(fuse, world, partial(world.load, *NEW))
            assert world.read() in (by_sku(OLD), by_sku(NEW))
            if not fuse.dead:
                break
            points += 1
            # What it left is in nobody's way and is gone after the next loads.
            world.load({"sku": "next"})
            assert world.read() == {"next": {"sku": "next"}}
            world.clock.pass_(LATER)
            world.load({"sku": "last"})
            assert world.read() == {"last": {"sku": "last"}}
            assert len(world.versions()) == 2
        assert points >= 5

    @pytest.mark.parametrize("after", [False, True])
    def test_a_delete_may_die_at_any_call_and_is_finished_by_another(self, after: bool) -> None:
        points = 0
        while True:
            world = World()
            for rows in (OLD, NEW):
                world.load(*rows)
                world.clock.pass_(LATER)
            fuse = Fuse(points + 1, after=after)
            dies(fuse, world, world.delete)
            if not fuse.dead:
                break
            points += 1
            with suppress(NotFound):
                world.datasets().delete("acme", "products")
            assert world.read() is None
            assert world.versions() == []
        assert points >= 5


class TestDeleting:
    def test_a_deleted_dataset_is_gone_with_every_version(self, world: World) -> None:
        world.load(*OLD)
        deleted = world.load(*NEW).dataset
        assert world.datasets().delete("acme", "products") == deleted
        assert world.datasets().list("acme") == []
        assert world.versions() == []

    def test_one_that_is_not_there_is_not_found(self, world: World) -> None:
        world.load(*OLD)
        with pytest.raises(NotFound, match="Dataset not found"):
            world.datasets().delete("other", "products")
        world.datasets().delete("acme", "products")
        with pytest.raises(NotFound, match="Dataset not found"):
            world.datasets().delete("acme", "products")

    def test_one_that_endpoints_use_is_kept_and_they_are_named(self, world: World) -> None:
        world.load(*OLD)
        for endpoint in ("signals", "enrichment"):
            world.endpoints.choose("acme", endpoint, Lookup(LookupKind.DATASET, {"dataset": "products"}))
        with pytest.raises(InvalidRequest) as refused:
            world.datasets().delete("acme", "products")
        assert "enrichment and signals" in refused.value.problems[0].message
        assert world.read() == by_sku(OLD)

    def test_a_name_can_be_loaded_again_and_old_pointers_find_nothing(self, world: World) -> None:
        remembered = world.load(*OLD).dataset
        world.datasets().delete("acme", "products")
        world.load(*NEW)
        assert world.read() == by_sku(NEW)
        assert world.store.rows(remembered, ["lamp"]) == {}
