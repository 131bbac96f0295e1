"""Forwards, hairpinning, exhaustion and reloads as the configuration says, seen from sockets."""

import errno
import re
import signal
import socket
import struct
import time
from collections import Counter

import pytest

from inside import HOSTS, NETWORK, neighbourhood
from netns import PATIENCE, until
from peers import connect, exchange, transfer
from rig import CLIENT, CLIENT_B, POOL, ROUTER, SERVER, SERVER_B, Setup, configuration
from test_lifecycle import refused
from wire import ICMP, RST, TCP

MIB = 1 << 20
A, B, C = HOSTS
IP_RECVERR = 11
ADMINISTRATIVELY_PROHIBITED, HOST_UNREACHABLE, PORT_UNREACHABLE = 13, 1, 3
CROWD = [f"203.0.113.{n}" for n in range(100, 112)]  # clients outside
TUNS = [Setup("tun", 1), Setup("tun", 2, False)]

on_tuns = pytest.mark.parametrize("setup", TUNS, ids=str, indirect=True)


def web_servers(net, neighbour, directory):
    """On each of lan1's hosts one that says its own name."""
    for host in HOSTS:
        folder = directory / host
        folder.mkdir()
        (folder / "name").write_text(host)
        neighbour.start("python3", "test/net/servers.py", "web", host, folder)
    for host in HOSTS:
        until(lambda: neighbour.socket(socket.AF_INET, socket.SOCK_STREAM).connect_ex(
            (host, 80)) == 0, f"the server on {host}")


def name_at(namespace, source, address, port=0):
    """Of the web server that is reached there."""
    s = namespace.tcp(source, port)
    s.connect(address)
    s.sendall(b"GET /name HTTP/1.0\r\n\r\n")
    heard = b""
    while octets := s.recv(1000):
        heard += octets
    s.close()
    assert heard.startswith(b"HTTP/1.0 200 OK"), heard
    return heard.rpartition(b"\n")[2].decode()


@pytest.fixture
def crowded(prepared, setup, tmp_path):
    """Three web servers behind one address, and a dozen clients."""
    def make(**forward):
        net = prepared(setup)
        neighbour, _ = neighbourhood(
            net, seed=1, nat=dict(match="192.168.0.0/16"),
            wan=dict(host_address=[client + "/24" for client in [SERVER, *CROWD]]),
            forwards=[dict(proto="tcp", external=f"{POOL}:8080",
                           internal=[f"{h}:80" for h in HOSTS]) | forward])
        web_servers(net, neighbour, tmp_path)
        return net
    return make


@on_tuns
class TestTargets:
    def test_weights(self, crowded):
        net = crowded(weights=[1, 1, 6])
        names = Counter(name_at(net.server, SERVER, (POOL, 8080), port)
                        for port in range(20000, 20080))
        assert set(names) == set(HOSTS), names
        assert names[C] > 45 and names[A] < 25 and names[B] < 25, names

    def test_affinity(self, crowded):
        """All connections of a client lead to one server, and clients differ."""
        net = crowded(affinity="client")
        chosen = [{name_at(net.server, client, (POOL, 8080)) for _ in range(5)}
                  for client in CROWD]
        assert all(len(names) == 1 for names in chosen)
        assert len(set.union(*chosen)) > 1

    def test_from_inside(self, crowded):
        net = crowded()
        names = {name_at(net.client, CLIENT, (POOL, 8080)) for _ in range(30)}
        assert names == set(HOSTS)


