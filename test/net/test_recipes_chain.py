"""doc/recipes.md: three gateways in a row."""

from sniffer import leaks
from wire import TCP

MTU = 1300


def size(p):
    """Of a segment on the wire, where the device cuts it."""
    return len(p.octets) - len(p.data) + p.gso_size if p.gso_size else len(p.octets)


def test_three_routers(follow):
    recipe = follow("Three routers in a row", [("client", "lan0"), ("r2", "r3"), ("server", "wan0")])
    narrow = recipe.heard("r2", "r3")
    assert max(size(p) for p in narrow.received(protocol=TCP)) == MTU
    assert not leaks(narrow, "192.168.7.0/24") and not leaks(recipe.heard("server", "wan0"), "10.0.0.0/8")
