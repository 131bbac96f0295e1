"""Fragments between real network stacks: RFC 4787 REQ-14, RFC 791 section 3.2."""

import itertools
import os
import random
import re
import socket
import threading
import time

import pytest

from netns import until
from peers import connect, exchange, transfer
from rig import CLIENT, POOL, SERVER, WAN, Setup
from wire import TCP, UDP, ones_sum

IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0
HEADER, NARROW = 20, 1000
WIDTHS = [Setup("tun", w, o) for w in (1, 2, 4) for o in (True, False)]
SETUPS = [*WIDTHS, *(Setup("own", w) for w in (1, 2, 4)), Setup("shared", 2)]
everywhere = pytest.mark.parametrize("setup", SETUPS, ids=str, indirect=True)
on_tuns = pytest.mark.parametrize("setup", WIDTHS, ids=str, indirect=True)


def fragments(sniffer, **fields):
    return [p for p in sniffer.received(**fields) if p.is_fragment]


@everywhere
@pytest.mark.parametrize("size", [4000, 20000])
def test_ping(net, size):
    out = net.client.run("ping", "-n", "-c", "3", "-i", "0.05", "-W", "2", "-s", str(size), SERVER)
    assert " 3 received" in out, out
    assert {p.source for p in fragments(net.outside)} == {net.pool}
    assert {p.destination for p in fragments(net.inside)} == {CLIENT}


@everywhere
@pytest.mark.parametrize("size", [4000, 30000])
def test_udp_echo(net, size):
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53)
    for _ in range(5):
        question, answer = os.urandom(size), os.urandom(size)
        a.sendto(question, (SERVER, 53))
        heard, source = b.recvfrom(65536)
        assert heard == question and source == (net.pool, 5000)
        b.sendto(answer, source)
        assert a.recv(65536) == answer
    for sniffer in net.inside, net.outside:
        assert len(fragments(sniffer)) == 5 * -(-(size + 8) // 1480)


@on_tuns
def test_many_at_once(net):
    """Sixteen conversations whose sessions belong to all workers. Their fragments come mixed, and
    kernels would give up on datagrams with more than 64 others' between theirs (ipfrag_max_dist)."""
    for end in (net.client, net.server):
        end.sysctl("net.ipv4.ipfrag_max_dist", 0)
    pairs = [(net.client.udp(CLIENT, 5000 + i), net.server.udp(SERVER, 6000 + i))
             for i in range(16)]
    chosen = random.Random(7)
    for _ in range(10):
        said = [os.urandom(chosen.randrange(1500, 12000)) for _ in pairs]
        for (a, b), octets in zip(pairs, said):
            a.sendto(octets, b.getsockname())
        for (a, b), octets in zip(pairs, said):
            heard, source = b.recvfrom(65536)
            assert heard == octets and source == (net.pool, a.getsockname()[1])
            b.sendto(heard[::-1], source)
        for (a, _), octets in zip(pairs, said):
            assert a.recv(65536) == octets[::-1]


def udp_datagram(source, destination, data):
    """Header and payload of UDP between two (address, port), with the checksum."""
    head = b"".join(n.to_bytes(2, "big") for n in (source[1], destination[1], 8 + len(data), 0))
    pseudo = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    total = ones_sum(pseudo + UDP.to_bytes(2, "big") + head[4:6] + head + data)
    return head[:6] + (0xffff - total).to_bytes(2, "big") + data


def pieces(source, destination, number, payload, size):
    """IPv4 datagrams; what is left out of their headers the kernel fills in."""
    for at in range(0, len(payload), size):
        part = payload[at:at + size]
        more = 0x2000 if at + size < len(payload) else 0
        yield (b"\x45\0" + (HEADER + len(part)).to_bytes(2, "big") + number.to_bytes(2, "big")
               + (at // 8 | more).to_bytes(2, "big") + bytes([64, UDP, 0, 0])
               + socket.inet_aton(source[0]) + socket.inet_aton(destination[0]) + part)


def throw(namespace, source, destination, number, order):
    """From a namespace, in some order, the three pieces of a datagram; returns what it says."""
    data = os.urandom(2900)
    parts = list(pieces(source, destination, number, udp_datagram(source, destination, data), 1000))
    s = namespace.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for which in order:
        s.sendto(parts[which], (destination[0], 0))
    s.close()
    return data


@everywhere
def test_any_order(net):
    """Requirement 4787-R14: what the kernels put together is what was sent."""
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53)
    assert exchange(a, (SERVER, 53), b) == (net.pool, 5000)
    for number, order in enumerate(itertools.permutations(range(3)), 1):
        data = throw(net.client, (CLIENT, 5000), (SERVER, 53), number, order)
        assert b.recvfrom(65536) == (data, (net.pool, 5000))
        data = throw(net.server, (SERVER, 53), (net.pool, 5000), number, order)
        assert a.recvfrom(65536) == (data, (SERVER, 53))


@pytest.mark.parametrize("setup", [Setup("tun", 2, False)], ids=str, indirect=True)
def test_the_first_never_comes(network, setup):
    """What waits in vain is dropped when its time is over, though no packet wakes a worker."""
    net = network(setup, timeouts=dict(fragment=2))
    throw(net.client, (CLIENT, 5000), (SERVER, 53), 7, (1, 2))
    until(lambda: net.router.counters()["fragment"] == 2, "both to be dropped")
    assert not net.outside.received()


def resident(process):
    """KiB of memory that a process has touched."""
    with open(f"/proc/{process.pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+) kB", f.read())[1])


