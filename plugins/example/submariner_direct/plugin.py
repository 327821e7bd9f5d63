# A cable driver without a tunnel: the underlay carries pod addresses as they are.
from submariner_core.api import errors, hooks, model
from submariner_core.api.cable import Cable, CableDriver, CableState, LocalGateway, Path
from submariner_core.api.info import Capability, PluginInfo, Role
from submariner_core.kernel import Kernel


class DirectDriver(CableDriver):
    def __init__(self) -> None:
        self._cables: set[str] = set()

    async def open(self, local: LocalGateway) -> dict[str, str]:
        return {}

    async def connect(self, cable: Cable) -> Path:
        async with Kernel() as kernel:
            if (way := await kernel.routes.lookup(cable.address)) is None:
                raise errors.CableError(f"{cable.name}: no route to {cable.address}: add one")
        self._cables.add(cable.name)
        return Path(way.device, way.via or cable.address, way.mtu)

    async def disconnect(self, cable_name: str) -> None:
        self._cables.discard(cable_name)

    async def observe(self) -> list[CableState]:
        return [CableState(name, model.ConnectionStatus.CONNECTED) for name in self._cables]

    async def close(self) -> None: ...
    async def cleanup(self) -> None: ...


@hooks.hookimpl
def submariner_plugin_info() -> PluginInfo:
    return PluginInfo("direct", (1, 0), {Role.CABLE: ("direct",)}, Capability.STANDBY)


@hooks.hookimpl
def submariner_cable_driver(name: str) -> CableDriver | None:
    return DirectDriver() if name == "direct" else None
