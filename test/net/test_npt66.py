"""IPv6 to IPv6 between real network stacks: NPTv6 (RFC 6296), one-to-one with sessions, NAPT66."""

import re
import socket

import pytest

import inside6
from inside6 import FAR6, OUTSIDE, beyond_the_server, connected, way_out
from netns import until
from peers import connect, exchange, silent, transfer
from rig import SERVER6, Router, Setup
from sniffer import leaks
from wire import ICMPV6, UDP, number

MIB = 1 << 20
IPV6_MTU = 24
# RFC 6296 section 3: the address of its example, and one more.
ROUTER, A, B, NETWORK = "fd01:203:405:1::1", "fd01:203:405:1::1234", "fd01:203:405:1::5678", "fd01:203:405::/48"
A_OUT, B_OUT = "2001:db8:1:d550::1234", "2001:db8:1:d550::5678"
POOL6 = "2001:db8:1::5"
NPT = dict(type="nptv6", match=NETWORK, prefix=OUTSIDE)
NAPT = dict(type="napt66", match=NETWORK, pool=[POOL6])
SETUPS = [Setup("tun", 1), Setup("tun", 2, False), Setup("own", 2)]

everywhere = pytest.mark.parametrize("setup", SETUPS, ids=str, indirect=True)
on_tun = pytest.mark.parametrize("setup", SETUPS[1:2], ids=str, indirect=True)


def ping(namespace, source, address):
    out = namespace.run("ping", "-n", "-c", "3", "-i", "0.02", "-W", "2", "-I", source, address)
    assert " 3 received" in out, out


def hops(namespace, source, address):
    out = namespace.run("traceroute", "-6", "-n", "-q", "1", "-w", "2", "-m", "4", "-s", source, address)
    return re.findall(r"^ *\d +(\S+)", out, re.M)


def large_datagrams(a, address, b):
    a.sendto(bytes(4000), address)
    heard, asker = b.recvfrom(65536)
    b.sendto(heard, asker)
    assert a.recv(65536) == bytes(4000)


def refused(a, address):
    """By the host itself, about a closed port."""
    a.connect((address, 9))
    a.send(b"anybody?")
    with pytest.raises(ConnectionRefusedError):
        a.recv(10)


@pytest.fixture
def npt(prepared, setup):
    net = connected(prepared(setup), ROUTER, [A, B], NPT)
    yield net
    net.outside.received()
    assert not leaks(net.outside, NETWORK)


@everywhere
class TestNPTv6:
    def test_both_ways(self, npt):
        """Section 3.1: addresses change, nothing else does, and either side begins."""
        u, listener = npt.server.udp(SERVER6, 53), npt.server.listen(SERVER6, 80)
        for inside, outside in ((A, A_OUT), (B, B_OUT)):
            assert exchange(npt.client.udp(inside, 5000), (SERVER6, 53), u) == (outside, 5000)
            assert exchange(npt.server.udp(SERVER6, 7000), (outside, 53), npt.client.udp(inside, 53)) == (SERVER6, 7000)
            ping(npt.client, inside, SERVER6)
            ping(npt.server, SERVER6, outside)
            a = npt.client.tcp(inside, 80)
            b, seen = connect(a, (SERVER6, 80), listener)
            assert seen == (outside, 80)
            transfer(a, b, 2 * MIB)
            transfer(b, a, 2 * MIB)
            c = npt.server.tcp(SERVER6)
            d, seen = connect(c, (outside, 443), npt.client.listen(inside, 443))
            assert seen == c.getsockname()[:2]
            transfer(d, c, MIB)
        assert npt.router.sessions() == []

    def test_hairpin(self, npt):
        """Section 4: hosts inside know each other by outside addresses."""
        ping(npt.client, A, B_OUT)
        assert exchange(npt.client.udp(A, 5000), (B_OUT, 53), npt.client.udp(B, 53)) == (A_OUT, 5000)
        refused(npt.client.udp(A), B_OUT)
        error = npt.inside.wait(protocol=ICMPV6, type=1, code=4, destination=A)
        assert error.source == B_OUT and error.inner.everyone() == {A, B_OUT}

    def test_errors(self, npt):
        refused(npt.client.udp(A), SERVER6)
        assert npt.inside.wait(type=1, code=4).inner.everyone() == {A, SERVER6}
        assert hops(npt.client, A, SERVER6) == [ROUTER, SERVER6]


