"""What a worker's queue gets: its own, where the kernel has been told whose what is.

A TUN device learns by itself by which queue an answer came. What is handed off there without
programs are first packets, and all of what nobody answers.
"""

import json
import pathlib
import signal

import pytest

from nat64 import HOST, HOST_B, embedded, translate
from netns import until
from peers import connect, exchange, transfer
from rig import CLIENT, CLIENT_B, POOL, SERVER, Setup

FLOWS = 16
LONELY = 400
MIB = 1 << 20
SETUPS = [Setup("tun", 2), Setup("tun", 4), Setup("tun", 4, False), Setup("tap", 2), Setup("shared", 2),
          Setup("shared", 4, False), Setup("own", 4, True, False)]


@pytest.fixture
def programs(isolated):
    """The kernel takes programs from the gateway: not below a user namespace."""
    if pathlib.Path("/proc/self/uid_map").read_text().split() != ["0", "0", str((1 << 32) - 1)]:
        pytest.skip("no eBPF programs below a user namespace")


def packets(net):
    """Handed off, and all that came."""
    came = sum(i["packets_in"] for i in net.router.ask("interfaces")["interfaces"])
    return net.router.counters()["handed_off"], came


def share_handed_off(net, traffic):
    handed, came = packets(net)
    traffic(net)
    handed_then, came_then = packets(net)
    return (handed_then - handed) / (came_then - came)


def conversations(net):
    """TCP both ways in many flows by iperf3, UDP and pings of many identifiers."""
    iperf = net.server.start("iperf3", "-s", "-B", SERVER)
    until(lambda: f"{SERVER}:5201" in net.server.run("ss", "-Hltn"), "iperf3 to listen")
    for way in ([], ["--reverse"]):
        out = net.client.run("iperf3", "-c", SERVER, "-B", CLIENT, "-P", FLOWS, "-n", "16M",
                             "--json", *way)
        assert json.loads(out)["end"]["sum_received"]["bytes"] > MIB
    iperf.send_signal(signal.SIGTERM)
    for port in range(FLOWS):
        exchange(net.client.udp(CLIENT, 6000 + 2 * port), (SERVER, 7000 + port),
                 net.server.udp(SERVER, 7000 + port))
        net.client.run("ping", "-n", "-c", "1", "-W", "2", SERVER)


def monologues(net):
    """Datagrams from inside that nobody answers, and from outside that nobody waits for."""
    heard = net.server.udp(SERVER, 9)
    for port in range(LONELY):
        net.client.udp(CLIENT_B, 20000 + port).sendto(b"me", (SERVER, 9))
        assert heard.recv(10) == b"me"
        net.server.udp(SERVER, 30000 + port).sendto(b"you", (net.pool, 40000 + port))
    until(lambda: packets(net)[1] >= 2 * LONELY, "them to come")


@pytest.mark.parametrize("setup", SETUPS, ids=str, indirect=True)
class TestShare:
    def test_with_programs(self, programs, network, setup):
        net = network(setup)
        assert share_handed_off(net, conversations) < 0.002
        assert share_handed_off(net, monologues) < 0.002

    def test_without(self, network, setup):
        """Everything works all the same."""
        net = network(setup, steering=False)
        conversations(net)
        assert share_handed_off(net, monologues) > 0.3


def conversations64(net):
    """The same between families, of an IPv6 host; and datagrams that nobody answers."""
    listener, heard = net.server.listen(SERVER, 80), net.server.udp(SERVER, 9)
    for port in range(FLOWS):
        a = net.client.tcp(HOST, 6000 + 2 * port)
        b, _ = connect(a, (embedded(SERVER), 80), listener)
        transfer(a, b, MIB)
        transfer(b, a, MIB)
        exchange(net.client.udp(HOST, 6000 + 2 * port), (embedded(SERVER), 7000 + port),
                 net.server.udp(SERVER, 7000 + port))
        net.client.run("ping", "-n", "-c", "1", "-W", "2", embedded(SERVER))
    for port in range(LONELY):
        net.client.udp(HOST_B, 20000 + port).sendto(b"me", (embedded(SERVER), 9))
        assert heard.recv(10) == b"me"


@pytest.mark.parametrize("setup", [Setup("tun", 2)], ids=str, indirect=True)
class TestNat64:
    def test_with_programs(self, programs, prepared, setup):
        net = translate(prepared(setup))
        assert share_handed_off(net, conversations64) < 0.002

    def test_without(self, prepared, setup):
        """It works all the same."""
        net = translate(prepared(setup), steering=False)
        assert share_handed_off(net, conversations64) > 0.01


@pytest.mark.parametrize("setup", [Setup("tun", 2, False), Setup("own", 2, False)], ids=str,
                         indirect=True)
def test_reload(programs, network, setup):
    """What a forward's host says belongs to the worker of the outside port, which is another than
    that of the port it has inside."""
    net = network(setup)
    listener = net.client.listen(CLIENT, 80)
    net.reload(forwards=[dict(proto="tcp", external=f"{POOL}:8082", internal=f"{CLIENT}:80")])

    def use(net):
        outside = net.server.tcp(SERVER)
        inside, _ = connect(outside, (POOL, 8082), listener)
        transfer(inside, outside, MIB)

    assert share_handed_off(net, use) < 0.002
    assert net.router.stop() == [f"router: {net.conf} loaded"]


@pytest.mark.parametrize("setup", [Setup("tun", 2), Setup("own", 4), Setup("own", 2, False, False)], ids=str,
                         indirect=True)
def test_one_queue(network, setup):
    """What belongs to workers without one is handed to them."""
    net = network(setup, lan=dict(queues=1), wan=dict(queues=1))
    assert share_handed_off(net, conversations) > 0
    assert net.router.stop() == []
