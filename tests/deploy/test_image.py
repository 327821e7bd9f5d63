"""What the built images hold: our commands, upstream's names for them, and what plugins start."""

from __future__ import annotations

import subprocess

import pytest

from submariner_core import __version__
from tests.deploy.built import image

pytestmark = pytest.mark.kube

VARIANTS = ("charon", "libreswan")
OURS = {"libreswan", "vxlan", "wireguard", "k8s", "k8s-lease", "kubeproxy", "join"}
STARTED = ("nft", "ip", "conntrack", "iptables", "iptables-legacy", "setpriv", "wireguard-go")
OF_VARIANT = {
    "charon": ["charon-systemd"],
    "libreswan": ["ipsec", "certutil", "/usr/libexec/ipsec/pluto", "/usr/libexec/ipsec/whack"],
}


def inside(variant: str, *words: str) -> subprocess.CompletedProcess[str]:
    """What a command does that is run in an image, with a network of its own."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return subprocess.run(
        ["unshare", "--net", "chroot", image(variant), *words],
        env={"PATH": path},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_image_has_our_plugins_and_the_programs_that_they_start(variant: str) -> None:
    told = inside(variant, "submariner", "plugins")
    assert told.returncode == 0, told.stderr
    missing = OURS.difference(line.split()[0] for line in told.stdout.splitlines())
    assert not missing
    for program in (*STARTED, *OF_VARIANT[variant]):
        assert inside(variant, "sh", "-c", f"command -v {program}").returncode == 0, program


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    ("program", "component"),
    [("submariner.sh", "gateway"), ("submariner-route-agent.sh", "routeagent")],
)
def test_upstreams_names_tell_their_version_and_run_our_daemons(
    variant: str, program: str, component: str
) -> None:
    told = inside(variant, program, "--version")
    assert told.stderr == f"submariner-{component} version: {__version__}\n"
    assert "Run this node's" in inside(variant, program, "--help").stdout
