"""From options to an API client: which server, which namespace, whose credentials."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config import ConfigException, load_kube_config

from submariner_core.api.errors import StoreError
from submariner_kubernetes.connection import Sockets
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.token import Token

POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes puts a pod's own credentials."""
NAMESPACES: Mapping[str, str] = {"broker": "submariner-k8s-broker"}
"""Upstream's namespace for a role, where nothing else says one."""
OWN_NAMESPACE = "submariner-operator"


@dataclass(frozen=True, slots=True)
class Access:
    """An open client, where its objects are, and its token where that may change."""

    api: ApiClient
    connector: aiohttp.TCPConnector
    sockets: Sockets
    namespace: str
    token: Token | None

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return str(self.api.configuration.host)

    async def close(self) -> None:
        """End all of its connections. Nobody may be asking any more."""
        await self.api.close()  # type: ignore[no-untyped-call]
        await self.connector.close()
        await self.sockets.end()


async def open_access(
    options: KubernetesOptions, role: str, seen: set[str], environ: Mapping[str, str] = os.environ
) -> Access:
    """A client as the options say; addresses that it connects to are added to ``seen``.

    Raises :class:`StoreError` where something is missing; it may be there the next time.
    """
    settings = Configuration(retries=None)
    settings.disable_strict_ssl_verification = True  # cluster CAs have no key identifiers
    token: Token | None = None
    folder = options.credentials
    if options.kubeconfig is not None:
        await _from_kubeconfig(settings, options)
    else:
        if options.url is not None:
            settings.host = options.url
        else:
            settings.host, folder = _own_server(environ), POD
        settings.proxy = options.proxy
        settings.verify_ssl = not options.insecure
        token = Token(folder, options.token_file, options.token)
        if header := token.header():
            settings.api_key["BearerToken"] = header
        settings.refresh_api_key_hook = token.refresh  # type: ignore[assignment]
    api = ApiClient(settings)
    api.user_agent = f"submariner/{role}"
    context: ssl.SSLContext = api.rest_client.ssl_context
    if authority := _authority(options, folder):
        try:
            context.load_verify_locations(cadata=authority)
        except ssl.SSLError as error:
            raise StoreError(f"{settings.host}: the CA is no PEM certificate ({error})") from None
    sockets = Sockets(seen)
    connections = sockets.connector(context)
    settings.client_session_kwargs = {"connector": connections}
    namespace = options.namespace or _namespace(folder, role)
    return Access(api, connections, sockets, namespace, token)


async def _from_kubeconfig(settings: Configuration, options: KubernetesOptions) -> None:
    try:
        await load_kube_config(  # type: ignore[no-untyped-call]
            config_file=str(options.kubeconfig),
            context=options.context,
            client_configuration=settings,
            persist_config=False,
        )
    except (ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{options.kubeconfig}: not usable: {error}") from None


def _own_server(environ: Mapping[str, str]) -> str:
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise StoreError("which API server? This is no pod: give the option url or kubeconfig")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _authority(options: KubernetesOptions, folder: Path | None) -> str:
    """The CA to trust beside the system's, which upstream trusts too; empty for none."""
    for path in (folder / "ca.crt" if folder else None, options.ca_file):
        if path is None:
            continue
        try:
            return path.read_text(encoding="ascii")
        except FileNotFoundError:
            if path == options.ca_file:
                raise StoreError(f"{path}: there is no such CA file") from None
        except (OSError, UnicodeError) as error:
            raise StoreError(f"{path}: cannot read the CA ({error})") from None
    return options.ca or ""


def _namespace(folder: Path | None, role: str) -> str:
    """The credentials' namespace, else upstream's."""
    if folder is not None:
        try:
            if found := (folder / "namespace").read_text(encoding="ascii").strip():
                return found
        except (OSError, UnicodeError):
            pass
    return NAMESPACES.get(role, OWN_NAMESPACE)
