"""doc/recipes.md: networks that have IPv6 alone."""

import pytest

from sniffer import leaks
from wire import SYN, TCP

HOSTS6 = "2001:db8::/32"


@pytest.fixture
def servers(build):
    """Debian's, where they are unpacked: what the document calls them, and what stands here for it."""
    folder = build / "debian/usr/sbin"
    missing = [name for name in ("unbound", "radvd") if not (folder / name).exists()]
    if missing:
        pytest.skip(f"no {' nor '.join(missing)} in {folder}: make recipe-deps")
    return {"unbound -d": f"{folder}/unbound -d", "radvd -n": f"{folder}/radvd -n"}


def test_nat64(servers, follow):
    recipe = follow("An IPv6-only network: NAT64 with DNS64", [("anna", "eth0"), ("server", "eth0")], servers)
    assert not leaks(recipe.heard("server", "eth0"), HOSTS6)


def test_464xlat(follow):
    recipe = follow("464XLAT", [("app", "lan0"), ("plat", "clat"), ("server", "wan0")])
    for end in ("app", "lan0"), ("server", "wan0"):
        assert {p.mss for p in recipe.heard(*end).received(protocol=TCP) if p.flags & SYN} == {1440}
    assert not [p for p in recipe.heard("plat", "clat").packets if p.version == 4]
    assert not leaks(recipe.heard("server", "wan0"), "192.168.7.0/24")
