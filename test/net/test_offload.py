"""Super-packets between interfaces that take them and interfaces that do not: what one cannot is done
in the gateway, both ways."""

import contextlib
import os
import pathlib
import signal
import socket

import pytest
from scapy.compat import raw
from scapy.layers.inet import UDP as UDPHeader
from scapy.layers.inet6 import IPv6

from netns import until
from peers import connect, exchange, silent, transfer
from rig import CLIENT, CLIENT6, CLIENT_B, POOL, SERVER, SERVER6, Setup
from test_xdp import make_lan
from wire import TCP, UDP, number

MIB = 1 << 20
MTU = 1500
UDP_SEGMENT = 103
ETH_P_IPV6 = 0x86dd
IPV4, IPV6 = (CLIENT, SERVER), (CLIENT6, SERVER6)


@pytest.fixture(params=[(Setup("tun"), True, False), (Setup("tun"), False, True), (Setup("tun", 4), False, True),
                        (Setup("own"), False, True), (Setup("own"), True, False), (Setup("own", 4), False, True),
                        (Setup("xdp"), True, True)],
                ids=lambda p: f"{p[0].topology}-{p[0].workers}w-{'+-'[not p[1]]}{'+-'[not p[2]]}")
def mixed(request, network):
    """lan0 and wan0 of which one takes super-packets."""
    setup, lan, wan = request.param
    net = network(setup, lan=dict(offload=lan), wan=dict(offload=wan))
    if "off" not in offloads(net).values():
        pytest.skip("no AF_XDP here; both take super-packets")
    return net


@pytest.fixture
def willing(network):
    return network(Setup("tun"))


@pytest.fixture
def joining(network):
    """What comes one by one is joined on its way out."""
    return network(Setup("tun"), lan=dict(offload=False))


def offloads(net):
    return {i["name"]: i["offload"] for i in net.router.ask("interfaces")["interfaces"]}


def totals(net):
    """Packets that came in by all interfaces, left, and were dropped."""
    interfaces = net.router.ask("interfaces")["interfaces"]
    return (*(sum(i[key] for i in interfaces) for key in ("packets_in", "packets_out")),
            sum(c["total"] for c in net.router.ask("counters")["drops"]))


def balanced(net):
    came, left, dropped = totals(net)
    return came == left + dropped


def supers(sniffer, **fields):
    return [p for p in sniffer.received(**fields) if p.gso_size]


def plain_side(net):
    return net.inside if offloads(net)["lan0"] == "off" else net.outside


def super_side(net):
    return net.outside if offloads(net)["lan0"] == "off" else net.inside


def addresses(net):
    return (IPV4, IPV6) if net.setup.topology == "tun" else (IPV4,)


def test_tcp_both_ways(mixed):
    for client, server in addresses(mixed):
        listener = mixed.server.listen(server, 80)
        a = mixed.client.tcp(client)
        b, _ = connect(a, (server, 80), listener)
        transfer(a, b, 4 * MIB)
        transfer(b, a, 4 * MIB)
        for s in a, b, listener:
            s.close()
    plain = plain_side(mixed).received(protocol=TCP)
    assert plain and all(len(p.octets) <= MTU and not p.gso_size and not p.partial for p in plain)
    joined = supers(super_side(mixed), protocol=TCP)
    assert max(len(p.octets) for p in joined) > 4 * MTU


def test_counts_what_was_joined(joining):
    a = joining.client.tcp(CLIENT)
    b, _ = connect(a, (SERVER, 80), joining.server.listen(SERVER, 80))
    transfer(a, b, 4 * MIB)
    until(lambda: balanced(joining), "the last packet to be counted")
    written, (_, left, _) = len(joining.outside.received()) + len(joining.inside.received()), totals(joining)
    assert supers(joining.outside, protocol=TCP) and written < left


def test_nothing_is_joined_if_not_wanted(network):
    net = network(Setup("tun"), lan=dict(offload=False), wan=dict(coalesce=False))
    a = net.client.tcp(CLIENT)
    b, _ = connect(a, (SERVER, 80), net.server.listen(SERVER, 80))
    transfer(a, b, MIB)
    assert not supers(net.outside)


@pytest.mark.parametrize("lan, wan", [(True, True), (True, False), (False, True), (False, False)])
def test_offload_is_what_each_can(network, lan, wan):
    net = network(Setup("own"), lan=dict(offload=lan), wan=dict(offload=wan))
    words = ("off", "tcp+udp")
    assert offloads(net) == {"lan0": words[lan], "wan0": words[wan]}
    assert net.router.ask("status")["offload"] == (lan or wan)


def burst(a, address, size, count, last):
    """count datagrams of so many octets and a shorter one, in one system call."""
    octets = os.urandom(size * count + last)
    a.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
    a.sendto(octets, address)
    return [octets[i:i + size] for i in range(0, len(octets), size)]


def heard(b, count):
    return [b.recv(65536) for _ in range(count)]


