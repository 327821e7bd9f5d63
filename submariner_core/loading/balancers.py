"""Only a datastore that knows Services can tell what ``lb:SERVICE`` of ``public_ip`` asks for."""

from __future__ import annotations

from submariner_core.api.errors import ConfigError
from submariner_core.api.info import Capability
from submariner_core.config.document import Document
from submariner_core.config.settings import Settings
from submariner_core.loading.registry import Plugin
from submariner_core.reconcile.public_ip import LOAD_BALANCER, sources


def refuse_unknown_services(settings: Settings, datastore: Plugin, document: Document) -> None:
    """Raise :class:`ConfigError` for an entry ``lb:SERVICE`` that this datastore cannot tell of.

    Settings that ask nobody (``air_gapped``) may have one, as with upstream.
    """
    if Capability.LOAD_BALANCERS in datastore.info.capabilities or settings.air_gapped:
        return
    for key in ("public_ip", "node_public_ip"):
        for source in sources(getattr(settings, key)):
            if source.method == LOAD_BALANCER:
                raise ConfigError(
                    document.problem(
                        (key,),
                        f"{str(source)!r} asks for a Service, and the datastore "
                        f"{settings.plugins.datastore!r} knows none; use the datastore 'k8s', or "
                        "give ipv4:ADDRESS, dns:NAME or api:HOST/PATH",
                    )
                )
