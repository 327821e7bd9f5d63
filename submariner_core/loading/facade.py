"""One typed method per hook. Nothing else calls a plugin's hooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from submariner_core.api.cable import CableDriver
from submariner_core.api.errors import PluginError, SubmarinerError
from submariner_core.api.info import Options, PluginInfo, Role
from submariner_core.api.lease import LeaseStore
from submariner_core.api.model import Connection, Endpoint, Transition
from submariner_core.api.route import RouteDriver
from submariner_core.api.transport import Transport
from submariner_core.loading.catalogue import Origin
from submariner_core.loading.registry import FACTORIES, Plugin, Registry

if TYPE_CHECKING:
    import click
    from prometheus_client import CollectorRegistry

log = structlog.get_logger("submariner.loading")

_CONTRACTS: Mapping[Role, type] = {
    Role.CABLE: CableDriver,
    Role.ELECTION: LeaseStore,
    Role.BROKER: Transport,
    Role.ROUTE: RouteDriver,
}


class Hooks:
    """Calls to the loaded plugins.

    ``failures`` counts, per plugin and hook, the observers and policies that raised or answered
    with the wrong type; such a call is logged and otherwise as if the plugin had no opinion.
    """

    def __init__(
        self, registry: Registry, named: Mapping[tuple[Role, str], Plugin] | None = None
    ) -> None:
        self._registry = registry
        self._named = dict(named or {})
        self.failures: Counter[tuple[str, str]] = Counter()

    @classmethod
    def inline(cls, *plugins: object) -> Hooks:
        """Calls to plugin objects that no distribution declares, such as a test's observers."""
        registry = Registry()
        for number, plugin in enumerate(plugins):
            registry.register(
                Origin("", f"inline-{number}", f"inline-{number}", "this program", ""), plugin
            )
        return cls(registry)

    # ---- identity

    def plugin_info(self) -> tuple[PluginInfo, ...]:
        """Who is loaded, in order of registration."""
        return tuple(plugin.info for plugin in self._registry.plugins)

    # ---- factories: only the plugin behind the named entry point is asked

    def cable_driver(self, name: str, options: Options, state_dir: Path) -> CableDriver:
        """A new driver. Raises :class:`PluginError` if the plugin does not make one."""
        made: CableDriver = self._make(Role.CABLE, name, options, state_dir=state_dir)
        return made

    def lease_store(self, name: str, options: Options, cluster_id: str) -> LeaseStore:
        """A new lease store. Raises :class:`PluginError` if the plugin does not make one."""
        made: LeaseStore = self._make(Role.ELECTION, name, options, cluster_id=cluster_id)
        return made

    def transport(self, name: str, options: Options, role: str) -> Transport:
        """A new transport. Raises :class:`PluginError` if the plugin does not make one."""
        made: Transport = self._make(Role.BROKER, name, options, role=role)
        return made

    def route_driver(self, name: str, options: Options, state_dir: Path) -> RouteDriver:
        """A new route driver. Raises :class:`PluginError` if the plugin does not make one."""
        made: RouteDriver = self._make(Role.ROUTE, name, options, state_dir=state_dir)
        return made

    # ---- policy

    def choose_cable(self, remote: Endpoint, offered: tuple[str, ...]) -> tuple[str, ...]:
        """``offered`` without what any plugin struck out, in its own order."""
        kept = offered
        for answer in self._ask("submariner_choose_cable", _names, remote=remote, offered=offered):
            kept = tuple(name for name in kept if name in answer)
        return kept

    def endpoint_accepted(self, endpoint: Endpoint) -> str | None:
        """Why this endpoint must not be connected to: the first refusal, or ``None``."""
        return next(self._ask("submariner_endpoint_accepted", _reason, endpoint=endpoint), None)

    # ---- events

    def leadership_changed(self, active: bool, epoch: int, cause: str) -> None:
        """Tell every observer that this gateway became active or passive."""
        self._tell("submariner_leadership_changed", active=active, epoch=epoch, cause=cause)

    def endpoint_added(self, endpoint: Endpoint) -> None:
        """Tell every observer that a remote cluster's endpoint is now in use."""
        self._tell("submariner_endpoint_added", endpoint=endpoint)

    def endpoint_updated(self, endpoint: Endpoint, previous: Endpoint) -> None:
        """Tell every observer that a remote cluster's endpoint changed."""
        self._tell("submariner_endpoint_updated", endpoint=endpoint, previous=previous)

    def endpoint_removed(self, endpoint: Endpoint) -> None:
        """Tell every observer that a remote cluster is gone."""
        self._tell("submariner_endpoint_removed", endpoint=endpoint)

    def connection_changed(self, connection: Connection, previous: Connection | None) -> None:
        """Tell every observer that a connection's status changed."""
        self._tell("submariner_connection_changed", connection=connection, previous=previous)

    def path_moved(self, transition: Transition) -> None:
        """Tell every observer that what carries changed."""
        self._tell("submariner_path_moved", transition=transition)

    # ---- operations

    def register_commands(self, cli: click.Group) -> None:
        """Let every plugin add its commands. Raises :class:`PluginError`: somebody waits."""
        hook = "submariner_register_commands"
        for plugin in self._registry.implementing(hook):
            try:
                self._registry.call(plugin, hook, cli=cli)
            except Exception as error:
                raise PluginError(f"{plugin.origin}: {hook} raised {error!r}") from error

    def register_metrics(self, registry: CollectorRegistry) -> None:
        """Let every plugin add its metrics; one that fails goes without."""
        self._tell("submariner_register_metrics", registry=registry)

    # ---- how

    def _make(self, part: Role, name: str, options: Options, **arguments: object) -> Any:
        plugin = self._named.get((part, name))
        if plugin is None:
            raise PluginError(f"{part.value} plugin {name!r} is not loaded")
        hook, contract = FACTORIES[part], _CONTRACTS[part]
        try:
            answers = self._registry.call(plugin, hook, name=name, options=options, **arguments)
        except SubmarinerError:
            raise
        except Exception as error:
            raise PluginError(f"{plugin.origin}: {hook} raised {error!r}") from error
        if len(answers) != 1 or not isinstance(answers[0], contract):
            got = ", ".join(type(answer).__name__ for answer in answers) or "None"
            raise PluginError(
                f"{plugin.origin}: {hook} returned {got} for {name!r}, which it says it provides; "
                f"it must return one {contract.__name__}"
            )
        return answers[0]

    def _ask(
        self, hook: str, check: Callable[[object], Any], **arguments: object
    ) -> Iterator[Any]:
        """Each plugin's opinion, one plugin at a time."""
        for plugin in self._registry.implementing(hook):
            try:
                answers = [check(x) for x in self._registry.call(plugin, hook, **arguments)]
            except Exception as error:  # noqa: BLE001 - no plugin stops the gateway
                self._count(plugin, hook, error)
            else:
                yield from answers

    def _tell(self, hook: str, **arguments: object) -> None:
        for _ in self._ask(hook, lambda answer: answer, **arguments):
            pass

    def _count(self, plugin: Plugin, hook: str, error: Exception) -> None:
        self.failures[plugin.info.name, hook] += 1
        log.warning(
            "plugin hook failed",
            plugin=plugin.info.name,
            distribution=plugin.origin.source,
            hook=hook,
            exc_info=error,
        )


def _names(answer: object) -> frozenset[str]:
    if isinstance(answer, (tuple, list, set, frozenset)):
        return frozenset(answer)
    raise TypeError(f"a tuple of driver names was expected, not {answer!r}")


def _reason(answer: object) -> str:
    if isinstance(answer, str) and answer:
        return answer
    raise TypeError(f"a reason or None was expected, not {answer!r}")
