"""An xdp interface: AF_XDP beside the host's own stack on the same device."""

import signal

import pytest

from netns import until
from peers import connect, exchange, transfer
from rig import CLIENT, HOST, POOL, ROUTER, SERVER, WAN, Setup
from test_traffic import ping

XDP = [Setup("xdp", 1), Setup("xdp", 2, False)]
MIB = 1 << 20


def attached(namespace, device="wan0"):
    return "xdp" in namespace.ask_ip(f"link show {device}")[0]


@pytest.fixture
def xdp(prepared):
    """Makes networks whose gateway runs with AF_XDP."""
    with open("/proc/self/uid_map") as f:
        if f.read().split() != ["0", "0", "4294967295"]:
            pytest.skip("XDP programs are for root, not for that of a user namespace")
    return lambda setup=XDP[0], **options: prepared(setup, **options)


def talk(net, flows=16):
    """Pings, UDP and TCP both ways, by several flows."""
    ping(net.client, SERVER)
    b, listener = net.server.udp(SERVER, 53), net.server.listen(SERVER, 80)
    for _ in range(flows):
        exchange(net.client.udp(CLIENT), (SERVER, 53), b)
    c = net.client.tcp(CLIENT)
    d, _ = connect(c, (SERVER, 80), listener)
    transfer(c, d, 2 * MIB)
    transfer(d, c, 2 * MIB)


@pytest.mark.parametrize("setup", XDP, ids=str)
class TestHost:
    """What is for the kernel's own addresses, and nothing else, is the kernel's."""

    def test_its_conversations_go_on(self, xdp, setup):
        net = xdp(setup).start()
        ping(net.server, HOST)
        a, listener = net.server.tcp(SERVER), net.gateway.listen(HOST, 22)
        b, _ = connect(a, (HOST, 22), listener)
        transfer(a, b, 2 * MIB)
        transfer(b, a, 2 * MIB)
        ping(net.gateway, "-I", HOST, SERVER)
        exchange(net.gateway.udp(HOST), (SERVER, 53), net.server.udp(SERVER, 53))

    def test_it_gets_nothing_of_ours(self, xdp, setup):
        net = xdp(setup).start()
        seen = net.sniff(net.gateway, "wan0")
        talk(net)
        ping(net.server, HOST)
        assert seen.received(destination=HOST)
        assert not seen.received(destination=WAN) and not seen.received(destination=POOL)


def test_kernels_addresses_come_and_go(xdp):
    net = xdp().start()
    for verb, answers in ("add", 1), ("del", 0), ("add", 1):
        net.gateway.ip(f"address {verb} 203.0.113.7/24 dev wan0")
        until(lambda: f" {answers} received" in net.server.run(
            "sh", "-c", "ping -n -c 1 -W 0.2 203.0.113.7 || true"), f"{answers} answers")


@pytest.mark.parametrize("queues, workers", [(1, 2), (2, 1), (2, 2)])
def test_every_queue_is_served(xdp, queues, workers):
    """Fewer workers than queues, and more."""
    net = xdp(Setup("xdp", workers))
    for n in net.gateway, net.server:
        n.run("ethtool", "-L", "wan0", "rx", queues, "tx", queues)
    net.start()
    assert attached(net.gateway)
    talk(net, flows=32)
    net.router.stop()
    plural = "" if queues == 1 else "s"
    assert net.router.remarks == [
        f"router: wan0: AF_XDP native, frames are copied, {queues} queue{plural}"]


@pytest.mark.parametrize("setup, mode, taken", [(XDP[1], "zero-copy", "native"),
                                                (XDP[0], "native", "native"),
                                                (XDP[0], "generic", "generic"),
                                                (XDP[1], "generic", "generic")])
def test_modes(xdp, setup, mode, taken):
    """A veth device has no zero-copy. Generic, it would hand over super-packets, too."""
    net = xdp(setup)
    if mode == "generic":
        net.server.run("ethtool", "-K", "wan0", "tso", "off", "gso", "off")
    net.start(wan=dict(xdp_mode=mode))
    talk(net)
    net.router.stop()
    assert f" AF_XDP {taken}, frames are copied" in net.router.remarks[0]