@pytest.mark.parametrize("size, count, last", [(1200, 40, 0), (1452, 30, 7), (33, 60, 1), (1, 20, 0)])
def test_udp_super_packets(mixed, size, count, last):
    """Both ways; the one that takes none gets each datagram."""
    for client, server in addresses(mixed):
        a, b = mixed.client.udp(client, 5000), mixed.server.udp(server, 53)
        seen = exchange(a, (server, 53), b)
        for sender, receiver, to in ((a, b, (server, 53)), (b, a, seen)):
            sent = burst(sender, to, size, count, last)
            assert heard(receiver, len(sent)) == sent
        a.close()
        b.close()
    assert all(len(p.octets) <= MTU and not p.gso_size and not p.partial
               for p in plain_side(mixed).received(protocol=UDP))


def test_a_checksum_of_zero_is_sent_as_ones(network):
    """RFC 8200 section 8.1, completed in the gateway: the server's kernel would not take a zero."""
    net = network(Setup("tun"), wan=dict(offload=False))
    a, b = net.client.udp(CLIENT6, 5000), net.server.udp(SERVER6, 53)
    probe = IPv6(src=CLIENT6, dst=SERVER6) / UDPHeader(sport=5000, dport=53)
    rest = number(raw(probe / bytes(2)), 46)
    a.sendto(rest.to_bytes(2, "big"), (SERVER6, 53))
    assert b.recv(100) == rest.to_bytes(2, "big")
    assert number(net.outside.wait(protocol=UDP).payload, 6) == 0xffff


def test_udp_super_packets_cross_whole(willing):
    a, b = willing.client.udp(CLIENT, 5000), willing.server.udp(SERVER, 53)
    exchange(a, (SERVER, 53), b)
    sent = burst(a, (SERVER, 53), 1000, 50, 10)
    assert heard(b, 51) == sent
    crossed, = supers(willing.outside, protocol=UDP)
    assert (crossed.gso_size, len(crossed.octets)) == (1000, 28 + 50010)


@contextlib.contextmanager
def asleep(router):
    """What is sent meanwhile is found in one turn."""
    threads = list(pathlib.Path(f"/proc/{router.process.pid}/task").iterdir())
    router.process.send_signal(signal.SIGSTOP)
    until(lambda: all((t / "stat").read_text().rsplit(")", 1)[1].split()[0] == "T" for t in threads), "it to stop")
    yield
    router.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("client, server", [IPV4, IPV6])
def test_udp_is_joined(joining, client, server):
    a, b = joining.client.udp(client, 5000), joining.server.udp(server, 53)
    exchange(a, (server, 53), b)
    with asleep(joining.router):
        sent = burst(a, (server, 53), 1000, 50, 10)
    assert heard(b, 51) == sent
    joined, = supers(joining.outside, protocol=UDP)
    assert (joined.gso_size, len(joined.data)) == (1000, 50010)


def test_what_was_joined_ends_together(joining):
    a, b = joining.client.udp(CLIENT, 5000), joining.server.udp(SERVER, 53)
    exchange(a, (SERVER, 53), b)
    with asleep(joining.router):
        burst(a, (SERVER, 53), 1000, 50, 0)
        joining.server.ip("link set wan0 down")
    until(lambda: joining.router.counters()["interface_down"] == 50, "all of them to be counted")
    assert all(": wan0: device \"wan0\" is down" in line for line in joining.router.stop())


def test_what_was_joined_and_may_not_wait_ends_together(prepared):
    """For the neighbour wait three; of the others each datagram is counted."""
    net = prepared(Setup("own"), acquainted=False).start(lan=dict(offload=False))
    with asleep(net.router):
        for port in range(5000, 5005):
            burst(net.client.udp(CLIENT, port), ("203.0.113.77", 53), 1000, 10, 0)
    until(lambda: net.router.counters()["unresolved"] == 2 * 10 + 3, "all of them to be counted")


def test_corrupt_stays_corrupt(joining):
    """The server hears what was right and nothing else, whatever stood beside it."""
    b, wire = joining.server.udp(SERVER6, 53), joining.client.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    wire.bind(("lan0", ETH_P_IPV6))
    right = raw(IPv6(src=CLIENT6, dst=SERVER6) / UDPHeader(sport=5000, dport=53) / (b"right" * 20))
    wrong = right[:-1] + b"!"
    joining.inside.crafted.add(wrong)
    joining.outside.crafted.add(wrong[:7] + bytes([wrong[7] - 1]) + wrong[8:])
    with asleep(joining.router):
        for octets in (right, wrong, right, right, wrong, wrong, right, right, right):
            wire.send(octets)
    assert heard(b, 6) == [b"right" * 20] * 6
    assert silent(b, 0.2)
    assert [len(p.data) for p in supers(joining.outside, protocol=UDP)] == [200, 300]


def test_nobody_outside_is_told_of_a_host_that_is_not_there(prepared):
    """Of the datagrams that a super-packet stood for as little as of any other."""
    net = prepared(Setup("tun"))
    make_lan(net)
    net.start(lan=dict(type="packet", offload=False),
              forwards=[dict(proto="udp", external=f"{POOL}:9000", internal=f"{CLIENT_B}:9000")])
    burst(net.server.udp(SERVER), (POOL, 9000), 1000, 3, 0)
    until(lambda: net.router.counters()["unresolved"] == 3, "the gateway to give up")
    assert net.router.counters()["errors_sent"] == 0
