"""What a laboratory should look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NAMES = ("east", "west", "north", "south")
STORES = ("local", "k8s", "etcd")
"""What the stores of a lab can be."""

Options = Mapping[str, Mapping[str, object]]
"""Options of plugins, by plugin and by option."""


@dataclass(frozen=True, slots=True)
class LabSpec:
    """The size of a lab and what runs in it.

    ``gateways`` is how many of each cluster's ``nodes`` (its first ones) are gateway candidates.
    ``driver`` is the cable driver, or several in order, separated by commas; ``options`` are
    plugin options by name, ``by_cluster`` further ones of single clusters. ``settings`` are
    further top-level settings of every node (``lease``, ``failover``, …). ``store`` is what the
    stores are: ``local``, ``etcd``, or ``k8s``, a real API server with its etcd for each cluster
    and for the broker.
    With ``daemons`` false, the topology and the stores stand alone. The clusters named in ``nat``
    stand behind a router each that translates; ``unforwarded`` are gateway ports that these do
    not forward. Faults of the underlay reach such a cluster's router, not its single nodes.
    In the clusters and on the nodes named in ``upstream``, upstream's own daemons run, which need
    ``store="k8s"`` and see the first driver only.

    Raises ``ValueError`` for a size that cannot be built.
    """

    clusters: int = 2
    nodes: int = 3
    gateways: int = 2
    driver: str = "vxlan"
    store: str = "local"
    options: Options = field(default_factory=dict, hash=False)
    by_cluster: Mapping[str, Options] = field(default_factory=dict, hash=False)
    settings: Mapping[str, object] = field(default_factory=dict, hash=False)
    daemons: bool = True
    nat: tuple[str, ...] = ()
    unforwarded: tuple[int, ...] = ()
    upstream: tuple[str, ...] = ()

    @property
    def drivers(self) -> tuple[str, ...]:
        """The cable drivers, in order."""
        return tuple(name.strip() for name in self.driver.split(","))

    def __post_init__(self) -> None:
        if self.store not in STORES:
            raise ValueError(f"stores are one of {', '.join(STORES)}, not {self.store!r}")
        if self.upstream and self.store != "k8s":
            raise ValueError(f"upstream's daemons need store='k8s', not {self.store!r}")
        if not 1 <= self.clusters <= 60:
            raise ValueError(f"a lab has 1 to 60 clusters, not {self.clusters}")
        if not 1 <= self.nodes <= 200:
            raise ValueError(f"a cluster has 1 to 200 nodes, not {self.nodes}")
        if not 1 <= self.gateways <= self.nodes:
            raise ValueError(
                "gateway candidates are at least 1 and at most all nodes of a cluster"
                f" ({self.nodes}), not {self.gateways}"
            )
        names = [cluster_name(number) for number in range(1, self.clusters + 1)]
        for what, given in (("nat", self.nat), ("options", self.by_cluster)):
            for name in given:
                if name not in names:
                    raise ValueError(
                        f"{what}: there is no cluster {name!r} among {', '.join(names)}"
                    )


def cluster_name(number: int) -> str:
    """The cluster id of cluster ``number`` (from 1): east, west, north, south, c5, …."""
    return NAMES[number - 1] if number <= len(NAMES) else f"c{number}"
