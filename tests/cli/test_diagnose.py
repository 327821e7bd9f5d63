"""``submariner diagnose``, and what it says of stores and of the lease."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from submariner_core.api.lease import LeaseRecord
from submariner_core.api.transport import Kind, Record, Ref
from submariner_core.cli.checks import stores as checks
from submariner_core.cli.checks.finding import Finding, Subject, Verdict
from submariner_core.kernel import Kernel
from submariner_core.loading import load_from
from tests.cli.conftest import Run
from tests.cli.stores import Stores, cluster


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    made = Stores(tmp_path)
    made.put("datastore", *cluster("east", 1, None))
    made.put("broker", *cluster("east", 1, "east"), *cluster("west", 2, "west"))
    return made


def found(
    stores: Stores, check: Callable[[Subject], Awaitable[Sequence[Finding]]]
) -> Sequence[Finding]:
    async def run() -> Sequence[Finding]:
        async with Kernel() as kernel:
            return await check(Subject(kernel, load_from(stores.path, {})))

    return asyncio.run(run())


def hold(stores: Stores, record: LeaseRecord) -> None:
    async def run() -> None:
        store = load_from(stores.path, {}).lease_store()
        assert await store.swap(await store.read(), record) is not None
        await store.close()

    asyncio.run(run())


def test_stores_say_how_much_they_hold(stores: Stores) -> None:
    (own,) = found(stores, checks.datastore)
    assert own.detail == "answers; 1 cluster, 1 endpoint, 0 gateways, 0 route agents"
    (central,) = found(stores, checks.broker)
    assert (central.verdict, central.detail[:19]) == (Verdict.OK, "answers; 2 clusters")


def test_a_refused_record_is_named(stores: Stores) -> None:
    stores.put("broker", Record(Ref(Kind.ENDPOINT, "odd"), {"spec": 7}))
    _, refused = found(stores, checks.broker)
    assert refused.verdict is Verdict.WARNING
    assert refused.detail == "refused: Endpoint odd"


def test_a_store_that_is_away_is_an_error(stores: Stores) -> None:
    text = stores.path.read_text()
    folder = str(stores.path.parent)
    url = 'broker: {url: "http://127.0.0.1:9", token: x, timeout: 0.5}'
    stores.path.write_text(text.replace(f"broker: {{path: {folder}/broker.db}}", url))
    (away,) = found(stores, checks.broker)
    assert away.verdict is Verdict.ERROR
    assert "options.broker" in away.remedy


def test_without_a_broker_a_cluster_meets_no_other(stores: Stores) -> None:
    settings = YAML(typ="safe").load(stores.path)
    del settings["plugins"]["broker"], settings["options"]["broker"]
    YAML().dump(settings, stores.path)
    (none,) = found(stores, checks.broker)
    assert none.verdict is Verdict.WARNING


def test_a_lease_that_nobody_renews_is_an_error(stores: Stores) -> None:
    (never,) = found(stores, checks.lease)
    assert (never.verdict, never.detail) == (
        Verdict.WARNING,
        "no gateway of this cluster has ever led",
    )
    hold(stores, LeaseRecord("east-gw1_01234567_89abcdef", 7, 0.3))
    (stale,) = found(stores, checks.lease)
    assert stale.verdict is Verdict.ERROR
    assert stale.detail == "east-gw1 holds it, epoch 7, 0.3 s, but did not renew it for so long"
    hold(stores, LeaseRecord("", 7, 0.3))
    (released,) = found(stores, checks.lease)
    assert released.verdict is Verdict.WARNING


def test_a_lease_that_is_renewed_is_fine(stores: Stores) -> None:
    held = LeaseRecord("east-gw1_01234567_89abcdef", 7, 20.0)

    async def run() -> Finding:
        mine = load_from(stores.path, {}).lease_store()
        record = await mine.swap(await mine.read(), held)
        assert record is not None
        subject = Subject(Kernel(), load_from(stores.path, {}))
        looking = asyncio.create_task(checks.lease(subject))  # type: ignore[arg-type]
        while not looking.done():
            record = await mine.swap(record, record) or record
            await asyncio.sleep(0.02)
        await mine.close()
        return (await looking)[0]

    renewed = asyncio.run(run())
    assert renewed.verdict is Verdict.OK
    assert renewed.detail == "east-gw1 holds it, epoch 7, 20 s, renewed"


@pytest.mark.netns
def test_every_check_gives_a_row(netns: str, stores: Stores, run: Run) -> None:
    result = run("diagnose", "--config", stores.path, "-o", "json")
    rows = {row["check"]: row for row in json.loads(result.stdout)}
    assert rows["settings"]["verdict"] == "ok"
    assert rows["private address"]["verdict"] == "error"
    assert {"datastore", "broker", "lease", "program nft", "kernel: vxlan"} <= set(rows)
    assert all(row["remedy"] for row in rows.values() if row["verdict"] != "ok")
    assert result.exit_code == 1


@pytest.mark.netns
def test_without_settings_the_node_alone_is_looked_at(netns: str, run: Run) -> None:
    result = run("diagnose", "-o", "json")
    rows = {row["check"]: row for row in json.loads(result.stdout)}
    assert rows["settings"]["verdict"] == "warning"
    assert "UDP port 4800" in rows
    assert not {"datastore", "broker", "lease"} & set(rows)


@pytest.mark.netns
def test_wrong_settings_do_not_keep_the_node_from_being_looked_at(
    netns: str, stores: Stores, run: Run
) -> None:
    stores.path.write_text("cluster_id: East\n")
    result = run("diagnose", "--config", stores.path, "-o", "json")
    rows = {row["check"]: row for row in json.loads(result.stdout)}
    assert rows["settings"]["verdict"] == "error"
    assert str(stores.path) in rows["settings"]["detail"]
    assert "kernel: vxlan" in rows
    assert result.exit_code == 1