@on_tuns
@pytest.mark.parametrize("source", [ROUTER, "192.168.7.200", "10.255.0.1"])
def test_forward_with_source(network, setup, source):
    """Twice NAT: the server, which has no way to the outside, answers the router, or a name for it
    on the link or beyond. Two clients with one port are told apart."""
    net = network(setup, lan=dict(host_routes=["10.255.0.0/24"]), forwards=[
        dict(proto="tcp", external=f"{POOL}:8080", internal=f"{CLIENT}:80", source=source),
        dict(proto="udp", external=f"{POOL}:5353", internal=f"{CLIENT}:53", source=source)])
    listener, u = net.client.listen(CLIENT, 80), net.client.udp(CLIENT, 53)
    peers = []
    for host in (SERVER, SERVER_B):
        a = net.server.tcp(host, 4400)
        b, peer = connect(a, (POOL, 8080), listener)
        transfer(a, b, MIB)
        transfer(b, a, MIB)
        peers.append(peer)
        assert exchange(net.server.udp(host, 4400), (POOL, 5353), u)[0] == source
    assert peers[0] == (source, 4400) and peers[1][0] == source and peers[1] != peers[0]
    assert " 1 received" in net.client.run("ping", "-n", "-c", "1", "-W", "2", ROUTER)


@on_tuns
def test_hairpin_with_internal_source(prepared, setup):
    """RFC 4787 REQ-9, the other way: the server sees, and answers, the inside address."""
    net = prepared(setup)
    neighbour, beside = neighbourhood(
        net, dict(name="servers", match=NETWORK, type="napt44", pool=["203.0.113.6"],
                  hairpin="internal-source"), nat=dict(hairpin="internal-source"),
        forwards=[dict(proto="tcp", external=f"203.0.113.6:{8080 + n}", internal=f"{A}:{80 + n}")
                  for n in range(4)])
    for n in range(4):  # of every worker
        listener = neighbour.listen(A, 80 + n)
        for port in range(4400, 4404):
            a = net.client.tcp(CLIENT, port)
            b, seen = connect(a, ("203.0.113.6", 8080 + n), listener)
            assert seen == (CLIENT, port)
            transfer(a, b, MIB >> 2)
            transfer(b, a, MIB >> 2)
            a.close()
    assert {p.source for p in beside.received(protocol=TCP)} == {CLIENT}
    assert {p.source for p in net.inside.received(protocol=TCP)} == {"203.0.113.6"}
    assert not net.outside.received()


def exhausted(network, setup, behaviour):
    """A network without a port left for client ports whose owner is the first worker."""
    net = network(setup, nat=dict(ports=f"6000-{5999 + 2 * setup.workers}", low_ports="",
                                  on_exhaustion=behaviour),
                  timeouts=dict(allow_short=True, tcp_closing=1, tcp_opening=1))
    net.taken = [net.client.tcp(CLIENT, port) for port in (5000, 5001)]
    listener = net.server.listen(SERVER, 80)
    net.accepted = []
    for a in net.taken:
        net.accepted.append(connect(a, (SERVER, 80), listener)[0])
        u, v = net.client.udp(CLIENT, a.getsockname()[1]), net.server.udp(SERVER, 53)
        exchange(u, (SERVER, 53), v)
        v.close()
    return net


def give_up(a):
    """With a reset, so that the port is soon free."""
    a.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    a.close()


@on_tuns
@pytest.mark.parametrize("behaviour, code", [("unreachable", HOST_UNREACHABLE),
                                             ("prohibited", ADMINISTRATIVELY_PROHIBITED)])
def test_exhaustion_is_told(network, setup, behaviour, code):
    """RFC 5508 REQ-8, RFC 6888 REQ-11: sockets hear of it, those that are open stay."""
    net = exhausted(network, setup, behaviour)
    with pytest.raises(OSError) as caught:
        net.client.tcp(CLIENT_B, 5000 + 4 * setup.workers).connect((SERVER, 80))
    assert caught.value.errno == errno.EHOSTUNREACH
    u = net.client.udp(CLIENT_B, 5000)
    u.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    u.connect((SERVER, 53))
    u.send(b"anybody?")
    with pytest.raises(OSError) as caught:
        u.recv(10)
    assert caught.value.errno == errno.EHOSTUNREACH
    errors = net.inside.received(protocol=ICMP)
    assert {(e.type, e.code, e.source) for e in errors} == {(3, code, ROUTER)}
    assert net.router.counters()["out_of_ports"] == 2
    for a in net.taken:
        a.send(b"still there")
    net.inside.wait(protocol=TCP, dport=5001)
    assert not [p for p in net.inside.received(protocol=TCP) if p.flags & RST]


