"""Entries of nat that do something else than napt44, and twice NAT, between real network stacks."""

import re
import socket

import pytest

from inside import HOSTS, NETWORK, ROUTER_N, neighbourhood, shown
from netns import until
from peers import connect, exchange, silent, transfer
from rig import CLIENT, SERVER, SERVER_B, WAN, Setup
from wire import ICMP, UDP

MIB = 1 << 20
A, B, C = HOSTS
OUTSIDE = "203.0.113.64/26"
A_OUT, B_OUT, C_OUT = "203.0.113.66", "203.0.113.67", "203.0.113.68"
SETUPS = [Setup("tun", 1), Setup("tun", 2, False), Setup("own", 2), Setup("shared", 1)]
IP_MTU = 14

everywhere = pytest.mark.parametrize("setup", SETUPS, ids=str, indirect=True)
on_tuns = pytest.mark.parametrize("setup", SETUPS[:2], ids=str, indirect=True)
tun_and_own = pytest.mark.parametrize("setup", SETUPS[:3], ids=str, indirect=True)


def ping(namespace, source, address):
    out = namespace.run("ping", "-n", "-c", "3", "-i", "0.02", "-W", "2", "-I", source, address)
    assert " 3 received" in out, out


def route_back(net, prefix=NETWORK):
    """Let the server know where the inside hosts are, as if they were no secret."""
    hop = "dev wan0" if net.setup.topology == "tun" else f"via {WAN}"
    net.server.ip(f"route add {prefix} {hop}")


@pytest.fixture
def one_to_one(prepared, setup):
    """lan1's hosts each have an address of their own outside, open to all."""
    net = prepared(setup)
    net.neighbour, net.beside = neighbourhood(net, dict(
        name="each", match=NETWORK, type="one_to_one", prefix=OUTSIDE,
        filtering="endpoint-independent"))
    yield net
    assert not shown(net)


@everywhere
class TestOneToOne:
    def test_inside_opens(self, one_to_one):
        """RFC 3022 section 2.1. On Ethernet the answers need ARP for an address of nobody's."""
        net = one_to_one
        listener, v = net.server.listen(SERVER, 80), net.server.udp(SERVER, 53)
        for inside, outside in ((A, A_OUT), (B, B_OUT)):
            a = net.neighbour.tcp(inside, 80)
            b, seen = connect(a, (SERVER, 80), listener)
            assert seen == (outside, 80)
            transfer(a, b, MIB)
            transfer(b, a, MIB)
            assert exchange(net.neighbour.udp(inside, 5000), (SERVER, 53), v) == (outside, 5000)
            ping(net.neighbour, inside, SERVER)

    def test_outside_opens(self, one_to_one):
        net = one_to_one
        for inside, outside in ((A, A_OUT), (B, B_OUT)):
            listener, a = net.neighbour.listen(inside, 80), net.server.tcp(SERVER, 4400)
            b, seen = connect(a, (outside, 80), listener)
            assert seen == (SERVER, 4400)
            transfer(a, b, MIB)
            transfer(b, a, MIB)
            assert exchange(net.server.udp(SERVER, 7000), (outside, 53),
                            net.neighbour.udp(inside, 53)) == (SERVER, 7000)
            ping(net.server, SERVER, outside)

    def test_one_copy_of_each(self, one_to_one):
        """ENV-2: a host that forwards leaves the addresses of lan1's hosts to the gateway."""
        net = one_to_one
        net.gateway.sysctl("net.ipv4.ip_forward", 1)
        a, b = net.server.udp(SERVER, 7000), net.neighbour.udp(A, 53)
        for _ in range(10):
            exchange(a, (A_OUT, 53), b)
        assert not net.outside.received(protocol=ICMP)
        assert len(net.outside.received(protocol=UDP)) == len(net.beside.received()) == 10

    def test_hairpin(self, one_to_one):
        """RFC 5508 REQ-7, RFC 7857 section 12: among themselves, and from a host with ports."""
        net = one_to_one
        ping(net.neighbour, A, B_OUT)
        ping(net.client, CLIENT, B_OUT)
        assert {p.source for p in net.beside.received(type=8)} == {A_OUT, net.pool}
        assert {p.source for p in net.beside.received(type=0)} == {B_OUT}
        for host, address, seen in ((net.neighbour, A, A_OUT), (net.client, CLIENT, net.pool)):
            u, listener = net.neighbour.udp(B, 53), net.neighbour.listen(B, 80)
            assert exchange(host.udp(address, 5000), (B_OUT, 53), u) == (seen, 5000)
            a = host.tcp(address, 4400)
            b, peer = connect(a, (B_OUT, 80), listener)
            assert peer == (seen, 4400)
            transfer(a, b, MIB)
            transfer(b, a, MIB)
            u.close()
            listener.close()

    def test_hairpinned_error(self, one_to_one):
        """RFC 5508 REQ-7: it seems to come from outside, and quotes what was sent."""
        a = one_to_one.neighbour.udp(A, 5000)
        a.connect((B_OUT, 9))
        a.send(b"anybody?")
        with pytest.raises(ConnectionRefusedError):
            a.recv(10)
        errors = one_to_one.beside.received(type=3, code=3, destination=A)
        assert [(e.source, e.inner.everyone()) for e in errors] == [(B_OUT, {A, B_OUT})]

    def test_is_listed(self, one_to_one):
        net = one_to_one
        exchange(net.neighbour.udp(A, 5000), (SERVER, 53), net.server.udp(SERVER, 53))
        assert net.router.sessions() == [("udp", f"{A}:5000", f"{A_OUT}:5000", f"{SERVER}:53")]
        mapping, = net.router.ask("mappings", f"outside={A_OUT}")["mappings"]
        assert (mapping["inside"], mapping["sessions"]) == (f"{A}:5000", 1)


