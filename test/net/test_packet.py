"""A packet or nfqueue interface on a device that the host's own stack uses, too: ENV-1, ENV-2, ENV-3."""

import errno
import socket
import time

import pytest

from netns import until
from peers import connect, exchange, silent, transfer
from rig import CLIENT, CLIENT6, SERVER, SERVER6, WAN, WAN6, Setup
from test_traffic import ping
from wire import ICMP, RST, TCP, UDP

IP_RECVERR = 11  # linux/in.h; not in socket

SHARED = [Setup("shared", w, o) for w in (1, 2) for o in (True, False)]
OWN = [Setup("own", w, o) for w in (1, 2) for o in (True, False)]
XDP = [Setup("xdp", 2)]
QUEUED = [Setup("nfqueue", 1), Setup("nfqueue", 2, False)]
NO_RINGS = [Setup("shared", 2, True, False), Setup("own", 1, False, False)]


@pytest.mark.parametrize("setup", SHARED + OWN + NO_RINGS + XDP + QUEUED, ids=str, indirect=True)
class TestBoth:
    def test_host_stays_silent(self, net):
        """ENV-2: no reset or unreachable from the kernel for what belongs to the gateway."""
        a, listener = net.client.tcp(CLIENT), net.server.listen(SERVER, 80)
        b, _ = connect(a, (SERVER, 80), listener)
        transfer(a, b, 1 << 22)
        transfer(b, a, 1 << 22)
        u, v = net.client.udp(CLIENT), net.server.udp(SERVER, 53)
        for _ in range(10):
            exchange(u, (SERVER, 53), v)
        assert not [p for p in net.outside.received(protocol=TCP) if p.flags & RST]
        assert not net.outside.received(protocol=ICMP)

    def test_one_copy_of_each(self, net):
        """ENV-2: neither host forwards what the gateway has forwarded."""
        net.gateway.sysctl("net.ipv4.ip_forward", 1)
        a, b = net.client.udp(CLIENT), net.server.udp(SERVER, 53)
        for _ in range(10):
            exchange(a, (SERVER, 53), b)
        assert silent(a) and silent(b)
        assert len(net.outside.received(protocol=UDP, dport=53)) == 10
        assert len(net.inside.received(protocol=UDP, sport=53)) == 10


@pytest.fixture
def strangers(prepared, setup):
    """A network in which nobody knows a link-layer address yet."""
    return prepared(setup, acquainted=False).start()


@pytest.mark.parametrize("setup", SHARED + OWN, ids=str, indirect=True)
class TestNeighbours:
    def test_first_packet_arrives(self, strangers):
        """ENV-3: it waits until its next hop is resolved."""
        net = strangers
        exchange(net.client.udp(CLIENT), (SERVER, 53), net.server.udp(SERVER, 53))

    def test_arp_is_answered(self, strangers):
        """ENV-3, RFC 3022 section 6.2: for its own address and for that of the pool."""
        net = strangers
        mac = net.gateway.ask_ip("link show wan0")[0]["address"]
        for address in {WAN, net.pool}:
            net.server.udp(SERVER).sendto(b"who are you?", (address, 9))
            until(lambda: (address, mac) in neighbours(net.server), f"{address} to be resolved")

    def test_arp_for_others_is_not(self, strangers):
        net = strangers
        net.server.udp(SERVER).sendto(b"anybody?", ("203.0.113.99", 9))
        time.sleep(1.2)
        assert ("203.0.113.99", None) in neighbours(net.server)


@pytest.mark.parametrize("setup", [SHARED[0], OWN[2]], ids=str, indirect=True)
def test_neighbour_that_does_not_exist(strangers):
    """ENV-3: nobody answers: the client is told that the host cannot be reached."""
    a = strangers.client.udp(CLIENT)
    a.connect(("203.0.113.77", 53))
    a.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)  # UDP hears of soft errors only if it asks
    with pytest.raises(OSError) as caught:
        for _ in range(12):
            a.send(b"anybody?")
            time.sleep(0.5)
    assert caught.value.errno == errno.EHOSTUNREACH


def neighbours(namespace):
    return {(n["dst"], n.get("lladdr")) for n in namespace.ask_ip("neighbour show")}


@pytest.mark.parametrize("setup", [OWN[0], OWN[3], *XDP], ids=str)
def test_nd_is_answered(prepared, setup):
    """For an IPv6 address that is the gateway's alone; what it sends finds its neighbours, too."""
    net = prepared(setup, acquainted=False)
    net.server.ip(f"address add {SERVER6}/64 dev wan0 nodad")
    net.server.ip(f"route add 2001:db8:7::/64 via {WAN6}")
    net.start(wan=dict(address=[WAN + "/24", WAN6 + "/64"]))
    ping(net.server, WAN6)
    mac = net.gateway.ask_ip("link show wan0")[0]["address"]
    assert (WAN6, mac) in neighbours(net.server)
    solicited = 0x40  # unlike announcements
    assert [p for p in net.outside.received(type=136, source=WAN6) if p.payload[4] & solicited]
    exchange(net.client.udp(CLIENT6), (SERVER6, 53), net.server.udp(SERVER6, 53))
    net.server.run("ping", "-c", "1", "-W", "0.3", "2001:db8::99", status=1)
    assert ("2001:db8::99", mac) not in neighbours(net.server)


@pytest.mark.parametrize("setup", SHARED + QUEUED, ids=str, indirect=True)
class TestShared:
    """The kernel keeps its address and its own conversations."""

    def test_host_itself_still_talks(self, net):
        out = net.gateway.run("ping", "-c", "3", "-i", "0.02", SERVER)
        assert " 3 received" in out, out
        a = net.gateway.tcp(WAN)
        transfer(a, connect(a, (SERVER, 80), net.server.listen(SERVER, 80))[0], 1 << 20)
        exchange(net.gateway.udp(WAN), (SERVER, 53), net.server.udp(SERVER, 53))

    def test_services_of_the_host_are_reached(self, net):
        a, listener = net.server.tcp(SERVER), net.gateway.listen(WAN, 22)
        transfer(a, connect(a, (WAN, 22), listener)[0], 1 << 20)
        out = net.server.run("ping", "-c", "3", "-i", "0.02", WAN)
        assert " 3 received" in out, out

    def test_host_refuses_what_is_its_own_to_refuse(self, net):
        """A port outside the NAT's range: the kernel's reset comes, as without a gateway."""
        with pytest.raises(ConnectionRefusedError):
            net.server.tcp(SERVER).connect((WAN, 81))


@pytest.mark.parametrize("setup", OWN, ids=str, indirect=True)
def test_kernel_does_not_get_the_addresses(net):
    assert not [a for link in net.gateway.ask_ip("address show dev wan0")
                for a in link["addr_info"] if a.get("family") == "inet"]


def test_host_that_may_bind_to_any_address(prepared):
    """With ip_nonlocal_bind, which does not make the addresses the host's."""
    net = prepared(OWN[0])
    net.gateway.run("sysctl", "-qw", "net.ipv4.ip_nonlocal_bind=1")
    net.start()
    exchange(net.client.udp(CLIENT), (SERVER, 53), net.server.udp(SERVER, 53))