@on_tuns
def test_exhaustion_in_silence(network, setup):
    """Nothing is said; the kernel tries again, and succeeds when a port is free."""
    net = exhausted(network, setup, "silent")
    a = net.client.tcp(CLIENT_B, 5000)
    a.setblocking(False)
    assert a.connect_ex((SERVER, 80)) == errno.EINPROGRESS
    until(lambda: net.router.counters()["out_of_ports"], "it to be refused")
    assert not net.inside.received(protocol=ICMP)
    give_up(net.taken.pop())
    a.settimeout(PATIENCE)
    until(lambda: a.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\x01",
          "another try to succeed")
    a.send(b"here I am")
    assert net.router.counters()["out_of_ports"] <= 3


@on_tuns
def test_try_again_when_told(network, setup):
    """RFC 6888 REQ-11: the same without silence, by an application that tries again."""
    net = exhausted(network, setup, "unreachable")
    give_up(net.taken.pop())

    def succeeds():
        a = net.client.tcp(CLIENT_B, 5000)
        failed = a.connect_ex((SERVER, 80))
        assert failed in (0, errno.EHOSTUNREACH)
        return not failed

    assert not succeeds()
    until(succeeds, "a port to be free")


@pytest.fixture
def unasked(network):
    """Several networks at once, so that the time is waited for but once. To each comes a SYN that
    nobody asked for, and to the last two the other side answers before it is rejected."""
    nets = [network(setup, control=f"/run/{number}.sock", nat=nat) for number, (setup, nat) in
            enumerate([(Setup("tun", 1), {}), (Setup("own", 2), {}),
                       (Setup("tun", 2, False), dict(unsolicited_syn="silent")),
                       (Setup("tun", 2), {}), (Setup("shared", 1), {})])]
    for net in nets:
        net.caller = net.server.tcp(SERVER, 7000)
        net.caller.setblocking(False)
        net.caller.connect_ex((net.pool, 4400))
        net.began = time.monotonic()
    return nets


def answers(net):
    """What came back to the caller."""
    return [p for p in net.outside.received() if p.protocol in (ICMP, TCP)]


def test_unsolicited_syn(unasked):
    """RFC 5382 REQ-4: silence for six seconds; then, if nobody inside calls as well, an error."""
    told, silenced, opened = unasked[:2], unasked[2:3], unasked[3:]
    time.sleep(0.5)
    for net in opened:
        a = net.client.tcp(CLIENT, 4400)
        a.connect((SERVER, 7000))
        net.caller.setblocking(True)
        transfer(a, net.caller, MIB)
        transfer(net.caller, a, MIB)
    time.sleep(max(0, unasked[0].began + 5.8 - time.monotonic()))
    for net in told + silenced:
        assert not answers(net)
    for net in told:
        error = until(lambda: answers(net), "the error")[0]
        assert time.monotonic() - net.began >= 6
        assert (error.type, error.code, error.source) == (3, PORT_UNREACHABLE, net.pool)
        assert error.inner.sport == 7000 and error.inner.dport == 4400
        assert net.caller.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
    time.sleep(max(0, unasked[-1].began + 8 - time.monotonic()))
    for net in told:
        assert len(answers(net)) == 1
    assert not answers(silenced[0])
    for net in opened:
        assert not net.outside.received(protocol=ICMP)
        assert not [p for p in answers(net) if p.flags & RST]


def conversation(net, number):
    """A TCP connection and a UDP pair that are open."""
    listener, v = net.server.listen(SERVER, 8000 + number), net.server.udp(SERVER, 9000 + number)
    a, u = net.client.tcp(CLIENT), net.client.udp(CLIENT)
    b, seen = connect(a, (SERVER, 8000 + number), listener)
    return a, b, seen, u, v, exchange(u, v.getsockname(), v)


def go_on(open_ones):
    """From outside first, then from inside, and seen as ever."""
    for a, b, _, u, v, seen in open_ones:
        for one, other in ((b, a), (a, b)):
            one.sendall(b"still there?")
            assert other.recv(100) == b"still there?"
        v.sendto(b"still there?", seen)
        assert u.recv(100) == b"still there?"
        assert exchange(u, v.getsockname(), v) == seen


