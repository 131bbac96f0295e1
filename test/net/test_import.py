"""Routes of the kernel drive the gateway: those of BIRD, which learns them by BGP from others."""

import itertools

import pytest

from bird import Bird
from netns import until
from peers import exchange, silent
from rig import CLIENT, SERVER, WAN, Setup
from stream import Stream

FAR, FAR_NET = "198.51.100.7", "198.51.100.0/24"
SECOND = "203.0.113.11"
ROUTES = [dict(prefix="192.0.2.0/24", interface="wan0")]  # no default
PATIENCE = 20  # BGP takes its time


@pytest.fixture
def shared(prepared):
    """The kernel's own address outside, and far addresses behind the server; not yet running."""
    net = prepared(Setup("shared", 2))
    net.server.ip(f"address add {FAR}/32 dev lo")
    return net


def imported(net):
    """Prefix and ways of what came from the kernel and is in use."""
    routes = sorted((r["prefix"], r["kind"], r["via"]) for r in net.router.ask("routes", "limit=0")["routes"]
                    if r["origin"] == "kernel" and r["best"])
    return routes


def comes(net, *routes):
    """Exactly these routes, in a while."""
    until(lambda: imported(net) == sorted(routes), f"{routes}", PATIENCE)


VIA_SERVER = (FAR_NET, "via", SERVER)


@pytest.fixture
def birds(shared, tmp_path):
    """One BIRD beside the gateway, one with the server, and what this one announces."""
    a, b = Bird(shared.gateway, tmp_path, WAN, 65001), Bird(shared.server, tmp_path, SERVER, 65002)
    a.speak(b, imports="all")
    a.fill_kernel()
    b.speak(a, exports="all")
    b.announce([FAR_NET])
    return shared, a, b


def test_what_bgp_announces_and_withdraws(birds):
    """Traffic follows; a session lives on through the time without a route."""
    net, a, b = birds
    net.start(routes=ROUTES, import_routes=["main"])
    here, there = net.client.udp(CLIENT), net.server.udp(FAR, 53)
    here.sendto(b"too early", (FAR, 53))
    until(lambda: net.router.counters()["no_route"] == 1, "the datagram to find no route")
    a.run(), b.run()
    comes(net, VIA_SERVER)
    seen = exchange(here, (FAR, 53), there)
    b.command("disable", "announced")
    comes(net)
    here.sendto(b"too late", (FAR, 53))
    until(lambda: net.router.counters()["no_route"] == 2, "the datagram to find no route")
    assert silent(there)
    b.command("enable", "announced")
    comes(net, VIA_SERVER)
    assert exchange(here, (FAR, 53), there) == seen


def test_two_ways_share(birds, tmp_path):
    """Equal BGP routes of two routers: sessions take both ways, each one of them always the same."""
    net, a, b = birds
    other = net.namespace("second")
    net.server.ip(f"link add far0 link wan0 netns {other.name} type macvlan mode bridge")
    other.ip(f"address add {SECOND}/24 dev far0")
    other.ip(f"address add {FAR}/32 dev lo")
    other.ip("link set far0 up")
    c = Bird(other, tmp_path, SECOND, 65003)
    a.speak(c, imports="all")
    c.speak(a, exports="all")
    c.announce([FAR_NET])
    net.start(routes=ROUTES, import_routes=["254"])
    for bird in (a, b, c):
        bird.run()
    comes(net, VIA_SERVER, (FAR_NET, "via", SECOND))
    ends = net.server.udp(FAR, 53), other.udp(FAR, 53)
    for s in ends:
        s.setblocking(False)
    here, chosen = [net.client.udp(CLIENT) for _ in range(32)], {}
    for _, s in itertools.product(range(3), here):
        s.sendto(b"?", (FAR, 53))
        end = until(lambda: next((e for e in ends if heard(e)), None), "one of them to hear")
        assert chosen.setdefault(s, end) is end
    assert set(chosen.values()) == set(ends)
    b.command("disable", "announced")
    comes(net, (FAR_NET, "via", SECOND))
    for s in here:
        s.sendto(b"?", (FAR, 53))
        until(lambda: heard(ends[1]), "the one that is left to hear")


