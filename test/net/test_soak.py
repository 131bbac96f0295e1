"""Endurance: mixed traffic for a while, or for long (SOAK=600: `make soak`), while the gateway is reloaded each
second, its links go down, its threads are stopped, its descriptors, disk and collectors run out."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

import servers
import soak
from collectors import syslog_at
from nat64 import PREFIX, embedded
from netns import until
from peers import connect
from rig import CLIENT, CLIENT6, CONTROL, POOL, SERVER, SERVER6, WAN, WAN6, Router, Setup, configuration
from test_plug import descriptors

SECONDS = float(os.environ.get("SOAK", 14)) / 2  # of each of two setups
INSIDE6, POOL64 = "2001:db8:7::/64", "203.0.113.6"
FLOWS, LARGE = 24, 300_000
GROWTH_KIB = 16384  # buffers are used late for the first time
OWN_MEMORY = "TSAN_OPTIONS" not in os.environ  # ThreadSanitizer's grows
SETUPS = [Setup("own", 2), Setup("tun", 2)]
# What the gateway has reason to say; the rest would be a fault.
EXPECTED = re.compile("|".join((
    r"running, ", r"\S+ loaded$", r"\S+ not loaded; ", r".*Too many open files",
    r"(\S+:\d+: )?(lan0|wan0): (device .* is down|back, )",
    r"(lan0|wan0): no (UDP super-packets|io_uring|AF_XDP)")))


class Soaked(Router):
    """A gateway whose words go to a file."""

    def __init__(self, net, folder):
        self.file = folder / "said"
        super().__init__(net.build, net.conf, net.gateway,
                         below=("sh", "-c", f"exec \"$@\" 2>{self.file}", "sh"))

    def stop(self, how=signal.SIGTERM):
        if self.process.returncode is None:
            self.process.send_signal(how)
            out, _ = self.process.communicate(timeout=30)
            assert (self.process.returncode, out) == (0, "")
        # Where the disk was full a line may lack its end.
        said = [line.rpartition("router: ")[2] for line in self.file.read_text(errors="replace").splitlines()]
        return [line for line in said if not EXPECTED.match(line)]


@pytest.fixture
def folder(isolated, tmp_path):
    """A disk of its own, and a small one."""
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", path], check=True)
    return path


@pytest.fixture
def net(prepared, setup, folder):
    net = prepared(setup)
    for n in net.client, net.server:
        for which in "all", "default":
            n.sysctl(f"net.ipv6.conf.{which}.keep_addr_on_down", 1)
    wan = {} if setup.makes_device else dict(address=[WAN + "/24", WAN6 + "/64"])
    entries = [dict(name="six", type="firewall", match=INSIDE6),
               dict(name="64", type="nat64", match=INSIDE6, prefix=PREFIX, pool=[POOL64])]
    if not setup.makes_device:
        net.server.ip(f"address add {SERVER6}/64 dev wan0")
        net.server.ip(f"route add {INSIDE6} via {WAN6} dev wan0")
    net.run(wan=wan, entries=entries, log=dict(syslog=[str(folder / "log")], ipfix=["127.0.0.1:4739"]))
    net.router.stop()
    net.router = Soaked(net, folder)
    return net


def texts(net):
    """Configurations between which no session can tell the difference."""
    log, other = net.values["log"], dict(proto="udp", external=f"{POOL}:7", internal=f"{CLIENT}:7")
    return [configuration(net.values | more) for more in (
        dict(), dict(forwards=[other]), dict(timeouts=dict(icmp=61), poll_us=50), dict(log=log | dict(per_second=7)),
        dict(log=dict()))]


def restore(net):
    """What the kernels forget when a link goes down."""
    net.client.ip("route replace default dev lan0")
    net.client.ip("-6 route replace default dev lan0")
    if net.setup.makes_device:
        net.server.ip(f"-6 route replace {INSIDE6} dev wan0")
    else:
        net.acquaint()


def echo(net):
    b, b6 = net.server.udp(SERVER, 9000), net.server.udp(SERVER6, 9000)
    pairs = [(net.client.udp(CLIENT, 6000 + i), (SERVER, 9000), b) for i in range(FLOWS)]
    pairs += [(net.client.udp(CLIENT6, 6100 + i), (SERVER6, 9000), b6) for i in range(FLOWS // 4)]
    pairs += [(net.client.udp(CLIENT6, 6200 + i), (embedded(SERVER), 9000), b) for i in range(FLOWS // 4)]
    return soak.Echo(pairs)


def streams(net):
    made = []
    for flow, (own, address, listener) in enumerate(((CLIENT, SERVER, SERVER), (CLIENT6, SERVER6, SERVER6),
                                                     (CLIENT6, embedded(SERVER), SERVER))):
        a = net.client.tcp(own, 7000 + flow)
        b, _ = connect(a, (address, 8000 + flow), net.server.listen(listener, 8000 + flow))
        made.append(soak.Stream(1000 + 2 * flow, a, b))
    return made


def commands(net, folder):
    """Downloads whose sum is known, questions and pings."""
    content = folder.parent / "web"
    content.mkdir()
    (content / "large").write_bytes(soak.octets(0, 0, LARGE))
    for words in (("web", SERVER, content), ("dns", SERVER)):
        net.server.start(sys.executable, servers.__file__, *words)
    until(lambda: {f"{SERVER}:80", f"{SERVER}:53"} <= set(net.server.run("ss", "-Hltun").split()), "the servers")
    url, sum_of = f"http://{SERVER}/large", soak.hashlib.sha256(soak.octets(0, 0, LARGE)).hexdigest()
    return [soak.Command(net.client, sum_of, f"curl -sS -m 60 {url} | sha256sum"),
            soak.Command(net.client, POOL, f"dig +short +tries=3 +time=2 @{SERVER} any.test"),
            soak.Command(net.client, "1 received", f"ping -n -c 1 -W 2 {SERVER}"),
            soak.Command(net.client, "1 received", f"ping -n -c 1 -W 2 {SERVER6}")]


def iperf3(net, port, *words):
    """Its result, once it is over."""
    net.server.start("iperf3", "-s", "-1", "-B", SERVER, "-p", port)
    until(lambda: f"{SERVER}:{port}" in net.server.run("ss", "-Hltn"), "iperf3 to listen")
    return net.client.start("iperf3", "-c", SERVER, "-B", CLIENT, "-p", port, "-b", "20M", "-t", int(SECONDS), *words)


def troubles(net, folder):
    pid = net.router.process.pid
    links = [(net.server if net.setup.makes_device else net.gateway, "wan0"), (net.client, "lan0")]
    return [soak.Reload(pid, net.conf, texts(net)), soak.Stall(pid), soak.Shortage(pid, CONTROL),
            soak.FullDisk(folder), soak.Burst(net.client.udp(CLIENT, 9999), (SERVER, 9)),
            soak.Flap(links, lambda: restore(net))]


def suffer(net, folder, going):
    """All of it for a while; how much memory it had after a quarter of that."""
    downloads = [iperf3(net, 5201), iperf3(net, 5202, "-R")]
    collector = syslog_at(str(folder / "log"))  # read by nobody, and soon full
    for g in going:
        g.start()
    time.sleep(SECONDS / 4)
    warm = soak.memory(net.router.process.pid)
    time.sleep(SECONDS / 4)
    collector.socket.close()
    (folder / "log").unlink()
    time.sleep(SECONDS / 2)
    for g in reversed(going):  # troubles first
        g.end()
    for d in downloads:
        out, error = d.communicate(timeout=120)
        assert d.returncode == 0, out + error
    return warm


def settle(net):
    """All is as it was, and the last configuration counts."""
    (net.router.file.parent / "filler").unlink(missing_ok=True)
    net.conf.write_text(configuration(net.values))
    before = net.router.ask("status")["generation"]
    net.router.process.send_signal(signal.SIGHUP)
    until(lambda: net.router.ask("status")["generation"] > before, "the last configuration")
    until(lambda: all(i["state"] == "up" for i in net.router.ask("interfaces")["interfaces"]), "the links")
    restore(net)


def uncounted(net):
    """What the kernel has counted otherwise, of the devices that are the gateway's own. What was joined before
    it left is one for the kernel."""
    links, faults = {i["name"]: i for i in net.router.ask("interfaces")["interfaces"]}, []
    for name, namespace in [("lan0", net.client)] + [("wan0", net.server)] * net.setup.makes_device:
        kernel = namespace.ask_ip(f"-s link show {name}")[0]["stats64"]
        own = (links[name]["packets_in"], links[name]["packets_out"])
        if kernel["tx"]["packets"] != own[0] or kernel["rx"]["packets"] > own[1]:
            faults.append(f"{name}: {own} counted, by the kernel {kernel}")
    return faults


def agree(find, *arguments):
    """Nothing is found, once what is under way has arrived."""
    found = []
    with contextlib.suppress(AssertionError):
        until(lambda: not found.append(find(*arguments)) and not found[-1], "agreement")
    assert not found[-1], found[-1]


@pytest.mark.parametrize("setup", SETUPS, ids=str, indirect=True)
def test_soak(net, folder):
    """Nothing is lost that was not said to be lost, no session is wrong afterwards, and nothing grows."""
    flows, pipes, tools, wrong = echo(net), streams(net), commands(net, folder), troubles(net, folder)
    files, pid = descriptors(net), net.router.process.pid
    warm = suffer(net, folder, [flows, *pipes, *tools, *wrong])
    settle(net)
    flows.prove()
    for pipe in pipes:
        pipe.prove()
    agree(soak.imbalance, net.router)
    agree(soak.disorder, net.router)
    agree(uncounted, net)
    assert descriptors(net) == files
    now, counters = soak.memory(pid), net.router.counters()
    print(f"\n{net.setup}, {SECONDS:.0f} s: {flows.sent} datagrams sent, {flows.heard} heard, {flows.returned} "
          f"answers; {sum(sum(p.read) for p in pipes)} octets of streams; {warm}, then {now} KiB;",
          ", ".join(f"{g.count} {g.title()}" for g in (*tools, *wrong)), {k: v for k, v in counters.items() if v})
    assert not OWN_MEMORY or all(now[kind] - warm[kind] < GROWTH_KIB for kind in warm), (warm, now)
    assert all(g.count for g in (*tools, *wrong))
    assert not net.router.stop()