@everywhere
def test_path_mtu(prepared, setup):
    """A router beyond the outside tells the client, who recognises what is quoted."""
    net = prepared(setup)
    far = beyond_the_server(net, 1280)
    connected(net, ROUTER, [A, B], NPT, routes=way_out(setup))
    a = net.client.tcp(A)
    b, seen = connect(a, (FAR6, 80), far.listen(FAR6, 80))
    assert seen[0] == A_OUT
    transfer(a, b, MIB)
    transfer(b, a, MIB)
    error = net.inside.wait(protocol=ICMPV6, type=2)
    assert error.inner.source == A and number(error.payload, 4, 4) == 1280
    assert a.getsockopt(socket.IPPROTO_IPV6, IPV6_MTU) == 1280
    large_datagrams(net.client.udp(A), (FAR6, 53), far.udp(FAR6, 53))


@on_tun
def test_any_protocol(npt):
    """Section 2: what the transport is does not matter, and its octets stay what they are."""
    for protocol in (socket.IPPROTO_ESP, 253):
        a, b = (n.socket(socket.AF_INET6, socket.SOCK_RAW, protocol) for n in (npt.client, npt.server))
        a.bind((A, 0))
        a.sendto(b"sixteen octets..", (SERVER6, 0))
        heard, seen = b.recvfrom(100)
        assert (heard, seen[0]) == (b"sixteen octets..", A_OUT)
        b.sendto(b"and the way back", (A_OUT, 0))
        assert a.recv(100) == b"and the way back"
    exchange(npt.client.udp(A, 5000), (SERVER6, 53), npt.server.udp(SERVER6, 53))
    sent, = until(lambda: [p for p in npt.inside.packets if p.protocol == UDP and p.outgoing], "what was sent")
    assert npt.outside.wait(protocol=UDP).payload == sent.payload


@pytest.mark.parametrize("setup", [Setup("own", 1), Setup("own", 2, False)], ids=str, indirect=True)
def test_restart(prepared, setup):
    """Requirement 6296-N5: a connection goes on through a gateway that was not there when it began."""
    net = prepared(setup)
    inside6.inside_link(net, ROUTER, [A])
    inside6.outside_link(net)
    net.start(lan=dict(type="packet", address=[ROUTER + "/64"]), wan=inside6.wan(setup), nat=NPT | dict(pool=None))
    a = net.client.tcp(A, 4400)
    b, seen = connect(a, (SERVER6, 80), net.server.listen(SERVER6, 80))
    assert seen == (A_OUT, 4400)
    a.sendall(b"before")
    assert b.recv(100) == b"before"
    assert net.router.stop() == []
    a.sendall(b"while it is gone")
    net.router = Router(net.build, net.conf, net.gateway)
    assert b.recv(100) == b"while it is gone"
    transfer(a, b, MIB)
    transfer(b, a, MIB)


@on_tun
def test_one_to_one(prepared, setup):
    """With sessions and a filter: the outside begins only what is let in."""
    net = connected(prepared(setup), ROUTER, [A, B],
                    dict(type="one_to_one", match="fd01:203:405:1::/64", prefix="2001:db8:1:7::/64"))
    outside = "2001:db8:1:7::1234"
    a, b = net.client.udp(A, 5000), net.server.udp(SERVER6, 53)
    b.sendto(b"too early", (outside, 5000))
    assert silent(a, 0.1)
    assert exchange(a, (SERVER6, 53), b) == (outside, 5000)
    c = net.client.tcp(A, 80)
    d, seen = connect(c, (SERVER6, 80), net.server.listen(SERVER6, 80))
    assert seen == (outside, 80)
    transfer(c, d, MIB)
    ping(net.client, A, SERVER6)


@pytest.fixture
def napt(prepared, setup):
    forwards = [dict(proto=proto, external=f"[{POOL6}]:8080", internal=f"[{B}]:80") for proto in ("tcp", "udp")]
    net = connected(prepared(setup), ROUTER, [A, B], NAPT, forwards=forwards)
    yield net
    net.outside.received()
    assert not leaks(net.outside, NETWORK)


