"""What upstream's operator makes in a cluster: its Roles, and its containers' environments."""

from __future__ import annotations

from typing import Any

RBAC = "rbac.authorization.k8s.io"
ALL = ["get", "list", "watch", "create", "update", "delete"]
READ = ["get", "list", "watch"]

NAMESPACE = "upstreams-place"
"""Upstream's, in the tests: the other one is ours."""
Rules = list[dict[str, Any]]

ROLES: dict[str, tuple[Rules, Rules]] = {
    "submariner-gateway": (
        [
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "update", "patch"]},
            {
                "apiGroups": ["submariner.io"],
                "resources": ["clusters", "endpoints", "gateways"],
                "verbs": ALL,
            },
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ALL},
        ],
        [{"apiGroups": [""], "resources": ["pods", "services", "nodes"], "verbs": READ}],
    ),
    "submariner-routeagent": (
        [
            {"apiGroups": ["submariner.io"], "resources": ["endpoints"], "verbs": READ},
            {
                "apiGroups": ["submariner.io"],
                "resources": ["routeagents"],
                "verbs": ["get", "list", "create", "update", "delete"],
            },
        ],
        [
            {"apiGroups": [""], "resources": ["nodes"], "verbs": READ},
            {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "list"]},
        ],
    ),
}
"""By account: the rules of its Role, and of its ClusterRole."""

GATEWAY = {
    "SUBMARINER_CLUSTERID": "east",
    "SUBMARINER_CLUSTERCIDR": "10.1.0.0/16",
    "SUBMARINER_SERVICECIDR": "100.1.0.0/16",
    "SUBMARINER_GLOBALCIDR": "",
    "SUBMARINER_CABLEDRIVER": "vxlan",
    "SUBMARINER_COLORCODES": "blue",
    "SUBMARINER_NATENABLED": "false",
    "SUBMARINER_PUBLICIP": "ipv4:192.0.2.1",
    "SUBMARINER_HEALTHCHECKENABLED": "true",
    "SUBMARINER_HEALTHCHECKINTERVAL": "1",
    "SUBMARINER_HEALTHCHECKMAXPACKETLOSSCOUNT": "5",
    "SUBMARINER_METRICSPORT": "32780",
    "SUBMARINER_HALT_ON_CERT_ERROR": "true",
    "SUBMARINER_DEBUG": "false",
    "AIR_GAPPED_DEPLOYMENT": "false",
    "BROKER_K8S_APISERVERTOKEN": "",
    "BROKER_K8S_CA": "",
    "BROKER_K8S_REMOTENAMESPACE": "submariner-k8s-broker",
    "BROKER_K8S_INSECURE": "false",
    "BROKER_K8S_SECRET": "submariner-broker-secret",
    "CE_IPSEC_PSK": "",
    "CE_IPSEC_PSKSECRET": "submariner-ipsec-psk",
    "CE_IPSEC_DEBUG": "false",
    "CE_IPSEC_PREFERREDSERVER": "false",
    "CE_IPSEC_FORCEENCAPS": "false",
    "NODE_NAME": "worker-1",
    "POD_NAME": "submariner-gateway-x",
}
"""The gateway's container; the namespace and the broker's place are the test's."""

ROUTE_AGENT = {
    "SUBMARINER_CLUSTERID": "east",
    "SUBMARINER_CLUSTERCIDR": "10.1.0.0/16",
    "SUBMARINER_SERVICECIDR": "100.1.0.0/16",
    "SUBMARINER_GLOBALCIDR": "",
    "SUBMARINER_NETWORKPLUGIN": "generic",
    "SUBMARINER_HEALTHCHECKENABLED": "true",
    "SUBMARINER_HEALTHCHECKINTERVAL": "1",
    "SUBMARINER_HEALTHCHECKMAXPACKETLOSSCOUNT": "5",
    "SUBMARINER_DEBUG": "false",
    "NODE_NAME": "worker-1",
}


def objects(namespace: str) -> list[dict[str, Any]]:
    """The namespace, both accounts, and what upstream lets them do."""
    made: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    ]
    for account, (rules, cluster_rules) in ROLES.items():
        subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
        made.append(
            {"kind": "ServiceAccount", "metadata": {"name": account, "namespace": namespace}}
        )
        for prefix, where, granted in (
            ("", {"name": account, "namespace": namespace}, rules),
            ("Cluster", {"name": f"{namespace}-{account}"}, cluster_rules),
        ):
            role = {"apiGroup": RBAC, "kind": f"{prefix}Role", "name": where["name"]}
            made.append({"kind": f"{prefix}Role", "metadata": where, "rules": granted})
            made.append(
                {
                    "kind": f"{prefix}RoleBinding",
                    "metadata": where,
                    "roleRef": role,
                    "subjects": [subject],
                }
            )
    return made
