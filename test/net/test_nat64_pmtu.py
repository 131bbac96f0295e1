"""The path MTU across NAT64: 20 octets between the families, and links too narrow for IPv6 (RFC 7915)."""

import socket

import pytest

from nat64 import FAR, HOST, ROUTER6, beyond_the_server, embedded, translate, way_out
from netns import until
from peers import connect, transfer
from rig import SERVER, WAN, Setup
from wire import ICMP, ICMPV6, TCP, UDP, number

MIB = 1 << 20
ALONE_MOST = 1260  # IPv4 up to here may be fragmented on its way
IP_MTU, IP_MTU_DISCOVER, IP_PMTUDISC_DONT, IP_PMTUDISC_DO, IPV6_MTU = 14, 10, 0, 2, 24
TUNS = [Setup("tun", 1), Setup("tun", 2, False)]
PLAIN = TUNS[1:]
SETUPS = [*TUNS, Setup("own", 1, False)]

everywhere = pytest.mark.parametrize("setup", SETUPS, ids=str, indirect=True)
on_tuns = pytest.mark.parametrize("setup", TUNS, ids=str, indirect=True)
plain = pytest.mark.parametrize("setup", PLAIN, ids=str, indirect=True)
narrow = pytest.mark.parametrize("mtu", [1280, 1000])


def dont_fragment(p):
    return bool(p.octets[6] & 0x40)


def size(p):
    """Of a segment on the wire, where the device cuts it."""
    return len(p.octets) - len(p.data) + p.gso_size if p.gso_size else len(p.octets)


def judge_fragmentation(packets):
    """RFC 7915 section 5.1: what IPv6 could not have been told about may be fragmented, and is numbered."""
    whole = [p for p in packets if not p.is_fragment]
    assert [p for p in whole if dont_fragment(p) != (size(p) > ALONE_MOST)] == []
    idents = [p.id for p in whole if not dont_fragment(p) and not p.gso_size]
    assert len(set(idents)) == len(idents)


def large_datagrams(a, address, b, octets=3000):
    """A question and its answer by UDP, in fragments."""
    a.sendto(bytes(octets), address)
    heard, asker = b.recvfrom(65536)
    assert heard == bytes(octets)
    b.sendto(b"x" * octets, asker)
    assert a.recv(65536) == b"x" * octets


def send_until_heard(a, address, b, octets):
    """By UDP, the first of which may be too large for the way."""
    b.settimeout(0.1)

    def heard():
        a.sendto(bytes(octets), address)
        try:
            return b.recv(65536) == bytes(octets)
        except TimeoutError:
            return False

    until(heard, f"{octets} octets to arrive")


@everywhere
@narrow
def test_narrow_further_away(prepared, setup, mtu):
    """A router of the IPv4 side tells the client, who is never told less than 1280."""
    net = prepared(setup)
    far = beyond_the_server(net, mtu)
    translate(net, routes=way_out(setup))
    learnt = max(1280, mtu + 20)
    a = net.client.tcp(HOST)
    b, _ = connect(a, (embedded(FAR), 80), far.listen(FAR, 80))
    transfer(a, b, MIB)
    transfer(b, a, MIB)
    error = net.inside.wait(protocol=ICMPV6, type=2)
    assert error.source == embedded(SERVER) and error.inner.source == HOST
    assert number(error.payload, 4, 4) == a.getsockopt(socket.IPPROTO_IPV6, IPV6_MTU) == learnt
    c, d = net.client.udp(HOST), far.udp(FAR, 53)
    large_datagrams(c, (embedded(FAR), 53), d)
    send_until_heard(c, (embedded(FAR), 53), d, 1400)
    judge_fragmentation(net.outside.received(protocol=TCP))