def reload(net, **nat):
    """The first entry with other keys."""
    generation = net.router.ask("status")["generation"]
    net.values["nat"][0] |= nat
    net.conf.write_text(configuration(net.values))
    net.router.process.send_signal(signal.SIGHUP)
    until(lambda: net.router.ask("status")["generation"] > generation, "the new configuration")


def mappings_of(net):
    """What a new socket looks like to two hosts, and whether a third may send to it."""
    servers = [net.server.udp(address, 6000) for address in (SERVER, SERVER_B)]
    a = net.client.udp(CLIENT)
    seen = [exchange(a, s.getsockname(), s)[1] for s in servers]
    stranger = net.server.udp("203.0.113.11")
    stranger.sendto(b"let me in", (POOL, seen[0]))
    a.settimeout(0.2)
    try:
        admitted = a.recv(100) == b"let me in"
    except TimeoutError:
        admitted = False
    for s in servers:
        s.close()
    return seen, admitted


@on_tuns
def test_reload_of_knobs(network, setup):
    """SIGHUP: what is open stays as it was, what is opened then is as is said now."""
    net = network(setup, wan=dict(host_address=[s + "/24" for s in
                                                (SERVER, SERVER_B, "203.0.113.11")]))
    open_ones = [conversation(net, n) for n in range(8)]
    (one, other), admitted = mappings_of(net)
    assert one == other and not admitted
    reload(net, mapping="address-dependent", filtering="endpoint-independent")
    go_on(open_ones)
    (one, other), admitted = mappings_of(net)
    assert one != other and admitted
    del net.values["nat"][0]["mapping"], net.values["nat"][0]["filtering"]
    reload(net, preset="symmetric", port_selection="random", ports="40000-49999")
    go_on(open_ones)
    (one, other), admitted = mappings_of(net)
    assert one != other and not admitted and {one // 10000, other // 10000} == {4}
    reload(net, preset="full-cone", refresh="both", hairpin="off", on_exhaustion="silent")
    go_on(open_ones)
    (one, other), admitted = mappings_of(net)
    assert one == other and admitted
    assert net.router.stop() == [f"router: {net.conf} loaded"] * 3


@on_tuns
def test_reload_without_a_part_of_the_pool(network, setup):
    """6888-R3: what is on the other addresses goes on; what was on these ends, and comes back on others
    or, when they are given back, on them."""
    pool = ["203.0.113.4-203.0.113.5", "203.0.113.6", "203.0.113.7"]
    net = network(setup, nat=dict(pool=pool))
    open_ones = [conversation(net, n) for n in range(4)]
    used, = {m["outside"].split(":")[0] for m in net.router.ask("mappings", "limit=0")["mappings"]}
    others = [a for a in ("203.0.113.6", "203.0.113.7") if a != used]
    reload(net, pool=["203.0.113.4-203.0.113.5", *(p for p in pool[1:] if p not in others)])
    for _ in range(5):
        go_on(open_ones)
    reload(net, pool=[a for a in ("203.0.113.4", "203.0.113.5", *pool[1:]) if a != used])
    until(lambda: not net.router.ask("status")["sessions"], "sessions of the address to end")
    again = conversation(net, 9)
    assert used not in str(net.router.ask("mappings", "limit=0"))
    reload(net, pool=pool)
    go_on([again])
    assert net.router.stop() == [f"router: {net.conf} loaded"] * 3


@on_tuns
def test_reload_with_another_pool(network, setup):
    """There are no ports for it: that is said, and nothing changes."""
    net = network(setup, nat=dict(pool=[POOL]))
    open_ones = [conversation(net, n) for n in range(2)]
    net.values["nat"][0]["pool"] = [POOL, "203.0.113.7"]
    net.conf.write_text(configuration(net.values))
    net.router.process.send_signal(signal.SIGHUP)
    for _ in range(5):
        go_on(open_ones)
    assert net.router.ask("status")["generation"] == 1
    said = net.router.stop()
    assert "a nat pool changed, which needs a restart; nothing was changed" in said[0]


CONTRARY = """\
interfaces = (
  { name = "lan0"; type = "tun"; side = "inside"; address = [ "192.168.7.1/24" ]; },
  { name = "wan0"; type = "tun"; side = "outside"; address = [ "203.0.113.1/24" ]; } );
nat = ( { name = "home"; match = "192.168.7.0/24"; type = "napt44";
          pool = [ "203.0.113.5" ];
          %s
          %s } );
"""


@pytest.mark.parametrize("one, other, line, what", [
    ('port_selection = "deterministic"; block_size = 128;', 'pooling = "arbitrary";', 7,
     'nat.pooling contradicts port_selection = "deterministic"'),
    ('port_selection = "block";', "block_size = 512;", 5, "nat.pool is too small for blocks"),
    ('port_selection = "block";', 'ports = "2000-2400";', 4, "nat.block_size = 512 is too large"),
    ('preset = "full-con";', "", 6, 'nat.preset = "full-con" is unknown'),
    ('preset = "rfc-cgn"; block_size = 64; ', 'on_exhaustion = "overload";', 7,
     'nat.on_exhaustion = "overload" contradicts port_selection = "block"'),
    ('port_selection = "random";', 'on_conflict = "refuse";', 7,
     "nat.on_conflict is for port_selection preserve"),
])
def test_contradictions(prepared, build, tmp_path, one, other, line, what):
    file = tmp_path / "contrary.conf"
    file.write_text("workers = 2; " + CONTRARY % (one, other))
    fault, = refused(prepared().gateway, f"{build}/router", "check", "-c", file)
    assert fault.startswith(f"{file}:{line}: {what}") and "; " in fault


@on_tuns
def test_listings(prepared, setup):
    """One of each: what is shown is what is, to people and to programs."""
    net = prepared(setup)
    neighbour, _ = neighbourhood(
        net, dict(name="each", match=NETWORK, type="one_to_one", prefix="203.0.113.64/26",
                  twice=dict(inside="10.99.0.0/24", outside="203.0.113.0/24")),
        forwards=[dict(proto="udp", external=f"{POOL}:5353", source=ROUTER,
                       internal=[f"{CLIENT}:53", f"{CLIENT_B}:53"])])
    exchange(net.client.udp(CLIENT, 5000), (SERVER, 53), net.server.udp(SERVER, 53))
    exchange(neighbour.udp(A, 5000), ("10.99.0.9", 54), net.server.udp(SERVER, 54))
    s, servers = net.server.udp(SERVER, 7000), [net.client.udp(h, 53) for h in (CLIENT, CLIENT_B)]
    s.sendto(b"any of you", (POOL, 5353))
    session, = net.router.ask("sessions", f"outside={POOL}:5353")["sessions"]
    chosen, = [u for u in servers if session["inside"].startswith(u.getsockname()[0] + ":")]
    assert chosen.recvfrom(100) == (b"any of you", (ROUTER, 7000))
    assert set(net.router.sessions()) == {
        ("udp", f"{CLIENT}:5000", f"{POOL}:5000", f"{SERVER}:53"),
        ("udp", f"{A}:5000", "203.0.113.66:5000", f"{SERVER}:54"),
        ("udp", session["inside"], f"{POOL}:5353", f"{SERVER}:7000")}
    assert session["forward"] and session["packets_in"] == 1
    mappings = net.router.ask("mappings")["mappings"]
    assert {(m["inside"], m["outside"], m["forward"], m["sessions"]) for m in mappings} == {
        (f"{CLIENT}:5000", f"{POOL}:5000", False, 1),
        (f"{A}:5000", "203.0.113.66:5000", False, 1),
        (session["inside"], f"{POOL}:5353", True, 1)}
    table = net.gateway.run(net.router.ctl, "-s", net.router.control, "mappings", f"inside={A}")
    assert re.search(rf"udp +{A}:5000 +203\.0\.113\.66:5000", table), table
