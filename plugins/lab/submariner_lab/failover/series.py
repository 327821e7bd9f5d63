"""All runs of a cable driver, in order; one lab serves as many of them as it can."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from submariner_lab.errors import LabError
from submariner_lab.failover.figures import Run
from submariner_lab.failover.measure import measure
from submariner_lab.failover.scenario import Scenario
from submariner_lab.failover.stage import Impossible
from submariner_lab.lab import Lab
from submariner_lab.presets import Preset, by_cluster, options_of
from submariner_lab.spec import LabSpec

SETTLE = 120.0
Say = Callable[[str], None]


class Series:
    """Puts labs through scenarios. ``say`` gets a line of progress at a time.

    ``duration`` is in seconds, for the scenario in which nothing happens. ``ended`` is called
    after each run, of which :attr:`done` has it then.
    """

    def __init__(
        self,
        runs: int,
        *,
        quick: bool,
        root: Path,
        say: Say,
        store: str = "local",
        presets: tuple[Preset, ...] = (),
        duration: float = 0.0,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._runs = runs
        self._quick = quick
        self._root = root
        self._say = say
        self._store = store
        self._presets = presets
        self._duration = duration
        self._ended = ended
        self.done: list[Run] = []
        """Every run so far, in order."""

    async def run(self, driver: str, scenarios: Sequence[Scenario]) -> None:
        """Do every run with one cable driver.

        A lab in which a run failed is replaced by a new one. Raises :class:`LabError` when a new
        lab never becomes whole.
        """
        waiting = deque((one, number) for one in scenarios for number in range(1, self._runs + 1))
        while waiting:
            async with Lab(self._spec(driver), self._root) as lab:
                self._say(f"{driver}: lab {lab.id} starts")
                await lab.restore(SETTLE)
                while waiting:
                    scenario, number = waiting.popleft()
                    self.done.append(await self._one(lab, driver, scenario, number))
                    self._ended()
                    if self.done[-1].failure:
                        break
                    figures = self.done[-1].figures
                    if waiting and figures is not None and figures.remembering:
                        names = ", ".join(sorted(figures.remembering))
                        self._say(f"{driver}: start anew, for they remember their moves: {names}")
                        lab.start_anew(figures.remembering)

    def _spec(self, driver: str) -> LabSpec:
        """Raises :class:`LabError` for a lab that cannot be built so."""
        try:
            return LabSpec(
                driver=driver,
                store=self._store,
                options=options_of(self._presets),
                by_cluster=by_cluster(self._presets),
            )
        except ValueError as error:
            raise LabError(str(error)) from None

    async def _one(self, lab: Lab, driver: str, scenario: Scenario, number: int) -> Run:
        given = " ".join(map(str, self._presets))
        name = f"{driver}: {scenario.name}"
        if self._runs > 1:
            name += f" {number} of {self._runs}"
        self._say(f"{name}: {scenario.text}")
        try:
            await lab.restore(SETTLE)
            await lab.until(lab.following, SETTLE, "every node sends through the leader")
            figures = await measure(lab, scenario, quick=self._quick, duration=self._duration)
        except Impossible as error:
            self._say(f"{name}: not possible: {error}")
            return Run(driver, scenario.name, number, impossible=str(error), options=given)
        except LabError as error:
            self._say(f"{name}: FAILED: {error}")
            return Run(driver, scenario.name, number, failure=str(error), options=given)
        return Run(driver, scenario.name, number, figures, options=given)
