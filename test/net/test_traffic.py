"""Ordinary programs and sockets through the gateway, in every setup."""

import re
import socket

import pytest

from peers import connect, exchange, transfer
from rig import CLIENT, CLIENT6, ROUTER, ROUTER6, SERVER, SERVER6, WAN, WAN6, Setup
from wire import RST, TCP

MIB = 1 << 20
SO_NO_CHECK = 11


def ping(namespace, *words):
    out = namespace.run("ping", "-n", "-c", "3", "-i", "0.02", "-W", "2", *words)
    assert " 3 received" in out, out


def test_ping(net):
    ping(net.client, SERVER)
    ping(net.client, "-s", "1472", "-M", "do", SERVER)
    assert net.outside.wait(type=8).source == net.pool
    assert net.inside.wait(type=0).destination == CLIENT


def test_udp(net):
    a, b = net.client.udp(CLIENT, 5000), net.server.udp(SERVER, 53)
    assert exchange(a, (SERVER, 53), b) == (net.pool, 5000)


def test_udp_without_checksum(net):
    a, b = net.client.udp(CLIENT), net.server.udp(SERVER, 53)
    for s in a, b:
        s.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    exchange(a, (SERVER, 53), b)


def test_tcp_both_ways(net):
    listener = net.server.listen(SERVER, 80)
    a = net.client.tcp(CLIENT, 4400)
    b, seen = connect(a, (SERVER, 80), listener)
    assert seen == (net.pool, 4400)
    transfer(a, b, 8 * MIB)
    transfer(b, a, 8 * MIB)
    if net.setup.topology != "tun":
        assert not [p for p in net.outside.received(protocol=TCP) if p.flags & RST], "a reset"


def test_udp_port_unreachable(net):
    a = net.client.udp(CLIENT)
    a.connect((SERVER, 9))
    a.send(b"anybody?")
    with pytest.raises(ConnectionRefusedError):
        a.recv(10)
    error = net.inside.wait(type=3, code=3)
    assert error.inner.everyone() == {CLIENT, SERVER} and error.source == SERVER


def test_tcp_refused(net):
    with pytest.raises(ConnectionRefusedError):
        net.client.tcp(CLIENT).connect((SERVER, 81))


@pytest.mark.parametrize("way", ["-U", "-I", "-T"])
def test_traceroute(net, way):
    out = net.client.run("traceroute", "-n", "-q", "1", "-w", "2", "-m", "3", way, SERVER)
    assert re.findall(r"^ *\d +(\S+)", out, re.M) == [ROUTER, SERVER], out


def test_router_answers_ping(net):
    ping(net.client, ROUTER)
    ping(net.client, WAN)
    ping(net.server, WAN)


@pytest.mark.parametrize("setup", [Setup("tun", w, o) for w in (1, 4) for o in (True, False)],
                         ids=str, indirect=True)
class TestIPv6:
    """Routed, not translated."""

    def test_ping(self, net):
        ping(net.client, SERVER6)
        ping(net.client, ROUTER6)
        ping(net.server, WAN6)

    def test_udp(self, net):
        a, b = net.client.udp(CLIENT6, 5000), net.server.udp(SERVER6, 53)
        assert exchange(a, (SERVER6, 53), b) == (CLIENT6, 5000)

    def test_tcp(self, net):
        a, listener = net.client.tcp(CLIENT6), net.server.listen(SERVER6, 80)
        b, _ = connect(a, (SERVER6, 80), listener)
        transfer(a, b, 4 * MIB)
        transfer(b, a, 4 * MIB)

    def test_traceroute(self, net):
        out = net.client.run("traceroute", "-6", "-n", "-q", "1", "-w", "2", "-m", "3", SERVER6)
        assert re.findall(r"^ *\d +(\S+)", out, re.M) == [ROUTER6, SERVER6], out
