"""DatasetStore: what the fake and the table must both do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from factories import AT
from fakes.datasets import FakeDatasets

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.datasets import DynamoDatasets
from batchwork.domain.item import Json
from batchwork.domain.lookup import MAX_ROW, MAX_ROW_KEY, Dataset
from batchwork.ports.lookups import DatasetStore


@pytest.fixture(params=["fake", "table"])
def datasets(request: pytest.FixtureRequest) -> DatasetStore:
    return FakeDatasets() if request.param == "fake" else DynamoDatasets(request.getfixturevalue("table"))


def a_dataset(
    *, version: int = 1, name: str = "products", workspace: str = "acme", key: str = "sku", rows: int = 1
) -> Dataset:
    return Dataset(workspace_id=workspace, name=name, version=version, key=key, rows=rows, loaded_at=AT)


def loaded(datasets: DatasetStore, name: str = "products", workspace: str = "acme", **rows: Json) -> Dataset:
    version, oldest = datasets.begin(workspace, name)
    dataset = a_dataset(version=version, name=name, workspace=workspace, rows=len(rows))
    datasets.write(dataset, rows.items())
    assert datasets.publish(dataset, oldest)
    return dataset


def some(count: int) -> Iterator[tuple[str, Json]]:
    return ((f"sku-{number}", {"sku": f"sku-{number}", "stock": number}) for number in range(count))


class TestWhichVersionIsRead:
    def test_nothing_is_read_until_it_is_published(self, datasets: DatasetStore) -> None:
        assert datasets.get("acme", "products") is None
        version, oldest = datasets.begin("acme", "products")
        dataset = a_dataset(version=version)
        datasets.write(dataset, some(3))
        assert datasets.get("acme", "products") is None
        assert datasets.find("acme") == []
        assert datasets.publish(dataset, oldest)
        assert datasets.get("acme", "products") == dataset

    def test_versions_are_numbered_from_one_and_no_number_is_given_twice(self, datasets: DatasetStore) -> None:
        assert datasets.begin("acme", "products") == (1, 1)
        assert datasets.begin("acme", "products") == (2, 1)
        assert datasets.begin("acme", "prices") == (1, 1)
        assert datasets.begin("other", "products") == (1, 1)

    def test_a_later_version_replaces_the_one_before(self, datasets: DatasetStore) -> None:
        first = loaded(datasets, a={"n": 1})
        second = loaded(datasets, b={"n": 2})
        assert datasets.get("acme", "products") == second
        assert datasets.rows(second, ["a", "b"]) == {"b": {"n": 2}}
        assert datasets.rows(first, ["a", "b"]) == {"a": {"n": 1}}

    def test_what_began_earlier_cannot_publish_any_more(self, datasets: DatasetStore) -> None:
        early, _ = datasets.begin("acme", "products")
        late, _ = datasets.begin("acme", "products")
        assert not datasets.publish(a_dataset(version=early), 1)
        assert datasets.get("acme", "products") is None
        assert datasets.publish(a_dataset(version=late), 1)
        assert not datasets.publish(a_dataset(version=early), 1)
        assert datasets.get("acme", "products") == a_dataset(version=late)

    def test_publishing_again_changes_nothing(self, datasets: DatasetStore) -> None:
        dataset = loaded(datasets, a={"n": 1})
        assert datasets.publish(dataset, 1)
        assert datasets.get("acme", "products") == dataset

    def test_the_lowest_version_with_rows_is_remembered(self, datasets: DatasetStore) -> None:
        loaded(datasets, a={"n": 1})
        version, oldest = datasets.begin("acme", "products")
        assert (version, oldest) == (2, 1)
        datasets.publish(a_dataset(version=version), 2)
        assert datasets.begin("acme", "products") == (3, 2)

    def test_a_workspaces_datasets_are_listed_by_name(self, datasets: DatasetStore) -> None:
        made = [loaded(datasets, name, a={"n": 1}) for name in ("prices", "a", "products", "products-2")]
        loaded(datasets, "elsewhere", workspace="other", a={"n": 1})
        datasets.begin("acme", "begun-only")
        assert datasets.find("acme") == sorted(made, key=lambda dataset: dataset.name)


class TestForgetting:
    def test_a_forgotten_dataset_is_gone(self, datasets: DatasetStore) -> None:
        loaded(datasets, a={"n": 1})
        version, _ = datasets.begin("acme", "products")
        assert datasets.forget("acme", "products", version)
        assert datasets.get("acme", "products") is None
        assert datasets.find("acme") == []

    def test_its_numbers_are_never_given_again(self, datasets: DatasetStore) -> None:
        loaded(datasets, a={"n": 1})
        version, _ = datasets.begin("acme", "products")
        datasets.forget("acme", "products", version)
        assert datasets.begin("acme", "products") == (version + 1, version)

    def test_it_is_not_forgotten_once_a_load_began(self, datasets: DatasetStore) -> None:
        dataset = loaded(datasets, a={"n": 1})
        version, _ = datasets.begin("acme", "products")
        datasets.begin("acme", "products")
        assert not datasets.forget("acme", "products", version)
        assert datasets.get("acme", "products") == dataset

    def test_a_load_that_began_before_cannot_publish_after(self, datasets: DatasetStore) -> None:
        loading, _ = datasets.begin("acme", "products")
        version, _ = datasets.begin("acme", "products")
        datasets.forget("acme", "products", version)
        assert not datasets.publish(a_dataset(version=loading), 1)
        assert datasets.get("acme", "products") is None


class TestRows:
    @pytest.mark.parametrize(
        "value",
        [
            {"sku": "a", "price": 19.9, "stock": 0, "big": 10**30, "small": 1e-9, "gone": None, "sold": True},
            {"sku": "a", "nested": {"list": [1, "two", [3.5, None]], "": {}}},
            {"sku": "a", "text": 'Grüße, "Welt" \\ \n\t\u0000\u2028 😀'},
            {},
        ],
        ids=["numbers", "nested", "text", "empty"],
    )
    def test_a_row_comes_back_as_the_json_that_it_was(self, datasets: DatasetStore, value: Json) -> None:
        dataset = a_dataset()
        datasets.write(dataset, [("a", value)])
        assert datasets.rows(dataset, ["a"]) == {"a": value}

    @pytest.mark.parametrize(
        "key",
        ["7", " ", "a#b", "ROW#", "Straße 7", '"quoted"', "a\nb", "😀", "x" * MAX_ROW_KEY, "ü" * (MAX_ROW_KEY // 2)],
        ids=["number", "space", "hash", "prefix", "umlaut", "quotes", "newline", "emoji", "longest", "longest-bytes"],
    )
    def test_any_text_of_up_to_512_bytes_is_a_key(self, datasets: DatasetStore, key: str) -> None:
        dataset = a_dataset()
        datasets.write(dataset, [(key, {"n": 1}), ("other", {"n": 2})])
        assert datasets.rows(dataset, [key, "none"]) == {key: {"n": 1}}

    def test_a_row_may_be_as_large_as_the_limit(self, datasets: DatasetStore) -> None:
        dataset, value = a_dataset(), {"t": "ü" * ((MAX_ROW - 8) // 2)}
        datasets.write(dataset, [("x" * MAX_ROW_KEY, value), ("y", {"t": '"' * ((MAX_ROW - 8) // 2)})])
        assert datasets.rows(dataset, ["x" * MAX_ROW_KEY]) == {"x" * MAX_ROW_KEY: value}

    def test_more_rows_than_one_request_takes_are_written(self, datasets: DatasetStore) -> None:
        dataset = a_dataset()
        datasets.write(dataset, some(260))
        every = dict(some(260))
        for start in (0, 100, 200):
            keys = list(every)[start : start + 100]
            assert datasets.rows(dataset, keys) == {key: every[key] for key in keys}

    def test_the_last_of_two_rows_with_one_key_counts(self, datasets: DatasetStore) -> None:
        dataset = a_dataset()
        far = [("near", {"n": 1}), ("near", {"n": 2}), ("far", {"n": 1}), *some(60), ("far", {"n": 2})]
        datasets.write(dataset, far)
        assert datasets.rows(dataset, ["near", "far"]) == {"near": {"n": 2}, "far": {"n": 2}}

    def test_writing_again_is_the_same_as_once(self, datasets: DatasetStore) -> None:
        dataset = a_dataset()
        datasets.write(dataset, some(30))
        datasets.write(dataset, some(30))
        assert datasets.drop(dataset) == 30

    def test_no_keys_are_no_rows(self, datasets: DatasetStore) -> None:
        assert datasets.rows(a_dataset(), []) == {}

    @pytest.mark.parametrize(
        "other",
        [
            a_dataset(version=2),
            a_dataset(name="prices"),
            a_dataset(workspace="other"),
            a_dataset(version=11, name="products"),
        ],
        ids=["version", "name", "workspace", "longer-version"],
    )
    def test_rows_of_another_version_dataset_or_workspace_are_not_seen(
        self, datasets: DatasetStore, other: Dataset
    ) -> None:
        datasets.write(other, [("a", {"n": 1})])
        assert datasets.rows(a_dataset(), ["a"]) == {}
        assert datasets.drop(a_dataset()) == 0
        assert datasets.rows(other, ["a"]) == {"a": {"n": 1}}

    def test_a_reader_that_fails_ends_the_writing_with_its_error(self, datasets: DatasetStore) -> None:
        def rows() -> Iterator[tuple[str, Json]]:
            yield from some(30)
            raise ValueError("line 31")

        with pytest.raises(ValueError, match="line 31"):
            datasets.write(a_dataset(), rows())


class TestDropping:
    def test_dropping_deletes_every_row_of_one_version_and_tells_how_many(self, datasets: DatasetStore) -> None:
        old, new = a_dataset(version=1), a_dataset(version=2)
        datasets.write(old, some(130))
        datasets.write(new, some(3))
        assert datasets.drop(old) == 130
        assert datasets.rows(old, [key for key, _ in some(100)]) == {}
        assert datasets.rows(new, ["sku-1"]) == {"sku-1": {"sku": "sku-1", "stock": 1}}

    def test_dropping_again_deletes_nothing(self, datasets: DatasetStore) -> None:
        datasets.write(a_dataset(), some(3))
        datasets.drop(a_dataset())
        assert datasets.drop(a_dataset()) == 0

    def test_what_is_read_is_dropped_by_version_whatever_else_is_told_of_it(self, datasets: DatasetStore) -> None:
        datasets.write(a_dataset(), some(3))
        assert datasets.drop(replace(a_dataset(), key="", rows=0)) == 3


class TestWhatItCosts:
    """Only the table's own: calls and units."""

    @pytest.fixture
    def calls(self, table: str) -> list[tuple[str, dict[str, Any]]]:
        return []

    @pytest.fixture
    def counted(self, table: str, calls: list[tuple[str, dict[str, Any]]]) -> DynamoDatasets:
        client = aws.client("dynamodb")

        def note(params: dict[str, Any], model: Any, **_: Any) -> None:
            calls.append((model.name, params))

        client.meta.events.register("provide-client-params.dynamodb.*", note)
        return DynamoDatasets(table, client)

    def test_a_hundred_rows_are_one_call_that_returns_one_attribute(
        self, counted: DynamoDatasets, calls: list[tuple[str, dict[str, Any]]]
    ) -> None:
        counted.write(a_dataset(), some(100))
        assert [name for name, _ in calls] == ["BatchWriteItem"] * 4
        calls.clear()
        assert len(counted.rows(a_dataset(), [key for key, _ in some(100)])) == 100
        ((name, params),) = calls
        assert name == "BatchGetItem"
        assert params["RequestItems"]["batchwork"]["ProjectionExpression"] == "pair"
        assert params["RequestItems"]["batchwork"]["ConsistentRead"] is True

    def test_no_more_than_25_rows_are_held_while_they_are_written(
        self, counted: DynamoDatasets, calls: list[tuple[str, dict[str, Any]]]
    ) -> None:
        waiting = 0

        def rows() -> Iterator[tuple[str, Json]]:
            nonlocal waiting
            for taken, row in enumerate(some(200)):
                waiting = max(waiting, taken - 25 * len(calls))
                yield row

        counted.write(a_dataset(), rows())
        assert waiting <= 25

    def test_rows_are_spread_over_partitions(self, counted: DynamoDatasets, table: str) -> None:
        counted.write(a_dataset(), some(200))
        stored = aws.client("dynamodb").scan(TableName=table)["Items"]
        assert len({row["pk"]["S"] for row in stored}) == 16
