"""ENV-6: addresses and networks that change under a running gateway."""

import re
import signal

import pytest

from netns import until
from peers import connect, exchange
from rig import CLIENT, CLIENT_B, HOST, POOL, SERVER, WAN, Setup, configuration
from sniffer import leaks
from wire import UDP

CLIENTS, SERVERS = 10, 100
SESSIONS = CLIENTS * SERVERS
NEW, THIRD = HOST, POOL  # hosts on the link know where these are


def give(net, address, device="wan0"):
    net.gateway.ip(f"address add {address}/24 dev {device}")


def take(net, address, device="wan0"):
    net.gateway.ip(f"address del {address}/24 dev {device}")


def change(net, was, now):
    """The kernel has one of them at any time."""
    net.gateway.sysctl("net.ipv4.conf.wan0.promote_secondaries", 1)
    give(net, now)
    take(net, was)
    net.acquaint()
    noticed(net, now)


def own_addresses(net, device="wan0"):
    """Of an interface, as the gateway knows them."""
    interface, = (i for i in net.router.ask("interfaces")["interfaces"] if i["name"] == device)
    return [a.split("/")[0] for a in interface["addresses"]]


def noticed(net, *addresses, device="wan0"):
    until(lambda: own_addresses(net, device) == list(addresses), "the gateway to notice")


class Crowd:
    """Sessions of UDP, each kept alive by a question and an answer."""

    def __init__(self, net):
        self.insides = [net.client.udp(CLIENT, 20000 + n) for n in range(CLIENTS)]
        self.outsides = [net.server.udp(SERVER, 30000 + n) for n in range(SERVERS)]
        self.seen = self.keep_alive()

    def keep_alive(self):
        """One packet of each session, which must arrive, and its answer. Who they come from, by
        inside port."""
        seen = {}
        for a in self.insides:
            for n, b in enumerate(self.outsides):
                source = exchange(a, (SERVER, 30000 + n), b)
                assert seen.setdefault(a.getsockname()[1], source) == source
        return seen


def status(net, *keys):
    answer = net.router.ask("status")
    return tuple(answer[key] for key in keys)


def told(net, *patterns):
    """What the gateway says when it ends is these lines, beside what it always says."""
    said = net.router.stop()
    assert len(said) == len(patterns), said
    for line, pattern in zip(said, patterns):
        assert re.fullmatch(pattern, line), line


@pytest.fixture
def crowd(prepared):
    def make(policy, workers=2):
        net = prepared(Setup("shared", workers))
        net.start(nat=dict(on_address_change=policy))
        return net, Crowd(net)
    return make


def test_sessions_end(crowd):
    """All of them at once, counted; with the next packet each goes on from the new address."""
    net, c = crowd("end")
    a, listener = net.client.tcp(CLIENT), net.server.listen(SERVER, 80)
    b, _ = connect(a, (SERVER, 80), listener)
    change(net, WAN, NEW)
    until(lambda: status(net, "sessions_lost") == (SESSIONS + 1,), "all sessions to end")
    assert status(net, "sessions", "mappings", "sessions_moved") == (0, 0, 0)
    assert {s[0] for s in c.keep_alive().values()} == {NEW}
    assert status(net, "sessions", "sessions_lost") == (SESSIONS, SESSIONS + 1)
    told(net, rf"router: wan0: {NEW} has taken the place of {WAN}; end: {SESSIONS + 1} sessions "
              "have ended")


def test_sessions_move(crowd):
    """All of them, with their ports; a keep-alive is answered at once. TCP goes along, and its peer
    does not know who speaks."""
    net, c = crowd("move")
    a, listener = net.client.tcp(CLIENT), net.server.listen(SERVER, 80)
    b, peer = connect(a, (SERVER, 80), listener)
    change(net, WAN, NEW)
    until(lambda: status(net, "sessions_moved") == (SESSIONS + 1,), "all sessions to move")
    assert status(net, "sessions", "sessions_lost") == (SESSIONS + 1, 0)
    assert c.keep_alive() == {inside: (NEW, port) for inside, (_, port) in c.seen.items()}
    assert status(net, "sessions", "sessions_created") == (SESSIONS + 1, SESSIONS + 1)
    a.send(b"is anybody there?")
    with pytest.raises(ConnectionResetError):
        a.recv(1)
    assert net.outside.received(source=NEW, sport=peer[1], dport=80)
    told(net, rf"router: wan0: {NEW} has taken the place of {WAN}; move: {SESSIONS + 1} sessions "
              "have moved")


