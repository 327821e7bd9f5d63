"""The campaign, over a real etcd."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

from submariner_etcd.options import EtcdOptions

from submariner_core.engine.campaign import Elector
from submariner_core.reconcile.election_timings import Timings
from tests.plugins.etcd.conftest import Opened
from tests.plugins.etcd_process import EtcdProcess

Until = Callable[[Callable[[], object]], Any]


@contextlib.asynccontextmanager
async def candidate(opened: Opened, options: EtcdOptions, host: str) -> AsyncIterator[Elector]:
    """A ready gateway; it dies at the end, without a word."""
    elector = Elector(opened.lease(options), f"{host}_0a1b2c3d_1", Timings(), lambda _: None)
    elector.set_ready(True)
    elector.set_order((host,))
    running = asyncio.create_task(elector.run())
    try:
        yield elector
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_the_next_leads_at_a_higher_epoch_when_the_holder_is_dead(
    etcd_place: EtcdOptions, opened: Opened, until: Until
) -> None:
    async with contextlib.AsyncExitStack() as life:
        one = await life.enter_async_context(candidate(opened, etcd_place, "one"))
        await until(one.may_write)
        async with candidate(opened, etcd_place, "two") as two:
            await until(lambda: two.record is not None)
            assert not two.may_write()
            await life.aclose()
            await until(two.may_write)
            assert two.leadership.epoch > one.leadership.epoch


async def test_a_hand_over_is_taken(etcd_place: EtcdOptions, opened: Opened, until: Until) -> None:
    async with candidate(opened, etcd_place, "one") as one:
        await until(one.may_write)
        async with candidate(opened, etcd_place, "two") as two:
            await until(lambda: two.record is not None)
            assert await one.hand_over("two")
            await until(two.may_write)
            assert not one.may_write()


async def test_nobody_writes_while_etcd_hangs_and_one_leads_when_it_is_back(
    etcd: EtcdProcess, opened: Opened, until: Until
) -> None:
    options = EtcdOptions(endpoints=(etcd.url,))
    async with (
        candidate(opened, options, "one") as one,
        candidate(opened, options, "two") as two,
    ):
        await until(lambda: one.may_write() or two.may_write())
        etcd.signal(signal.SIGSTOP)
        await until(lambda: not one.may_write() and not two.may_write())
        etcd.signal(signal.SIGCONT)
        await until(lambda: one.may_write() or two.may_write())
        assert one.may_write() != two.may_write()
