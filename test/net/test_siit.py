"""Translation without sessions (RFC 7915) between real network stacks: IPv6 servers for IPv4 clients, by explicit
mappings (RFC 7757). Each address has its own, so that either side begins."""

import socket

import pytest

from nat64 import (HOST, HOST_B, PREFIX, ROUTER6, behind_the_client, beyond_the_server, embedded, lan, wan, way_out)
from peers import connect, exchange, transfer
from rig import SERVER, WAN, Setup
from test_nat64 import hops, ping

MIB = 1 << 20
HOST4, HOST4_B, BEHIND4, FAR = "203.0.113.66", "203.0.113.67", "203.0.113.73", "198.51.100.9"
SPEAKER = "203.0.113.127"  # for routers that have no IPv4 address
ENTRY = dict(name="servers", type="siit", match="2001:db8::/46", prefix=PREFIX, pool=[SPEAKER])
EACH = [dict(ipv4=f"{HOST4}/32", ipv6=f"{HOST}/128"), dict(ipv4=f"{HOST4_B}/32", ipv6=f"{HOST_B}/128")]
THOSE_BEHIND = [dict(ipv4="203.0.113.72/29", ipv6="2001:db8:2::8/125")]
SETUPS = [Setup("tun", 1), Setup("tun", 2, False), Setup("own", 2)]

everywhere = pytest.mark.parametrize("setup", SETUPS, ids=str, indirect=True)
on_tun = pytest.mark.parametrize("setup", SETUPS[1:2], ids=str, indirect=True)


def translate(net, mappings, **options):
    return net.start(lan=lan(), wan=wan(net.setup), nat=ENTRY | dict(eam=mappings), **options)


@pytest.fixture
def net(prepared, setup):
    return translate(prepared(setup), EACH)


@everywhere
def test_both_ways(net):
    for inside, outside in ((HOST, HOST4), (HOST_B, HOST4_B)):
        ping(net.client, "-I", inside, embedded(SERVER))
        ping(net.server, outside)
        assert exchange(net.client.udp(inside, 5000), (embedded(SERVER), 53), net.server.udp(SERVER, 53)) == (
            outside, 5000)
        assert exchange(net.server.udp(SERVER, 7000), (outside, 53), net.client.udp(inside, 53)) == (
            embedded(SERVER), 7000)
        listener = net.client.listen(inside, 80)
        a = net.server.tcp(SERVER)
        b, seen = connect(a, (outside, 80), listener)
        assert seen == (embedded(SERVER), a.getsockname()[1])
        transfer(a, b, 2 * MIB)
        transfer(b, a, 2 * MIB)
    assert net.router.sessions() == []


@everywhere
def test_errors(net):
    """Each side is told by the other's hosts, about what it has sent."""
    for a, to, source in ((net.client.udp(HOST), embedded(SERVER), HOST), (net.server.udp(SERVER), HOST4, SERVER)):
        a.connect((to, 9))
        a.send(b"anybody?")
        with pytest.raises(ConnectionRefusedError):
            a.recv(10)
        sniffer = net.inside if source == HOST else net.outside
        error = next(p for p in sniffer.received() if p.inner)
        assert error.source == to and error.inner.everyone() == {source, to}


@everywhere
def test_hairpin(net):
    """RFC 7757 section 4: hosts with mappings reach each other by their IPv4 addresses."""
    assert exchange(net.client.udp(HOST, 5000), (embedded(HOST4_B), 53), net.client.udp(HOST_B, 53)) == (
        embedded(HOST4), 5000)
    ping(net.client, "-I", HOST, embedded(HOST4_B))


@everywhere
@pytest.mark.parametrize("way", ["-U", "-I"])
def test_traceroute(prepared, setup, way):
    """Every router on both sides is seen; that of IPv6 which has no mapping, by an address of the pool (RFC 6791)."""
    net = prepared(setup)
    host, far = behind_the_client(net), beyond_the_server(net)
    translate(net, THOSE_BEHIND, routes=way_out(setup))
    assert hops(host, "-6", way, embedded(FAR)) == ["2001:db8:2::1", ROUTER6, embedded(SERVER), embedded(FAR)]
    assert hops(far, way, BEHIND4) == ["198.51.100.1", WAN, SPEAKER, BEHIND4]


@on_tun
def test_any_protocol(net):
    """RFC 7915 section 1.2: of what it does not know only the header changes."""
    for protocol in (socket.IPPROTO_ESP, 253):
        a = net.client.socket(socket.AF_INET6, socket.SOCK_RAW, protocol)
        b = net.server.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
        a.bind((HOST, 0))
        a.sendto(b"sixteen octets..", (embedded(SERVER), 0))
        heard, seen = b.recvfrom(100)
        assert (heard[20:], seen[0]) == (b"sixteen octets..", HOST4)
        b.sendto(b"and the way back", (HOST4, 0))
        assert a.recv(100) == b"and the way back"
