"""IPv6 simple security between real network stacks (RFC 6092, RFC 4890): addresses stay, and the outside opens
only what is let in."""

import re
import socket
import time

import pytest

from inside6 import connected
from netns import until
from peers import connect, exchange, silent, transfer
from rig import SERVER6, WAN6, Setup
from wire import ICMPV6, TCP, UDP

MIB = 1 << 20
ROUTER, A, B, NETWORK = "2001:db8:1::1", "2001:db8:1::2", "2001:db8:1::3", "2001:db8:1::/64"
FIREWALL = dict(type="firewall", match=NETWORK)
SETUPS = [Setup("tun", 1), Setup("tun", 2, False), Setup("own", 2)]
IKE = 500

everywhere = pytest.mark.parametrize("setup", SETUPS, ids=str, indirect=True)
on_tun = pytest.mark.parametrize("setup", SETUPS[1:2], ids=str, indirect=True)


def ping(namespace, source, address, status=0):
    return namespace.run("ping", "-n", "-c", "2", "-i", "0.02", "-W", "0.5", "-I", source, address, status=status)


@pytest.fixture
def net(prepared, setup):
    """Port 22 of one host is open, by a forward that changes nothing."""
    return connected(prepared(setup), ROUTER, [A, B], FIREWALL, forwards=[
        dict(proto="tcp", external=f"[{B}]:22"), dict(proto="udp", external=f"[{B}]:53", internal=f"[{B}]:53")])


@everywhere
def test_from_inside(net):
    """Nothing changes on the way, and answers come in."""
    a, b = net.client.udp(A, 5000), net.server.udp(SERVER6, 53)
    assert exchange(a, (SERVER6, 53), b) == (A, 5000)
    c = net.client.tcp(A, 4400)
    d, seen = connect(c, (SERVER6, 80), net.server.listen(SERVER6, 80))
    assert seen == (A, 4400)
    transfer(c, d, 4 * MIB)
    transfer(d, c, 4 * MIB)
    ping(net.client, A, SERVER6)
    a.connect((SERVER6, 9))
    a.send(b"anybody?")
    with pytest.raises(ConnectionRefusedError):
        a.recv(10)
    out = net.client.run("traceroute", "-6", "-n", "-q", "1", "-w", "2", "-m", "3", "-s", A, SERVER6)
    assert re.findall(r"^ *\d +(\S+)", out, re.M) == [ROUTER, SERVER6], out
    assert net.router.sessions()[0][1:3] == (f"[{A}]:5000",) * 2


@everywhere
def test_from_outside(net):
    """What is let in by default: pings, IPsec and its keys (REC-21 to REC-26), and pinholes; nothing else."""
    ping(net.server, SERVER6, A)
    esp = [n.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ESP) for n in (net.server, net.client)]
    esp[0].sendto(b"sixteen octets..", (A, 0))
    assert esp[1].recv(100) == b"sixteen octets.."
    assert exchange(net.server.udp(SERVER6, IKE), (A, IKE), net.client.udp(A, IKE)) == (SERVER6, IKE)
    a = net.server.tcp(SERVER6, 4400)
    b, seen = connect(a, (B, 22), net.client.listen(B, 22))
    assert seen == (SERVER6, 4400)
    transfer(a, b, MIB)
    transfer(b, a, MIB)
    assert exchange(net.server.udp(SERVER6, 7000), (B, 53), net.client.udp(B, 53)) == (SERVER6, 7000)
    closed = net.client.udp(A, 53)
    net.server.udp(SERVER6, 7000).sendto(b"let me in", (A, 53))
    until(lambda: net.router.counters()["no_mapping"] + net.router.counters()["filtered"], "it to be dropped")
    assert silent(closed, 0.1)


@on_tun
def test_unsolicited_connection(net):
    """REC-34: a SYN that nobody inside answers by one of its own is refused, after six seconds."""
    net.client.listen(A, 80)
    s = net.server.tcp(SERVER6, 4400)
    s.setblocking(False)
    begun = time.monotonic()
    assert s.connect_ex((A, 80))
    error = net.outside.wait(protocol=ICMPV6, type=1)
    assert time.monotonic() - begun > 5.9
    assert error.code == 1 and error.inner.everyone() == {SERVER6, A} and error.source == WAN6
    assert not net.inside.received(protocol=TCP)


@on_tun
def test_strict(prepared, setup):
    """What the defaults let in can be kept out."""
    net = connected(prepared(setup), ROUTER, [A, B], FIREWALL | dict(ipsec=False, ping=False))
    assert "0 received" in ping(net.server, SERVER6, A, status=1)
    esp = [n.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ESP) for n in (net.server, net.client)]
    esp[0].sendto(b"sixteen octets..", (A, 0))
    ike = net.client.udp(A, IKE)
    net.server.udp(SERVER6, IKE).sendto(b"keys", (A, IKE))
    assert silent(ike, 0.2)
    assert not net.inside.received(protocol=socket.IPPROTO_ESP) and not net.inside.received(protocol=UDP)
    ping(net.client, A, SERVER6)
