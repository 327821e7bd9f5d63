from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest
from submariner_lab import Lab, LabSpec, ipsec
from submariner_lab.process import Process

from tests.plugins.ipsec import PLUTO, PREFIX, needs_charon, needs_pluto

pytestmark = pytest.mark.netns


def until_there(path: Path, seconds: float = 8.0) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path}"
        time.sleep(0.01)


@needs_charon
def test_charon_runs_as_if_installed_and_answers(netns_factory, tmp_path):
    namespace = netns_factory.create("charon")
    socket = tmp_path / "charon.vici"
    settings = tmp_path / "strongswan.conf"
    settings.write_text(f"""
        charon-systemd {{
            load = random nonce openssl kdf kernel-libipsec kernel-netlink socket-default vici
            plugins {{
                vici {{ socket = unix://{socket} }}
                kernel-libipsec {{ load = yes }}
            }}
        }}
    """)
    environment = ("env", f"STRONGSWAN_CONF={settings}")
    netns_factory.start(namespace, [*PREFIX, *environment, "charon-systemd"])
    until_there(socket)

    stats = [*PREFIX, *environment, "swanctl", "--stats", "--uri", f"unix://{socket}"]
    assert "kernel-libipsec" in netns_factory.run(namespace, stats)


@needs_pluto
def test_pluto_runs_as_if_installed_and_answers(netns_factory, tmp_path):
    namespace = netns_factory.create("pluto")
    (tmp_path / "ipsec.conf").write_text("config setup\n  dnssec-enable=no\n")
    netns_factory.run(namespace, f"certutil -N -d sql:{tmp_path} --empty-password")
    folders = [f"--{name}={tmp_path}" for name in ("rundir", "nssdir", "ipsecdir", "dumpdir")]
    files = [f"--config={tmp_path}/ipsec.conf", f"--secretsfile={tmp_path}/secrets"]
    daemon = [str(PLUTO), "--nofork", "--stderrlog", "--no-dnssec", *files, *folders]
    netns_factory.start(namespace, [*PREFIX, *daemon])
    until_there(tmp_path / "pluto.ctl")

    status = ["ipsec", "whack", f"--rundir={tmp_path}", f"--ctlsocket={tmp_path}/pluto.ctl"]
    assert "using kernel interface: xfrm" in netns_factory.run(
        namespace, [*PREFIX, *status, "--status"]
    )


def test_nothing_of_it_is_seen_outside():
    mounts = Path("/proc/self/mounts").read_text()

    subprocess.run([*PREFIX, "true"], check=True)

    assert Path("/proc/self/mounts").read_text() == mounts


def test_words_and_status_pass_through_unchanged():
    script = "import sys; print(sys.argv[1:]); sys.exit(3)"
    words = ["a b", "$HOME", '"', ""]

    done = subprocess.run(
        [*PREFIX, sys.executable, "-c", script, *words],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (3, f"{words}\n")


def test_without_unpacked_daemons_commands_run_as_they_are(monkeypatch, tmp_path):
    monkeypatch.setattr(ipsec, "UNPACKED", tmp_path / "absent")

    assert ipsec.entry() == ()


def test_one_of_the_two_is_enough(monkeypatch, tmp_path):
    unpacked = tmp_path / "ipsec"
    program = unpacked / "libreswan/usr/libexec/ipsec/pluto"
    program.parent.mkdir(parents=True)
    program.write_text("of the test")
    monkeypatch.setattr(ipsec, "UNPACKED", unpacked)

    entered = ["unshare", "--mount", "--propagation", "private", *ipsec.entry()]
    assert subprocess.check_output([*entered, "cat", PLUTO], text=True) == "of the test"


@needs_charon
def test_two_nodes_have_a_charon_each_with_a_run_folder_of_its_own(netns_factory, tmp_path):
    settings = tmp_path / "strongswan.conf"
    settings.write_text("charon-systemd { load = random nonce openssl kernel-netlink vici }")
    environment = ("env", f"STRONGSWAN_CONF={settings}")
    with contextlib.ExitStack() as stack:
        for name in ("node-1", "node-2"):
            daemon = Process(
                "charon",
                netns_factory.create(name),
                (*ipsec.entry(), *environment, "charon-systemd"),
                tmp_path / f"{name}.log",
                host_name=name,
                run_dir=tmp_path / name,
            )
            daemon.start()
            stack.callback(daemon.kill)
            until_there(tmp_path / name / "charon.vici")


@pytest.mark.parametrize(("driver", "entered"), [("wireguard,libreswan", True), ("vxlan", False)])
def test_daemons_of_a_lab_find_charon_and_pluto_where_a_driver_runs_them(driver, entered):
    lab = Lab(LabSpec(nodes=1, gateways=1, driver=driver))

    for node in lab.nodes:
        for daemon in node.daemons:
            assert (ipsec.ENTER in daemon.command) is (entered and bool(ipsec.entry()))
