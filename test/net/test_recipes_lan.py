"""doc/recipes.md: gateways of a LAN."""

from sniffer import leaks

HOSTS = [("anna", "eth0"), ("ben", "eth0"), ("server", "eth0")]
LAN = "192.168.7.0/24"


def test_lan(follow):
    recipe = follow("A gateway for a whole LAN", HOSTS)
    assert not leaks(recipe.heard("server", "eth0"), LAN)


def test_beside_the_kernel(follow):
    recipe = follow("The same beside the kernel's own forwarding",
                    [("anna", "eth0"), ("server", "eth0"), ("gateway", "nat0"), ("gateway", "nat1")])
    assert not leaks(recipe.heard("server", "eth0"), LAN)
