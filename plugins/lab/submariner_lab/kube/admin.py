"""What an administrator does at an API server: definitions, namespaces, accounts, any object."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from submariner_core.api import schema
from submariner_core.api.transport import Kind
from submariner_lab.errors import LabError, LabTimeout
from submariner_lab.kube.server import ApiServer

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
POLL = 0.05


class Admin:
    """The administrator of one API server, or whose token is in a file.

    Every call blocks, 10 s at most.
    """

    def __init__(self, server: ApiServer, token_file: Path | None = None) -> None:
        self.server = server
        self._token_file = token_file or server.token_file

    def call(
        self, method: str, path: str, body: object = None, content: str = "application/json"
    ) -> dict[str, Any]:
        """The answer to one request. Raises :class:`LabError` with the status for all but 2xx."""
        request = urllib.request.Request(  # noqa: S310 - the lab's own server
            self.server.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._token_file.read_text()}",
                "Content-Type": content,
            },
        )
        try:
            trust = ssl.create_default_context(cafile=str(self.server.ca_file))
            opener = urllib.request.build_opener(
                urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
            )
            with opener.open(request, timeout=10) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise LabError(
                    f"{method} {path}: {error.code}: {error.read().decode()[:500]}"
                ) from None
        except (OSError, ValueError) as error:
            raise LabError(f"{method} {path}: {error}") from None
        try:
            answered = json.loads(text)
        except ValueError:
            return {"text": text.decode()}
        return answered if isinstance(answered, dict) else {"items": answered}

    def until_ready(self, timeout: float = 240.0) -> None:
        """Until it serves. Raises :class:`LabTimeout`."""
        self._until(lambda: bool(self.call("GET", "/readyz")), timeout, "the API server is ready")

    def install_definitions(self) -> None:
        """Install our custom resource definitions, and wait until they are served."""
        there = {item["metadata"]["name"] for item in self.call("GET", DEFINITIONS)["items"]}
        for kind in Kind:
            if f"{schema.plural(kind)}.{schema.GROUP}" not in there:
                self.call("POST", DEFINITIONS, schema.definition(kind))
        self.until_served()

    def until_served(self) -> None:
        """Until our kinds can be listed: a server that says it is ready may still load them."""
        for path in self.kinds():
            self._until(lambda path=path: bool(self.call("GET", path)), 60, f"{path} is served")

    def kinds(self) -> tuple[str, ...]:
        """The paths of our kinds."""
        return tuple(f"/apis/{schema.GROUP}/{schema.VERSION}/{schema.plural(k)}" for k in Kind)

    def make_namespace(self, name: str) -> None:
        """Make a namespace."""
        self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    def make_account(self, namespace: str, name: str, seconds: int = 3600) -> str:
        """Make a service account; a token of it."""
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        self.call("POST", accounts, {"metadata": {"name": name}})
        return self.token(namespace, name, seconds)

    def token(self, namespace: str, account: str, seconds: int = 3600) -> str:
        """A token of a service account."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        return str(self.call("POST", path, body)["status"]["token"])

    def _until(self, condition: Any, timeout: float, what: str) -> None:
        deadline = time.monotonic() + timeout
        while True:
            try:
                if condition():
                    return
            except LabError as error:
                if time.monotonic() > deadline:
                    raise LabTimeout(f"{what}: not so after {timeout:g} s: {error}") from None
            time.sleep(POLL)


def options(server: ApiServer, namespace: str) -> dict[str, str]:
    """Options of the ``k8s`` plugins for this server, as the administrator."""
    return {
        "url": server.url,
        "namespace": namespace,
        "ca_file": str(server.ca_file),
        "token_file": str(server.token_file),
    }
