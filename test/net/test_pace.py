"""When the gateway sleeps and when it looks for packets, and how it calls the kernel for them."""

import pathlib
import time

import pytest

from netns import until
from peers import connect, exchange, transfer
from rig import CLIENT, SERVER, Setup

MIB = 1 << 20
IO_URING_SETUP = 425  # on every architecture
OFTEN = 5  # one soon after the other: dense traffic


def busy_seconds(net):
    """Processor time that the gateway has had, all threads together."""
    threads = pathlib.Path(f"/proc/{net.router.process.pid}/task").iterdir()
    return sum(int((t / "schedstat").read_text().split()[0]) for t in threads) / 1e9


def spent(net, act):
    before = busy_seconds(net)
    act()
    return busy_seconds(net) - before


def talk(net, a, b):
    for _ in range(OFTEN):
        exchange(a, (SERVER, 53), b)


@pytest.mark.parametrize("setup", [Setup("tun", 2), Setup("own", 4)], ids=str)
def test_sleeps_when_idle(network, setup):
    """Below one percent of a processor, before traffic and after it."""
    net = network(setup, poll_us=50)
    a, b = net.client.udp(CLIENT), net.server.udp(SERVER, 53)
    for n in (net.client, net.server):
        until(lambda: "tentative" not in n.run("ip", "-6", "address"), "addresses to settle")
    for _ in range(2):
        until(lambda: spent(net, lambda: time.sleep(1)) < 0.01, "the gateway to sleep")
        talk(net, a, b)


@pytest.mark.parametrize("setup", [Setup("tun"), Setup("own")], ids=str)
def test_sleeps_without_its_device(network, setup):
    """Somebody has deleted it: nothing comes there, until it is made again."""
    net = network(setup)
    net.server.ip("link delete wan0")
    until(lambda: spent(net, lambda: time.sleep(0.5)) < 0.005, "the gateway to sleep")
    assert all("wan0: " in line for line in net.router.stop())


def test_looks_for_more_after_dense_traffic(network):
    """As long as poll_us says, which a reload may change; less where others want its processor."""
    net = network(poll_us=100000)
    a, b = net.client.udp(CLIENT), net.server.udp(SERVER, 53)

    def talk_and_wait():
        talk(net, a, b)
        time.sleep(0.12)

    until(lambda: spent(net, talk_and_wait) > 0.004, "the gateway to stay awake")
    time.sleep(0.2)
    until(lambda: spent(net, lambda: time.sleep(0.5)) < 0.01, "it to go to sleep")
    net.reload(poll_us=0)
    until(lambda: spent(net, talk_and_wait) < 0.004, "it to sleep at once")
    assert net.router.stop() == [f"router: {net.conf} loaded"]


@pytest.mark.parametrize("poll_us", [0, 1000])
def test_sleeps_between_sparse_packets(network, poll_us):
    """Less than a hundredth of the time passes awake."""
    net = network(poll_us=poll_us)
    a, b = net.client.udp(CLIENT), net.server.udp(SERVER, 53)
    a.sendto(b"open", (SERVER, 53))
    b.recv(9)

    def talk_rarely():
        for _ in range(10):
            time.sleep(0.05)
            a.sendto(b"now", (SERVER, 53))
            b.recv(9)

    until(lambda: spent(net, talk_rarely) < 0.01, "it to sleep between packets")


def carry(net):
    a, b = net.client.udp(CLIENT), net.server.udp(SERVER, 53)
    exchange(a, (SERVER, 53), b)
    for number in range(100):  # more than a batch, on their way together
        a.sendto(number.to_bytes(2, "big"), (SERVER, 53))
    assert [int.from_bytes(b.recv(9), "big") for _ in range(100)] == list(range(100))
    c, listener = net.client.tcp(CLIENT), net.server.listen(SERVER, 80)
    d, _ = connect(c, (SERVER, 80), listener)
    transfer(c, d, 4 * MIB)
    transfer(d, c, 4 * MIB)


@pytest.mark.parametrize("offload", [True, False])
@pytest.mark.parametrize("uring", [True, False])
def test_batches(network, uring, offload):
    net = network(Setup("tun", 1, offload), lan=dict(io_uring=uring), wan=dict(io_uring=uring))
    carry(net)
    assert net.router.stop() == []


@pytest.fixture
def without_io_uring(build, tmp_path):
    """A directory whose router may not use it."""
    here = pathlib.Path(__file__).parent
    (tmp_path / "router").write_text(
        f'#!/bin/sh\nexec python3 {here}/forbid.py {IO_URING_SETUP} {build}/router "$@"\n')
    (tmp_path / "router").chmod(0o755)
    (tmp_path / "routerctl").symlink_to(build / "routerctl")
    return tmp_path


@pytest.mark.parametrize("offload", [True, False])
def test_io_uring_forbidden(prepared, without_io_uring, offload):
    """Said once per interface; all goes on with single calls."""
    net = prepared(Setup("tun", 1, offload))
    net.build = without_io_uring
    carry(net.start())
    assert net.router.stop() == []
    said = [line for line in net.router.remarks if "io_uring" in line]
    assert said == [f"router: {name}: no io_uring (Operation not permitted); "
                    "a system call for each packet" for name in ("lan0", "wan0")]
