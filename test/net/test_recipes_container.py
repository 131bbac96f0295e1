"""doc/recipes.md: containers, each with an inside interface of its own."""

from sniffer import leaks


def test_containers(follow):
    recipe = follow("Containers", [("web", "eth0"), ("job", "eth0"), ("server", "eth0")])
    assert not leaks(recipe.heard("server", "eth0"), "10.88.0.0/16")