def heard(s):
    try:
        return s.recv(64)
    except BlockingIOError:
        return None


def test_routes_that_end_packets(shared):
    """Blackhole, unreachable and prohibit; what leads elsewhere is counted, and not taken."""
    net = shared
    net.gateway.ip("link add away0 type veth peer name away1")
    for device in ("away0", "away1"):
        net.gateway.ip(f"link set {device} up")
    net.gateway.ip("route add 10.66.0.0/16 dev away0")
    net.start(import_routes=["main"])
    here, there = net.client.udp(CLIENT), net.server.udp(FAR, 53)
    net.gateway.ip(f"route add {FAR_NET} via {SERVER}")
    comes(net, VIA_SERVER)
    exchange(here, (FAR, 53), there)
    for kind in ("blackhole", "prohibit", "unreachable"):
        net.gateway.ip(f"route replace {kind} {FAR_NET}")
        comes(net, (FAR_NET, kind, None))
        net.client.udp(CLIENT).sendto(b"?", (FAR, 53))
        until(lambda kind=kind: net.router.counters()[kind] == 1, f"{kind} to be counted")
    assert silent(there)
    net.gateway.ip(f"route replace {FAR_NET} via {SERVER}")
    comes(net, VIA_SERVER)
    exchange(here, (FAR, 53), there)
    assert net.router.ask("status")["kernel"] == dict(ignored=0, lost=0, left_out=1, failed=0)


def test_reload_keeps_what_was_imported(shared):
    """Another configuration begins with the routes there are; with other tables it takes theirs."""
    net = shared
    net.gateway.ip(f"route add {FAR_NET} via {SERVER}")
    net.gateway.ip(f"route add 198.18.0.0/15 via {SERVER} table 100")
    net.start(routes=ROUTES, import_routes=["main"])
    here, there = net.client.udp(CLIENT), net.server.udp(FAR, 53)
    assert imported(net) == [VIA_SERVER]  # from the very beginning
    seen = exchange(here, (FAR, 53), there)
    net.reload(routes=ROUTES, import_routes=["main"])
    assert imported(net) == [VIA_SERVER]
    assert exchange(here, (FAR, 53), there) == seen
    net.reload(routes=ROUTES, import_routes=["100"])
    comes(net, ("198.18.0.0/15", "via", SERVER))
    net.reload(routes=ROUTES, import_routes=[])
    comes(net)
    net.reload(routes=ROUTES, import_routes=["main"])
    comes(net, VIA_SERVER)
    exchange(here, (FAR, 53), there)
    assert all(line.endswith(" loaded") for line in net.router.stop())


def batch(net, directory, commands):
    file = directory / "batch"
    file.write_text("\n".join(commands) + "\n")
    net.gateway.run("ip", "-batch", file, patience=120)


def test_flaps_lose_nothing(shared, tmp_path):
    """Twenty thousand routes come and go, twice, beside one that is in use."""
    net = shared
    prefixes = [f"10.{n >> 8}.{n & 255}.0/24" for n in range(20000)]
    net.gateway.ip(f"route add {FAR_NET} via {SERVER}")
    net.start(routes=ROUTES, import_routes=["main"])
    here, there = net.client.udp(CLIENT), net.server.udp(FAR, 53)
    exchange(here, (FAR, 53), there)
    net.client.ip("link set lan0 txqueuelen 10000")  # for a gateway that may not run for a while
    stream = Stream(here, (FAR, 53), there)
    stream.start()
    for _ in range(2):
        batch(net, tmp_path, [f"route add {p} via {SERVER}" for p in prefixes])
        until(lambda: len(imported(net)) == 1 + len(prefixes), "all to be imported", PATIENCE)
        batch(net, tmp_path, [f"route del {p}" for p in prefixes])
        until(lambda: imported(net) == [VIA_SERVER], "all to be gone", PATIENCE)
    assert stream.end() == 0 and stream.sent > 100