@tun_and_own
def test_identity(prepared, setup):
    """A prefix that stands for itself: nothing changes, but nobody outside begins."""
    net = prepared(setup)
    neighbour, beside = neighbourhood(net, dict(name="same", match=NETWORK, type="one_to_one",
                                                prefix=NETWORK))
    route_back(net)
    a, b = neighbour.udp(A, 5000), net.server.udp(SERVER, 53)
    b.sendto(b"too early", (A, 5000))
    until(lambda: net.router.counters()["filtered"], "it to be filtered")
    assert silent(a, 0.1)
    assert exchange(a, (SERVER, 53), b) == (A, 5000)
    b.sendto(b"in time", (A, 5000))
    assert a.recv(100) == b"in time"
    c = neighbour.tcp(A, 4400)
    d, seen = connect(c, (SERVER, 80), net.server.listen(SERVER, 80))
    assert seen == (A, 4400)
    transfer(c, d, MIB)
    transfer(d, c, MIB)
    ping(neighbour, A, SERVER)
    heard = len(beside.received())
    s = net.server.tcp(SERVER_B)
    s.settimeout(0.2)
    neighbour.listen(A, 22)
    with pytest.raises(TimeoutError):
        s.connect((A, 22))
    assert len(beside.received()) == heard


@tun_and_own
def test_none_for_a_destination(prepared, setup):
    """RFC 6888 REQ-6: to one host outside as they are, to all others translated."""
    net = prepared(setup)
    neighbour, beside = neighbourhood(
        net, dict(name="except", match=NETWORK, type="none", destination=SERVER_B + "/32"),
        dict(name="others", match=NETWORK, type="napt44", pool=["203.0.113.6"]))
    route_back(net)
    for server, source in ((SERVER_B, A), (SERVER, "203.0.113.6")):
        assert exchange(neighbour.udp(A, 5000), (server, 53), net.server.udp(server, 53)) == (
            source, 5000)
        a = neighbour.tcp(A, 4400)
        b, seen = connect(a, (server, 80), net.server.listen(server, 80))
        assert seen == (source, 4400)
        transfer(a, b, MIB)
        transfer(b, a, MIB)
        ping(neighbour, A, server)
    heard = len(beside.received())
    net.server.udp(SERVER, 54).sendto(b"not you", (A, 5000))
    until(lambda: net.router.counters()["no_mapping"], "it to be dropped")
    assert len(beside.received()) == heard
    exchange(net.server.udp(SERVER_B, 55), (A, 5001), neighbour.udp(A, 5001))
    uncovered = [p for p in net.outside.received() if A in p.everyone()]
    assert {p.destination for p in uncovered} == {SERVER_B}


