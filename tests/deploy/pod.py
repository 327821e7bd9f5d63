"""A container of a manifest as a container runtime starts it: the OCI configuration of it.

What containerd and CRI-O make of a pod's fields is made of them here, without Kubernetes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from submariner_kubernetes.deployment.kustomization import kustomized

from tests.plugins.kubernetes.manifests import DEPLOY

SECCOMP = Path("/usr/share/containers/seccomp.json")
"""The profile that the runtimes' default is made of; golang-github-containers-common has it."""
CAPABILITIES = """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
    NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
    SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME
    SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
    WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
"""
"""All of them, by their bits."""
USUAL = """
    CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP
    NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE
"""
"""What a container has of them if nothing is said."""
MASKED = ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware")
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
TUN = {"path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200, "fileMode": 0o666}
"""Of the node's devices, which a privileged container has, the one that matters."""

Object = dict[str, Any]


def manifests(*folders: str) -> list[Object]:
    """The objects of an overlay with further components."""
    objects: list[Object] = []
    for folder in folders:
        objects = kustomized(DEPLOY / folder, objects)
    return objects


def pods(objects: Iterable[Object]) -> dict[str, Object]:
    """The pods of these, by the names of their DaemonSets."""
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]
        for one in objects
        if one["kind"] == "DaemonSet"
    }


def config_maps(objects: Iterable[Object]) -> dict[str, dict[str, str]]:
    """The files of these."""
    return {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"}


def options(overlay: str) -> Object:
    """The options that the settings of an overlay give to plugins."""
    text = (DEPLOY / "overlays" / overlay / "node.yaml").read_text("utf-8")
    told: Object = YAML(typ="safe").load(text)["options"]
    return told


def granted(container: Object) -> frozenset[str]:
    """The capabilities that a container starts with."""
    context = container["securityContext"]
    if context.get("privileged"):
        return frozenset(CAPABILITIES.split()) & had("CapBnd")
    asked = context.get("capabilities", {})
    kept = frozenset() if "ALL" in asked.get("drop", ()) else frozenset(USUAL.split())
    return kept.difference(asked.get("drop", ())).union(asked.get("add", ()))


def had(kind: str, process: str = "self") -> frozenset[str]:
    """The capabilities of a process: ``CapEff``, or ``CapBnd`` for those that it might get."""
    text = Path("/proc", process, "status").read_text("ascii")
    (line,) = (line for line in text.splitlines() if line.startswith(f"{kind}:"))
    bits = int(line.split()[1], 16)
    return frozenset(name for bit, name in enumerate(CAPABILITIES.split()) if bits >> bit & 1)


def bind(source: Path | str, target: str, *, read_only: bool = True) -> Object:
    """A mount of a folder or file."""
    how = ["rbind", "rprivate", "ro" if read_only else "rw"]
    return {"destination": target, "type": "bind", "source": str(source), "options": how}


def configuration(
    pod: Object,
    *,
    entry_point: Sequence[str],
    volumes: Mapping[str, Path],
    environ: Mapping[str, str],
    others: Iterable[Object] = (),
    over: Iterable[Object] = (),
) -> Object:
    """The OCI configuration of a pod's one container, of a pod on the node's own network.

    ``entry_point`` is the image's. ``volumes`` says what a volume is in place of what its source
    says; ``others`` are further mounts, before all those of the pod, ``over`` such after them.
    """
    (container,) = pod["containers"]
    context = container["securityContext"]
    privileged = context.get("privileged", False)
    assert pod["hostNetwork"] is True
    assert context["runAsUser"] == 0
    has = sorted(f"CAP_{name}" for name in granted(container))
    told = {one["name"]: one["value"] for one in container.get("env", ()) if "value" in one}
    seccomp = context.get("seccompProfile", {}).get("type") == "RuntimeDefault"
    linux = {
        # of the network, and of the name of the node, it has none of its own
        "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc")],
        "maskedPaths": [] if privileged else list(MASKED),
        "readonlyPaths": [] if privileged else list(READ_ONLY),
        "devices": [TUN] if privileged else [],
        **({"seccomp": _filter(has)} if seccomp and not privileged else {}),
    }
    return {
        "ociVersion": "1.0.2",
        "root": {"path": "root", "readonly": context.get("readOnlyRootFilesystem", False)},
        "process": {
            "user": {"uid": 0, "gid": 0},
            "cwd": "/",
            "args": [*container.get("command", entry_point), *container.get("args", ())],
            "env": [f"{name}={value}" for name, value in {**environ, **told}.items()],
            "noNewPrivileges": not context.get("allowPrivilegeEscalation", True),
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), has),
        },
        "mounts": [*_own(privileged), *others, *_mounts(pod, container, volumes), *over],
        "linux": linux,
    }


def _own(privileged: bool) -> list[Object]:
    """What every container has."""
    sys = ["nosuid", "noexec", "nodev", "rw" if privileged else "ro"]
    return [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm"},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": sys},
    ]


def _mounts(pod: Object, container: Object, volumes: Mapping[str, Path]) -> list[Object]:
    found = {volume["name"]: volume for volume in pod.get("volumes", ())}
    made = []
    for mount in container.get("volumeMounts", ()):
        volume, target = found[mount["name"]], mount["mountPath"]
        if "emptyDir" in volume:
            made.append({"destination": target, "type": "tmpfs", "source": "tmpfs"})
            continue
        source = volumes.get(mount["name"]) or volume["hostPath"]["path"]
        made.append(bind(source, target, read_only=mount.get("readOnly", False)))
    return made


def _filter(has: Sequence[str]) -> Object:
    """The default profile for a container with these capabilities."""
    profile = json.loads(SECCOMP.read_text("utf-8"))
    rules = []
    for rule in profile["syscalls"]:
        asks, refuses = rule["includes"], rule["excludes"]
        if "amd64" not in asks.get("arches", ["amd64"]):
            continue
        if set(asks.get("caps", ())) <= set(has) and not set(refuses.get("caps", ())) & set(has):
            kept = ("names", "action", "args", "errnoRet")
            rules.append({key: rule[key] for key in kept if rule.get(key)})
    arches = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile["defaultErrnoRet"],
        "architectures": arches,
        "syscalls": rules,
    }
