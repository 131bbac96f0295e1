"""doc/recipes.md: tunnels through the gateway."""

import subprocess

import pytest

from sniffer import leaks

DEVICES = [("laptop", "eth0"), ("office", "eth0")]
LAN = "192.168.7.0/24"
PASSWD = "root:*:0:0:root:/root:/bin/sh\nsshd:*:65533:65534::/run/sshd:/usr/sbin/nologin\n"


def test_openvpn(follow):
    recipe = follow("OpenVPN", DEVICES)
    assert not leaks(recipe.heard("office", "eth0"), LAN)


@pytest.fixture
def sshd(isolated, build, tmp_path):
    """Debian's, where it is unpacked, and the user that it wants; the namespace of mounts is ours."""
    program = build / "debian/usr/sbin/sshd"
    if not program.exists():
        pytest.skip(f"no {program}: make deps")
    with open("/proc/self/uid_map") as f:
        if f.read().split() != ["0", "0", "4294967295"]:
            pytest.skip("sshd becomes another user, which root of a user namespace may not")
    (tmp_path / "passwd").write_text(PASSWD)
    subprocess.run(["mount", "--bind", tmp_path / "passwd", "/etc/passwd"], check=True)
    yield program
    subprocess.run(["umount", "/etc/passwd"], check=True)


def test_openssh(sshd, follow):
    recipe = follow("A tunnel of OpenSSH's", DEVICES, {"/usr/sbin/sshd": str(sshd)})
    assert not leaks(recipe.heard("office", "eth0"), LAN)
