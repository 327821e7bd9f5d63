"""An extension that writes down every event."""

from __future__ import annotations

from submariner_core.api.hooks import hookimpl
from submariner_core.api.info import PluginInfo, Role
from submariner_core.api.model import Connection, Endpoint, Transition
from submariner_core.api.version import API_VERSION


class RecordingExtension:
    """Register it in place of a plugin module; ``events`` are ``(hook, arguments)`` in order.

    Hooks named in ``raising`` are written down and then raise: an observer that misbehaves.
    """

    def __init__(self, name: str = "recording") -> None:
        self.name = name
        self.events: list[tuple[str, tuple[object, ...]]] = []
        self.raising: set[str] = set()

    @property
    def hooks(self) -> list[str]:
        """The names of the hooks that were called, in order."""
        return [hook for hook, _ in self.events]

    @hookimpl
    def submariner_plugin_info(self) -> PluginInfo:
        """Who this is."""
        return PluginInfo(self.name, API_VERSION, {Role.EXTENSION: (self.name,)})

    @hookimpl
    def submariner_leadership_changed(self, active: bool, epoch: int, cause: str) -> None:
        """Write it down."""
        self._note("submariner_leadership_changed", active, epoch, cause)

    @hookimpl
    def submariner_endpoint_added(self, endpoint: Endpoint) -> None:
        """Write it down."""
        self._note("submariner_endpoint_added", endpoint)

    @hookimpl
    def submariner_endpoint_updated(self, endpoint: Endpoint, previous: Endpoint) -> None:
        """Write it down."""
        self._note("submariner_endpoint_updated", endpoint, previous)

    @hookimpl
    def submariner_endpoint_removed(self, endpoint: Endpoint) -> None:
        """Write it down."""
        self._note("submariner_endpoint_removed", endpoint)

    @hookimpl
    def submariner_connection_changed(
        self, connection: Connection, previous: Connection | None
    ) -> None:
        """Write it down."""
        self._note("submariner_connection_changed", connection, previous)

    @hookimpl
    def submariner_path_moved(self, transition: Transition) -> None:
        """Write it down."""
        self._note("submariner_path_moved", transition)

    def _note(self, hook: str, *arguments: object) -> None:
        self.events.append((hook, arguments))
        if hook in self.raising:
            raise RuntimeError(f"{self.name}: {hook} raises: a test asked for it")