def far(net, host):
    """An address of another network outside, on the server's kernel."""
    net.server.ip(f"address add {host}/32 dev wan0")
    if net.setup.topology != "tun":
        mac = net.server.ask_ip("link show wan0")[0]["address"]
        net.gateway.ip(f"neighbour replace {host} lladdr {mac} dev wan0 nud permanent")


@pytest.fixture(params=["198.51.100.64/26", NETWORK], ids=["elsewhere", "overlapping"])
def twice(prepared, setup, request):
    """lan1's hosts know a network outside as 10.99.0.64/26; it may be numbered like their own."""
    net = prepared(setup)
    net.far = request.param.rpartition(".")[0] + ".67"
    net.neighbour, net.beside = neighbourhood(
        net, dict(name="twice", match=NETWORK, type="napt44", pool=["203.0.113.6"],
                  twice=dict(inside="10.99.0.64/26", outside=request.param)),
        wan=dict(mtu=1400) if setup.topology == "tun" else {})
    far(net, net.far)
    yield net
    assert not [p for p in net.outside.received() if p.source in HOSTS]


FAR = "10.99.0.67"  # as lan1's hosts know it


@tun_and_own
class TestTwice:
    def test_ping_and_udp(self, twice):
        ping(twice.neighbour, B, FAR)
        assert {p.source for p in twice.beside.received(protocol=ICMP)} == {FAR}
        assert {p.source for p in twice.outside.received(protocol=ICMP)} == {"203.0.113.6"}
        a, b = twice.neighbour.udp(B, 5000), twice.server.udp(twice.far, 53)
        assert exchange(a, (FAR, 53), b) == ("203.0.113.6", 5000)

    def test_tcp(self, twice):
        """Segments are too large for the link outside of the TUN: its errors say so."""
        twice.server.ip("route replace 203.0.113.0/24 dev wan0 advmss 1460")
        a, listener = twice.neighbour.tcp(B, 4400), twice.server.listen(twice.far, 80)
        b, seen = connect(a, (FAR, 80), listener)
        assert seen == ("203.0.113.6", 4400)
        transfer(a, b, MIB)
        transfer(b, a, MIB)
        if twice.setup.topology == "tun":
            error = twice.beside.wait(type=3, code=4)
            assert error.source == ROUTER_N and error.inner.everyone() == {B, FAR}
            assert a.getsockopt(socket.IPPROTO_IP, IP_MTU) == 1400

    def test_errors(self, twice):
        """Of the host itself, about a port that is closed, and about one step after another."""
        a = twice.neighbour.udp(B, 5000)
        a.connect((FAR, 9))
        a.send(b"anybody?")
        with pytest.raises(ConnectionRefusedError):
            a.recv(10)
        error = twice.beside.wait(type=3, code=3)
        assert (error.source, error.inner.everyone()) == (FAR, {B, FAR})
        out = twice.neighbour.run("traceroute", "-n", "-q", "1", "-w", "2", "-m", "3", "-s", B, FAR)
        assert re.findall(r"^ *\d +(\S+)", out, re.M) == [ROUTER_N, FAR], out


@on_tuns
def test_one_network_on_both_sides(prepared, setup):
    """RFC 4787 REQ-7: the provider's link is numbered like lan1."""
    net, wan, provider, far_away = prepared(setup), "192.168.8.125", "192.168.8.126", "198.51.100.9"
    neighbour, _ = neighbourhood(
        net, dict(name="same", match=NETWORK, type="napt44", pool=["interface:wan0"]),
        wan=dict(address=[wan + "/26"], host_address=[provider + "/26", far_away + "/32"],
                 host_routes=[]),
        routes=[dict(prefix="0.0.0.0/0", interface="wan0", via=provider)])
    assert exchange(neighbour.udp(A, 5000), (far_away, 53), net.server.udp(far_away, 53)) == (
        wan, 5000)
    a = neighbour.tcp(B, 4400)
    b, seen = connect(a, (far_away, 80), net.server.listen(far_away, 80))
    assert seen == (wan, 4400)
    transfer(a, b, MIB)
    transfer(b, a, MIB)
    ping(neighbour, A, far_away)
    ping(net.client, CLIENT, A)
    assert {p.source for p in net.outside.received(version=4)} == {wan}
