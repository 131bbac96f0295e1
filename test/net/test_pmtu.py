"""Path MTU discovery through the gateway: RFC 1191, RFC 5508 REQ-4, RFC 8201."""

import socket

import pytest

from netns import until
from peers import connect, transfer
from rig import CLIENT, CLIENT6, POOL, ROUTER, ROUTER6, SERVER, SERVER6, WAN, Setup
from wire import ICMP, ICMPV6

IP_MTU, IP_MTU_DISCOVER, IP_PMTUDISC_DO = 14, 10, 2
TUNS = [Setup("tun", w, o) for w in (1, 4) for o in (True, False)]
FAR = "198.51.100.9"


def large_segments(namespace, device, prefix="default"):
    """Make the host promise to take more than the links on the way can carry, so that only
    ICMP errors can tell."""
    namespace.ip(f"route replace {prefix} dev {device} advmss 1460")


@pytest.mark.parametrize("setup", TUNS, ids=str, indirect=True)
@pytest.mark.parametrize("mtu", [1280, 1400])
def test_narrow_outside(network, setup, mtu):
    """The gateway itself tells the client, in the name of its inside address."""
    net = network(setup, wan=dict(mtu=mtu))
    large_segments(net.server, "wan0", "203.0.113.0/24")
    a = net.client.tcp(CLIENT)
    b, _ = connect(a, (SERVER, 80), net.server.listen(SERVER, 80))
    transfer(a, b, 1 << 20)
    transfer(b, a, 1 << 20)
    error = net.inside.wait(protocol=ICMP, type=3, code=4)
    assert int.from_bytes(error.payload[6:8], "big") == mtu
    assert error.source == ROUTER and error.inner.source == CLIENT
    assert a.getsockopt(socket.IPPROTO_IP, IP_MTU) == mtu


@pytest.mark.parametrize("setup", TUNS, ids=str, indirect=True)
@pytest.mark.parametrize("mtu", [1280, 1400])
def test_narrow_inside(network, setup, mtu):
    """The other way the gateway tells the server, about the datagram as the server sent it."""
    net = network(setup, lan=dict(mtu=mtu))
    large_segments(net.client, "lan0")
    a = net.client.tcp(CLIENT)
    b, seen = connect(a, (SERVER, 80), net.server.listen(SERVER, 80))
    transfer(b, a, 1 << 20)
    transfer(a, b, 1 << 20)
    error = net.outside.wait(protocol=ICMP, type=3, code=4)
    assert int.from_bytes(error.payload[6:8], "big") == mtu
    assert error.source in (WAN, POOL) and error.inner.destination == seen[0]
    assert b.getsockopt(socket.IPPROTO_IP, IP_MTU) == mtu


def beyond_the_server(net):
    """A network behind the server, reached through a link with MTU 1280."""
    far = net.namespace("far")
    net.server.sysctl("net.ipv4.ip_forward", 1)
    net.server.ip(f"link add far0 mtu 1280 type veth peer name near0 mtu 1280 netns {far.name}")
    net.server.ip("address add 198.51.100.1/24 dev far0")
    net.server.ip("link set far0 up")
    far.ip(f"address add {FAR}/24 dev near0")
    far.ip("link set near0 up")
    far.ip("route add default via 198.51.100.1 advmss 1460")
    return far


@pytest.mark.parametrize("setup", [*TUNS, Setup("shared", 2), Setup("own", 2)], ids=str,
                         indirect=True)
def test_narrow_further_away(prepared, setup):
    """A router beyond the outside tells the client; its error is translated on the way."""
    net = prepared(setup)
    far = beyond_the_server(net)
    hop = {} if setup.topology == "tun" else dict(via=SERVER)
    net.start(routes=[dict(prefix="0.0.0.0/0", interface="wan0") | hop])
    a = net.client.tcp(CLIENT)
    b, seen = connect(a, (FAR, 80), far.listen(FAR, 80))
    assert seen[0] == net.pool
    transfer(a, b, 1 << 20)
    transfer(b, a, 1 << 20)
    error = net.inside.wait(protocol=ICMP, type=3, code=4)
    assert error.inner.source == CLIENT and error.destination == CLIENT
    assert a.getsockopt(socket.IPPROTO_IP, IP_MTU) == 1280


@pytest.mark.parametrize("setup", TUNS[:2], ids=str, indirect=True)
def test_udp_learns_it(network, setup):
    net = network(setup, wan=dict(mtu=1400))
    a, b = net.client.udp(CLIENT), net.server.udp(SERVER, 53)
    a.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    a.connect((SERVER, 53))
    a.send(bytes(1400))
    net.inside.wait(protocol=ICMP, type=3, code=4)
    until(lambda: a.getsockopt(socket.IPPROTO_IP, IP_MTU) == 1400, "the path MTU")
    a.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    a.send(bytes(1372))
    assert b.recv(2000) == bytes(1372)


@pytest.mark.parametrize("setup", TUNS, ids=str, indirect=True)
def test_ipv6_packet_too_big(network, setup):
    net = network(setup, wan=dict(mtu=1400))
    net.server.ip("-6 route replace 2001:db8:7::/64 dev wan0 advmss 1440")
    a = net.client.tcp(CLIENT6)
    b, _ = connect(a, (SERVER6, 80), net.server.listen(SERVER6, 80))
    transfer(a, b, 1 << 20)
    transfer(b, a, 1 << 20)
    error = net.inside.wait(protocol=ICMPV6, type=2)
    assert error.source == ROUTER6 and int.from_bytes(error.payload[4:8], "big") == 1400