@everywhere
class TestNAPT66:
    """As NAT44 (requirement NAPT66-1)."""

    def test_udp_and_ping(self, napt):
        a, b = napt.client.udp(A, 5000), napt.server.udp(SERVER6, 53)
        assert exchange(a, (SERVER6, 53), b) == (POOL6, 5000)
        assert exchange(a, (SERVER6, 54), napt.server.udp(SERVER6, 54)) == (POOL6, 5000)
        other, seen = exchange(napt.client.udp(B, 5000), (SERVER6, 53), b)
        assert other == POOL6 and seen != 5000
        ping(napt.client, A, SERVER6)
        large_datagrams(a, (SERVER6, 53), b)

    def test_tcp(self, napt):
        a = napt.client.tcp(A, 4400)
        b, seen = connect(a, (SERVER6, 80), napt.server.listen(SERVER6, 80))
        assert seen == (POOL6, 4400)
        transfer(a, b, 4 * MIB)
        transfer(b, a, 4 * MIB)

    def test_from_outside(self, napt):
        """A forward is open; without one nobody is let in."""
        a = napt.server.tcp(SERVER6, 4400)
        b, seen = connect(a, (POOL6, 8080), napt.client.listen(B, 80))
        assert seen == (SERVER6, 4400)
        transfer(a, b, MIB)
        transfer(b, a, MIB)
        assert exchange(napt.server.udp(SERVER6, 7000), (POOL6, 8080), napt.client.udp(B, 80)) == (SERVER6, 7000)
        before = len(napt.inside.received(protocol=UDP))
        napt.server.udp(SERVER6).sendto(b"let me in", (POOL6, 8081))
        until(lambda: napt.router.counters()["no_mapping"], "it to be dropped")
        assert len(napt.inside.received(protocol=UDP)) == before

    def test_hairpin(self, napt):
        assert exchange(napt.client.udp(A, 5000), (POOL6, 8080), napt.client.udp(B, 80)) == (POOL6, 5000)
        a = napt.client.tcp(A, 4400)
        b, seen = connect(a, (POOL6, 8080), napt.client.listen(B, 80))
        assert seen == (POOL6, 4400)
        transfer(a, b, MIB)

    def test_errors(self, napt):
        refused(napt.client.udp(A), SERVER6)
        error = napt.inside.wait(type=1, code=4)
        assert error.source == SERVER6 and error.inner.everyone() == {A, SERVER6}
        with pytest.raises(ConnectionRefusedError):
            napt.client.tcp(A).connect((SERVER6, 81))
        assert hops(napt.client, A, SERVER6) == [ROUTER, SERVER6]


@on_tun
def test_napt66_path_mtu(prepared, setup):
    """Requirement NAPT66-2: Packet Too Big reaches the client, about what the client sent."""
    net = prepared(setup)
    far = beyond_the_server(net, 1280)
    connected(net, ROUTER, [A, B], NAPT, routes=way_out(setup))
    a = net.client.tcp(A)
    b, seen = connect(a, (FAR6, 80), far.listen(FAR6, 80))
    assert seen[0] == POOL6
    transfer(a, b, MIB)
    transfer(b, a, MIB)
    error = net.inside.wait(protocol=ICMPV6, type=2)
    assert error.inner.source == A and error.inner.sport == a.getsockname()[1]
    assert a.getsockopt(socket.IPPROTO_IPV6, IPV6_MTU) == 1280


@pytest.mark.parametrize("setup", [Setup("shared", 2)], ids=str, indirect=True)
def test_prefix_of_an_interface(prepared, setup):
    """That of the kernel's address, which it follows. Neighbours ask for the hosts as if they were on their link."""
    net = prepared(setup)
    for n, end in ((net.gateway, 1), (net.server, 9)):
        n.ip(f"address add 2001:db8:5::{end}/64 dev wan0")
    net.server.ip(f"address add {SERVER6}/128 dev lo")
    shown = net.server.run("ip", "-6", "address", "show", "dev", "wan0", "scope", "link")
    router = re.search(r"inet6 (fe80:[^/]+)", shown)[1]
    net.start(lan=inside6.lan(ROUTER, [A, B]), routes=[dict(prefix="::/0", interface="wan0", via=router)],
              nat=dict(type="nptv6", match="fd01:203:405:1::/64", prefix="interface:wan0", pool=None, ports=None))
    a, b = net.client.udp(A, 5000), net.server.udp(SERVER6, 53)
    assert exchange(a, (SERVER6, 53), b) == ("2001:db8:5:0:d54c::1234", 5000)
    for n, end in ((net.server, 9), (net.gateway, 1)):
        n.ip(f"address delete 2001:db8:5::{end}/64 dev wan0")
        n.ip(f"address add 2001:db8:6::{end}/64 dev wan0")

    def seen():
        a.sendto(b"who am I?", (SERVER6, 53))
        return b.recvfrom(100)[1][0].startswith("2001:db8:6:")

    until(seen, "the other prefix")
    seen, port = exchange(a, (SERVER6, 54), net.server.udp(SERVER6, 54))
    assert seen.startswith("2001:db8:6:") and port == 5000
    assert net.router.stop() == ["router: wan0: 2001:db8:6::/64 has taken the place of 2001:db8:5::/64"]