def test_sessions_stay(crowd):
    """They keep the old address, and whoever is new gets the new one. A third address ends those of
    the first."""
    net, c = crowd("idle")
    change(net, WAN, NEW)
    until(lambda: status(net, "sessions_kept") == (SESSIONS,), "the change")
    assert c.keep_alive() == c.seen
    a, b = net.client.udp(CLIENT_B, 7000), net.server.udp(SERVER, 53)
    assert exchange(a, (SERVER, 53), b)[0] == NEW
    # The same inside endpoint, another remote one.
    assert exchange(c.insides[0], (SERVER, 53), b)[0] == NEW
    assert status(net, "sessions", "sessions_lost", "sessions_moved") == (SESSIONS + 2, 0, 0)
    change(net, NEW, THIRD)
    until(lambda: status(net, "sessions_lost") == (SESSIONS,), "the first to end")
    assert exchange(a, (SERVER, 53), b)[0] == NEW
    assert {s[0] for s in c.keep_alive().values()} <= {THIRD, NEW}
    told(net, rf"router: wan0: {NEW} has taken the place of {WAN}; idle: {SESSIONS} sessions keep "
              "the old one, 0 have ended",
         rf"router: wan0: {THIRD} has taken the place of {NEW}; idle: 2 sessions keep the old one, "
         rf"{SESSIONS} have ended")


def confined(net, *sockets):
    """What these send to the server's port 53 leaves nowhere."""
    before = len(net.outside.received(protocol=UDP))
    for s in sockets * 10:
        s.sendto(b"anybody?", (SERVER, 53))
    until(lambda: net.router.counters()["no_route"] >= 20, "all of it to be dropped")
    assert len(net.outside.received(protocol=UDP)) == before


@pytest.mark.parametrize("policy", ["end", "idle", "move"])
def test_address_goes_and_another_comes(prepared, policy):
    """As with DHCP. Meanwhile nothing leaves, whatever becomes of the sessions (2827-V21)."""
    net = prepared(Setup("shared", 2))
    net.start(nat=dict(on_address_change=policy))
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53)
    assert exchange(a, (SERVER, 53), b) == (WAN, 5000)
    take(net, WAN)
    noticed(net)
    fresh = net.client.udp(CLIENT_B, 5002)
    confined(net, a, fresh)
    give(net, NEW)
    net.acquaint()
    noticed(net, NEW)
    was = WAN if policy == "idle" else NEW
    assert exchange(a, (SERVER, 53), b) == (was, 5000)
    assert exchange(fresh, (SERVER, 53), b)[0] == NEW
    lost, moved = status(net, "sessions_lost", "sessions_moved")
    assert (lost, moved) == dict(end=(1, 0), idle=(0, 0), move=(0, 1))[policy]
    became = dict(end="end: 1 sessions have ended", idle="idle: 1 sessions keep the old one, 0 have ended",
                  move="move: 0 sessions have moved")[policy]
    told(net, rf"router: wan0: {WAN} is gone, and nothing leaves before there is another; {became}",
         rf"router: wan0: {NEW} has come.*")


def test_address_comes_late(prepared):
    """The gateway starts without, says so, and takes it up when it comes: pool, forward and all."""
    net = prepared(Setup("shared"))
    take(net, WAN)
    net.start(forwards=[dict(proto="udp", external="interface:wan0:8080", internal=f"{CLIENT}:80")])
    a, b, c = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53), net.client.udp(CLIENT, 80)
    confined(net, a, c)
    give(net, WAN)
    net.acquaint()
    noticed(net, WAN)
    assert exchange(a, (SERVER, 53), b) == (WAN, 5000)
    exchange(b, (WAN, 8080), c)
    change(net, WAN, NEW)
    exchange(b, (NEW, 8080), c)
    assert exchange(c, (SERVER, 53), b) == (NEW, 8080)
    told(net, rf"router: .*: wan0: device \"wan0\" has no address; nothing leaves before it gets one",
         rf"router: wan0: {WAN} has come", rf"router: wan0: {NEW} has taken the place of {WAN}; end: .*")


