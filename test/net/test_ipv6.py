"""IPv6 between real stacks: what is told, and what passes untouched."""

import errno
import socket

import pytest
from scapy.all import IPv6, Raw, raw
from scapy.all import UDP as UdpHeader

from netns import until
from rig import CLIENT, CLIENT6, ROUTER6, SERVER6, WAN6, Setup
from test_hostile import Thrower
from wire import ICMPV6, UDP

IPV6_RECVERR = 25

# Next header, and the eight octets of an extension header that leads to UDP.
HEADERS = [(0, "1100010400000000"), (43, "1100020100000000"), (43, "1100040000000000"),
           (44, "1100000000000007"), (60, "1100010400000000"), (139, "1100010400000000"),
           (140, "1100010400000000")]
# Those that are not followed by one: ESP, AH, unknown and experimental.
WHOLE = [(50, "0000000100000001"), (51, "3b0200000000000000000001000000000000000000000000"),
         (200, "00" * 16), (253, "00" * 16), (59, "")]


def crafted(source, destination):
    udp = raw(IPv6(src=source, dst=destination) / UdpHeader(sport=7, dport=9) / b"behind headers")[40:]
    for number, octets in HEADERS:
        yield number, raw(IPv6(src=source, dst=destination, nh=number) / Raw(bytes.fromhex(octets) + udp))
    for number, octets in WHOLE:
        yield number, raw(IPv6(src=source, dst=destination, nh=number) / Raw(bytes.fromhex(octets)))


@pytest.mark.parametrize("setup", [Setup("tun", 1, True), Setup("tun", 4, False)], ids=str, indirect=True)
def test_extension_headers(network, setup):
    """Requirement 7045-R4: nothing changes but the hop limit; what is denied is, and nothing else."""
    net = network(setup, ipv6=dict(deny_headers=["mobility"]))
    throw = Thrower(net.client, "lan0", net.inside)
    for number, octets in crafted(CLIENT6, SERVER6):
        throw(octets)
        passed = octets[:7] + bytes([octets[7] - 1]) + octets[8:]
        until(lambda: any(p.octets == passed for p in net.outside.received(version=6)), f"header {number}")
    throw(raw(IPv6(src=CLIENT6, dst=SERVER6, nh=135) / Raw(bytes.fromhex("3b00000000000000"))))
    error = net.inside.wait(protocol=ICMPV6, type=1, code=1)
    assert error.source == ROUTER6 and error.inner.octets[6] == 135
    assert net.router.counters()["extension_type"] == 1


def told(namespace, source, destination):
    """What the kernel tells a socket that has sent something there."""
    a = namespace.udp(source)
    a.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    a.connect((destination, 9))
    a.send(b"is anybody there?")
    with pytest.raises(OSError) as caught:
        a.recv(100)
    return caught.value.errno


def test_reasons(network):
    """Requirements 4443-R12, 7084-WPD5 and 7084-L14: one answer each, and nothing goes to and fro."""
    stale, unused, rejected = "2001:db8:dead::2", "2001:db8:7:5::1", "2001:db8:70::1"
    net = network(delegated=["2001:db8:7::/56"],
                  lan=dict(host_address=[f"{CLIENT}/24", f"{CLIENT6}/64", f"{stale}/128"]),
                  routes=[dict(prefix="::/0", interface="wan0"),
                          dict(prefix="2001:db8:70::/48", type="prohibit")])
    net.server.ip("-6 route add 2001:db8:7::/56 dev wan0")
    outside, inside = (net.server, net.outside, WAN6), (net.client, net.inside, ROUTER6)
    for (namespace, sniffer, gateway), source, destination, code, said in (
            (outside, SERVER6, unused, 3, errno.EHOSTUNREACH),
            (outside, SERVER6, "2001:db8::77", 3, errno.EHOSTUNREACH),  # on its link
            (inside, CLIENT6, unused, 3, errno.EHOSTUNREACH),
            (inside, CLIENT6, rejected, 6, errno.EACCES),
            (inside, stale, SERVER6, 5, errno.EACCES)):
        assert told(namespace, source, destination) == said
        errors = [p for p in sniffer.received(protocol=ICMPV6, type=1, code=code)
                  if p.inner.destination == destination]
        assert [(p.source, p.destination) for p in errors] == [(gateway, source)]
    assert not any(p.protocol == UDP for s in (net.inside, net.outside) for p in s.received(version=6))


def test_hop_limit_of_pings(network):
    """Requirement 8200-R1: what is for the gateway needs no hop; what is not, does."""
    net = network()
    net.client.run("ping", "-c", "1", "-W", "5", "-t", "1", ROUTER6)
    net.client.run("ping", "-c", "1", "-W", "5", "-t", "1", WAN6)
    net.client.run("ping", "-c", "1", "-W", "5", "-t", "1", SERVER6, status=1)
    error = net.inside.wait(protocol=ICMPV6, type=3)
    assert error.code == 0 and error.inner.destination == SERVER6
