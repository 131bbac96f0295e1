"""doc/recipes.md: virtual machines. QEMU runs a Linux whose network device leaves checksums and
segmentation to us."""

import pytest

from sniffer import leaks
from wire import TCP

LAN = "192.168.7.0/24"
MTU = 1500


@pytest.fixture
def guest(build, tmp_path, follow):
    """Debian's kernel, where the document unpacks it, and what it makes of that."""
    debian = build / "debian"
    if not list(debian.glob("boot/vmlinuz-*")):
        pytest.skip(f"no kernel for guests in {debian}: make deps")
    (tmp_path / "debian").symlink_to(debian)
    follow("A small guest")


def test_on_a_tap(guest, follow):
    """ENV-1."""
    recipe = follow("A virtual machine on a TAP", [("gateway", "tap-vm0"), ("server", "eth0")])
    tap, wire = recipe.heard("gateway", "tap-vm0"), recipe.heard("server", "eth0")
    assert not leaks(wire, LAN)
    for sniffer in tap, wire:
        segments = [p for p in sniffer.received(protocol=TCP) if p.data]
        assert any(p.partial for p in segments) and max(len(p.octets) for p in segments) > 4 * MTU


def test_on_a_bridge(guest, follow):
    recipe = follow("Virtual machines and containers on a bridge",
                    [("gateway", "tap-vm0"), ("gateway", "uplink"), ("anna", "eth0"), ("server", "eth0")])
    assert not leaks(recipe.heard("server", "eth0"), LAN)


def test_on_a_bridge_by_our_own_tap(guest, follow):
    recipe = follow("The bridge at a TAP of the gateway's own",
                    [("gateway", "tap-vm0"), ("gateway", "lan"), ("anna", "eth0"), ("server", "eth0")])
    assert not leaks(recipe.heard("server", "eth0"), LAN)
    segments = [p for p in recipe.heard("gateway", "lan").packets if p.protocol == TCP and p.data]
    for outgoing in True, False:
        assert max(len(p.octets) for p in segments if p.outgoing is outgoing) > 4 * MTU