@on_tuns
@narrow
def test_narrow_outside(prepared, setup, mtu):
    """The gateway's own outside link. What IPv6 cannot be told to make smaller is cut by the gateway."""
    net = translate(prepared(setup), to_wan=dict(mtu=mtu))
    net.server.ip("route replace 203.0.113.0/24 dev wan0 advmss 1460")
    learnt = max(1280, mtu + 20)
    a = net.client.tcp(HOST)
    b, _ = connect(a, (embedded(SERVER), 80), net.server.listen(SERVER, 80))
    transfer(a, b, MIB)
    transfer(b, a, MIB)
    error = net.inside.wait(protocol=ICMPV6, type=2)
    assert error.source == ROUTER6 and error.inner.everyone() == {HOST, embedded(SERVER)}
    assert number(error.payload, 4, 4) == a.getsockopt(socket.IPPROTO_IPV6, IPV6_MTU) == learnt
    large_datagrams(net.client.udp(HOST), (embedded(SERVER), 53), net.server.udp(SERVER, 53))
    arrived = net.outside.received(protocol=TCP)
    assert max(map(size, arrived)) <= mtu
    assert any(p.is_fragment for p in arrived) == (mtu < ALONE_MOST)


@on_tuns
def test_narrow_inside(prepared, setup):
    """IPv6 with 1280, IPv4 with 1500: the server is told 20 octets less."""
    net = translate(prepared(setup), to_lan=dict(mtu=1280))
    net.client.ip("-6 route replace default dev lan0 advmss 1440")
    a = net.client.tcp(HOST)
    b, seen = connect(a, (embedded(SERVER), 80), net.server.listen(SERVER, 80))
    transfer(b, a, MIB)
    transfer(a, b, MIB)
    error = net.outside.wait(protocol=ICMP, type=3, code=4)
    assert error.source in (WAN, net.pool) and error.inner.destination == seen[0]
    assert number(error.payload, 6) == b.getsockopt(socket.IPPROTO_IP, IP_MTU) == 1260
    large_datagrams(net.client.udp(HOST), (embedded(SERVER), 53), net.server.udp(SERVER, 53))
    assert max(map(size, net.inside.received(version=6))) <= 1280


@plain
def test_just_too_long(prepared, setup):
    """RFC 7915 section 4: 1500 octets that must stay whole do not fit into IPv6 with the same MTU."""
    net = translate(prepared(setup))
    a, b = net.client.udp(HOST), net.server.udp(SERVER, 53)
    a.sendto(b"question", (embedded(SERVER), 53))
    b.connect(b.recvfrom(100)[1])
    b.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    b.send(bytes(1472))
    assert number(net.outside.wait(type=3, code=4).payload, 6) == 1480
    until(lambda: b.getsockopt(socket.IPPROTO_IP, IP_MTU) == 1480, "the path MTU")
    b.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    b.send(bytes(1452))
    assert a.recv(2000) == bytes(1452)
    assert len(net.inside.wait(protocol=UDP).octets) == 1500


@plain
@pytest.mark.parametrize("lowest, pieces", [(None, [1, 1, 2, 2]), (1500, [1, 1, 1, 2])])
def test_may_be_cut(prepared, setup, lowest, pieces):
    """RFC 7915 section 4.1: without DF, what may be too large for some link of IPv6 comes in pieces; what
    is not has no fragment header."""
    net = translate(prepared(setup), to_nat=dict(lowest_ipv6_mtu=lowest) if lowest else {})
    a, b = net.client.udp(HOST), net.server.udp(SERVER, 53)
    a.sendto(b"question", (embedded(SERVER), 53))
    b.connect(b.recvfrom(100)[1])
    b.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
    seen = []
    for total in (100, 1260, 1261, 1500):
        before = len(net.inside.received())
        b.send(bytes(total - 28))
        assert a.recv(2000) == bytes(total - 28)
        seen.append(net.inside.received()[before:])
    assert [len(packets) for packets in seen] == pieces
    assert [[p.octets[6] for p in packets] for packets in seen] == [[UDP] if n == 1 else [44] * n for n in pieces]
    assert max(len(p.octets) for packets in seen for p in packets) <= (lowest or 1280)