def test_reload_after_a_change(prepared):
    """The file says nothing of addresses: what was learned stays, and so do sessions; what the file
    says of them counts from now on."""
    net = prepared(Setup("shared", 2))
    net.start(nat=dict(on_address_change="idle"))
    a, b, c = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53), net.client.udp(CLIENT_B, 5002)
    assert exchange(a, (SERVER, 53), b) == (WAN, 5000)
    change(net, WAN, NEW)
    assert exchange(c, (SERVER, 53), b) == (NEW, 5002)
    generation, = status(net, "generation")
    net.router.process.send_signal(signal.SIGHUP)
    until(lambda: status(net, "generation") > (generation,), "the configuration to be loaded")
    assert exchange(a, (SERVER, 53), b) == (WAN, 5000)
    assert exchange(c, (SERVER, 53), b) == (NEW, 5002)
    net.values["nat"][0]["on_address_change"] = "move"
    net.conf.write_text(configuration(net.values))
    net.router.process.send_signal(signal.SIGHUP)
    until(lambda: status(net, "sessions_lost") == (1,), "what was left to end")
    change(net, NEW, THIRD)
    until(lambda: status(net, "sessions_moved") == (1,), "the other to move")
    assert exchange(c, (SERVER, 53), b) == (THIRD, 5002)
    told(net, "router: wan0: .*; idle: 1 sessions keep the old one, 0 have ended",
         "router: .* loaded", "router: .* loaded", "router: wan0: .*; move: 1 sessions have moved")


def test_address_in_use_is_preferred(prepared):
    """The kernel names another first, and a reload asks it anew."""
    net = prepared(Setup("shared"))
    net.start()
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53)
    assert exchange(a, (SERVER, 53), b) == (WAN, 5000)
    net.gateway.ip(f"address add {NEW}/25 dev wan0 scope site")
    noticed(net, NEW, WAN)
    assert exchange(a, (SERVER, 53), b) == (WAN, 5000)
    generation, = status(net, "generation")
    net.router.process.send_signal(signal.SIGHUP)
    until(lambda: status(net, "generation") > (generation,), "the configuration to be loaded")
    assert exchange(a, (SERVER, 53), b) == (WAN, 5000)
    assert status(net, "sessions_lost", "sessions_moved") == (0, 0)
    told(net, "router: .* loaded")


def test_network_inside_changes(prepared):
    """The match is that of the interface's network, and follows it."""
    net = prepared(Setup("shared"))
    hosts = net.namespace("hosts")
    net.gateway.ip(f"link add lan1 type veth peer name lan1 netns {hosts.name}")
    net.gateway.ip("link set lan1 up")
    hosts.ip("link set lan1 up")
    net.gateway.ip("address add 192.168.20.1/24 dev lan1")
    hosts.ip("address add 192.168.20.2/24 dev lan1")
    hosts.ip("route add default via 192.168.20.1")
    net.start(interfaces=[dict(name="lan1", type="packet", device="lan1", side="inside")],
              nat=dict(match="interface:lan1"))
    a, b = hosts.udp("192.168.20.2", 5000), net.server.udp(SERVER, 53)
    assert exchange(a, (SERVER, 53), b) == (WAN, 5000)
    net.gateway.ip("address add 192.168.30.1/24 dev lan1")
    net.gateway.ip("address del 192.168.20.1/24 dev lan1")
    hosts.ip("address add 192.168.30.2/24 dev lan1")
    hosts.ip("route replace default via 192.168.30.1")
    noticed(net, "192.168.30.1", device="lan1")
    # Who still has the old network is nobody's host, and what it says is not shown outside.
    hosts.udp("192.168.20.2", 5004).sendto(b"late", (SERVER, 53))
    c = hosts.udp("192.168.30.2", 5002)
    assert exchange(c, (SERVER, 53), b) == (WAN, 5002)
    net.outside.received()
    assert not leaks(net.outside, "192.168.0.0/16")
    told(net, "router: lan1: 192.168.30.0/24 has taken the place of 192.168.20.0/24")