def orphans(sender, count):
    """Last fragments of datagrams whose first ones never come, in small bursts."""
    for number in range(1, count + 1):
        sender.send(list(pieces((SERVER, 53), (POOL, 5000), number, bytes(1400), 1000))[1])
        if number % 50 == 0:
            time.sleep(0.002)


@on_tuns
def test_orphans_hurt_nobody(net):
    """Requirement 4787-R14: all else goes on; kept, each of them would take a page at least."""
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53)
    sender = net.server.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    sender.connect((POOL, 0))
    net.server.ip("link set wan0 txqueuelen 20000")  # the kernel's queue shall not be what loses
    sizes = []
    for _ in range(3):
        flood = threading.Thread(target=orphans, args=(sender, 3000))
        flood.start()
        while flood.is_alive():
            exchange(a, (SERVER, 53), b)
        sizes.append(resident(net.router.process))
    assert sizes[2] - sizes[0] < 4096
    assert net.router.counters()["fragment_limit"] > 3000


@pytest.fixture
def narrow(prepared, setup):
    """The link outside carries 1000 octets, too few for IPv6, and the kernels do not look out."""
    net = prepared(setup)
    if setup.makes_device:
        net.start(wan=dict(mtu=NARROW, address=[WAN + "/24"], host_address=[SERVER + "/24"],
                           host_routes=[]))
    else:
        for namespace in net.gateway, net.server:
            namespace.ip(f"link set wan0 mtu {NARROW}")
        net.start()
    for namespace in net.client, net.server:
        namespace.sysctl("net.ipv4.ip_no_pmtu_disc", 1)
    return net


@everywhere
def test_gateway_fragments(narrow):
    """Requirement 791-V6: in as few pieces as fit, also pieces of pieces."""
    a, b = narrow.client.udp(CLIENT, 5000), narrow.server.udp(SERVER, 53)
    a.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
    for size, count in (972, 1), (973, 2), (1472, 2), (4000, 6), (30000, 41):
        before = len(narrow.outside.received(protocol=UDP))
        octets = os.urandom(size)
        a.sendto(octets, (SERVER, 53))
        heard, source = b.recvfrom(65536)
        assert heard == octets and source == (narrow.pool, 5000)
        b.sendto(heard[::-1], source)
        assert a.recv(65536) == heard[::-1]
        assert len(narrow.outside.received(protocol=UDP)) - before == count
    assert max(len(p.octets) for p in narrow.outside.received()) <= NARROW
    assert not narrow.router.counters()["too_big"]


@on_tuns
def test_gateway_fragments_tcp(narrow):
    """Segments that may be fragmented, of a host which was promised more room than there is."""
    narrow.server.ip("route replace 203.0.113.0/24 dev wan0 advmss 1460")
    a = narrow.client.tcp(CLIENT)
    b, _ = connect(a, (SERVER, 80), narrow.server.listen(SERVER, 80))
    transfer(a, b, 1 << 20)
    transfer(b, a, 1 << 20)
    assert fragments(narrow.outside, protocol=TCP)
    assert not narrow.router.counters()["too_big"]