def test_driver_without_xdp(xdp):
    """The next mode is taken, and the log says why."""
    net = xdp(acquainted=False)
    net.gateway.ip("link add link wan0 name mac0 type macvlan mode bridge")
    net.gateway.ip("link set mac0 up")
    net.start(wan=dict(device="mac0"))
    ping(net.client, SERVER)
    net.router.stop()
    assert net.router.remarks == [
        "router: mac0: AF_XDP generic, frames are copied, 1 queue; native: Operation not supported"]


def make_lan(net):
    """The client is a host of its own on an Ethernet link."""
    net.gateway.ip(f"link add lan0 type veth peer name lan0 netns {net.client.name}")
    net.gateway.ip("link set lan0 up")
    net.client.ip("address add 192.168.7.2/24 dev lan0")
    net.client.ip("link set lan0 up")
    net.client.ip(f"route add default via {ROUTER}")


def test_kernels_at_both_ends(xdp):
    """Hosts and gateway find each other by ARP."""
    net = xdp(Setup("xdp", 2), acquainted=False)
    make_lan(net)
    net.start(lan=dict(type="xdp"))
    assert attached(net.gateway) and attached(net.gateway, "lan0")
    talk(net)
    asked_by = {n["dst"] for n in net.client.ask_ip("neighbour show")}
    assert ROUTER in asked_by and HOST not in asked_by


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_device_is_the_kernels_again(xdp, end):
    net = xdp().start()
    assert attached(net.gateway)
    net.router.process.send_signal(end)
    net.router.process.wait()
    until(lambda: not attached(net.gateway), "the program to be gone")
    net.gateway.ip(f"address add {WAN}/24 dev wan0")
    ping(net.server, WAN)


def test_without_rights(xdp, build, tmp_path):
    """As type packet, which the log says."""
    net = xdp()
    make_lan(net)
    (tmp_path / "routerctl").symlink_to(build / "routerctl")
    (tmp_path / "router").write_text(
        f'#!/bin/sh\nexec setpriv --bounding-set -bpf,-sys_admin {build}/router "$@"\n')
    (tmp_path / "router").chmod(0o755)
    net.build = tmp_path
    net.start(lan=dict(type="packet"))
    assert not attached(net.gateway)
    talk(net)
    ping(net.server, HOST)
    net.router.stop()
    assert "router: wan0: no AF_XDP (Operation not permitted); as type packet instead" in \
        net.router.remarks


def run_refused(net, **wan):
    """What the gateway says when it refuses to start."""
    with pytest.raises(AssertionError, match="the gateway ended") as caught:
        net.start(wan=wan)
    assert not attached(net.gateway)
    return str(caught.value)


class TestRefused:
    def test_address_of_the_kernel(self, xdp):
        net = xdp()
        line = run_refused(net, address=[HOST + "/24"])
        assert f"router: {net.conf}:3: {HOST} is the kernel's" in line

    def test_pool_of_the_kernel(self, xdp):
        net = xdp()
        net.gateway.ip(f"address add {POOL}/32 dev lo")
        assert f" {POOL} is the kernel's" in run_refused(net)

    def test_large_mtu(self, xdp):
        """It is waited for another."""
        net = xdp()
        net.gateway.ip("link set wan0 mtu 9000")
        net.start()

        def wan():
            return net.router.ask("interfaces")["interfaces"][1]

        wan0 = wan()
        assert "wan0: MTU 9000 is too large for AF_XDP: ip link set wan0 mtu 3822, or use type" in wan0["why"]
        assert not attached(net.gateway)
        net.gateway.ip("link set wan0 mtu 1500")
        until(lambda: wan()["state"] == "up", "wan0 to be up", 20)
        assert attached(net.gateway)
        talk(net)
        assert net.router.stop()[0] == "router: " + wan0["why"]
