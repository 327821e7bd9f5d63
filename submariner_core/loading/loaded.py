"""The plugins that settings name: found, judged, and ready to make their objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from submariner_core.api.cable import CableDriver
from submariner_core.api.errors import PluginError
from submariner_core.api.info import CableOptions, Capability, Options
from submariner_core.api.lease import LeaseStore
from submariner_core.api.naming import SLOTS, IPAddress
from submariner_core.api.route import RouteDriver
from submariner_core.api.transport import Transport
from submariner_core.config.settings import Settings
from submariner_core.loading.facade import Hooks
from submariner_core.loading.parts import Part
from submariner_core.loading.registry import Plugin
from submariner_core.loading.report import PluginReport

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class LoadedPart:
    """A part, the plugin that plays it, and its options as the plugin's own model judged them."""

    part: Part
    plugin: Plugin
    options: Options

    def udp_ports(self) -> range:
        """The UDP ports it listens on: none unless it is a cable driver that names some."""
        position = self.part.loc[-1]
        if isinstance(self.options, CableOptions) and isinstance(position, int):
            return self.options.udp_ports(position)
        return range(0)


class Loaded:
    """What :func:`load` gives. Nothing is open yet; each object is made once."""

    def __init__(self, settings: Settings, parts: tuple[LoadedPart, ...], hooks: Hooks) -> None:
        self.settings = settings
        self.hooks = hooks
        self._parts = parts
        self._made: dict[str, Any] = {}

    def cable_drivers(self) -> tuple[tuple[str, CableDriver], ...]:
        """The cable drivers by name, in the order of the settings."""
        return tuple((one.part.name, self._cable(one)) for one in self._titled("cable"))

    def lease_store(self) -> LeaseStore:
        """The lease of this cluster."""
        one = self._required("election")
        cluster_id = self.settings.cluster_id
        return self._once(
            one, lambda: self.hooks.lease_store(one.part.name, one.options, cluster_id)
        )

    def datastore(self) -> Transport:
        """The own cluster's store."""
        return self._transport(self._required("datastore"))

    def another_datastore(self) -> Transport:
        """A transport of the caller's own to the own cluster's store."""
        one = self._required("datastore")
        return self.hooks.transport(one.part.name, one.options, one.part.title)

    def broker(self) -> Transport | None:
        """The store where clusters meet, if there is one."""
        found = self._titled("broker")
        return self._transport(found[0]) if found else None

    def store_addresses(self) -> tuple[IPAddress, ...]:
        """Where the stores that were made are reached, as far as they know it now."""
        stores = (one for one in self._made.values() if isinstance(one, (LeaseStore, Transport)))
        return tuple(address for store in stores for address in store.addresses)

    def route_driver(self) -> RouteDriver | None:
        """What steers this node's traffic, if anything is to."""
        found = self._titled("route")
        if not found:
            return None
        one = found[0]
        return self._once(
            one,
            lambda: self.hooks.route_driver(one.part.name, one.options, self._state_dir(one)),
        )

    def capabilities(self, name: str) -> Capability:
        """What the cable driver ``name`` promises. Raises :class:`PluginError` if not loaded."""
        for one in self._titled("cable"):
            if one.part.name == name:
                return one.plugin.info.capabilities
        raise PluginError(f"cable plugin {name!r} is not loaded")

    def cable_ports(self) -> tuple[int, ...]:
        """Every UDP port on which a loaded cable driver listens, in order."""
        return tuple(sorted({port for one in self._parts for port in one.udp_ports()}))

    def slotted(self) -> frozenset[str]:
        """The cable drivers that have a UDP port for each slot of a remote cluster's gateways."""
        parts = (one for one in self._parts if len(one.udp_ports()) == len(SLOTS))
        return frozenset(one.part.name for one in parts)

    def report(self) -> tuple[PluginReport, ...]:
        """One row per part: cables, election, datastore, broker, route, extensions."""
        return tuple(
            PluginReport.of(one.plugin, one.part.title, one.part.name) for one in self._parts
        )

    def _cable(self, one: LoadedPart) -> CableDriver:
        return self._once(
            one,
            lambda: self.hooks.cable_driver(one.part.name, one.options, self._state_dir(one)),
        )

    def _transport(self, one: LoadedPart) -> Transport:
        return self._once(
            one, lambda: self.hooks.transport(one.part.name, one.options, one.part.title)
        )

    def _once(self, one: LoadedPart, make: Callable[[], Made]) -> Made:
        key = f"{one.part.title} {one.part.name}"
        if key not in self._made:
            self._made[key] = make()
        made: Made = self._made[key]
        return made

    def _titled(self, title: str) -> list[LoadedPart]:
        return [one for one in self._parts if one.part.title == title]

    def _required(self, title: str) -> LoadedPart:
        for one in self._titled(title):
            return one
        raise PluginError(f"the {title} was not loaded: this process asked for other roles only")

    def _state_dir(self, one: LoadedPart) -> Path:
        folder = self.settings.state_dir / one.part.name
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        except OSError as error:
            raise PluginError(
                f"{one.plugin.origin}: its state folder {folder} cannot be made: "
                f"{error.strerror or error}; run as root or set state_dir"
            ) from error
        return folder
