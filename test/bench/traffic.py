"""What is sent through a way, and what is counted of it."""

import json
import os
import pathlib
import re
import subprocess
import time

from ways import BUILD, SERVER, Missing

TICKS = os.sysconf("SC_CLK_TCK")
PORT_UDP, PORT_TCP = 9, 5201
FLOWS_OF_UDP = 16  # for several workers to have some each


def machine_seconds():
    """CPU seconds of the whole machine so far: user, nice, system, interrupts; not idle, not stolen."""
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(int(fields[i]) for i in (0, 1, 2, 5, 6)) / TICKS


def process_seconds(pids):
    """CPU seconds that all threads of processes have run, in the kernel and outside; by nanoseconds."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


class Meter:
    """CPU time that passes in a with block: of all, and of a way's own processes."""

    def __init__(self, way):
        self.pids = way.pids()

    def __enter__(self):
        self.machine, self.own = machine_seconds(), process_seconds(self.pids)
        return self

    def __exit__(self, *_):
        self.machine = machine_seconds() - self.machine
        self.own = process_seconds(self.pids) - self.own


def inside(namespace, *words):
    done = subprocess.run(["ip", "netns", "exec", namespace, *map(str, words)], text=True,
                          capture_output=True, timeout=60)
    if done.returncode:
        raise Missing(f"{words[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def listens(namespace, protocol, port):
    table = inside(namespace, "cat", f"/proc/net/{protocol}", f"/proc/net/{protocol}6")
    return re.search(rf":{port:04X} 0*:0000 ", table)


def serve(way):
    """The other ends, in the namespace of the server."""
    for words in (["iperf3", "--server"], [f"{BUILD}/bench/udp", "sink", SERVER, PORT_UDP]):
        command = ["ip", "netns", "exec", way.server, *map(str, words)]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    for protocol, port in (("tcp", PORT_TCP), ("udp", PORT_UDP)):
        way.until(lambda: listens(way.server, protocol, port), f"a server of {protocol}")


def tcp(way, seconds, *options):
    """iperf3: what has arrived per second, and CPU time per 10^9 octets."""
    with Meter(way) as spent:
        report = json.loads(inside(way.client, "iperf3", "--client", way.target, "--json", "--time",
                                   seconds, *options))
    arrived = report["end"]["sum_received"]
    gigabytes = arrived["bytes"] / 1e9
    return {"value": arrived["bits_per_second"] / 1e9, "machine_seconds_per_gb": spent.machine / gigabytes,
            "own_seconds_per_gb": spent.own / gigabytes}


def arrived(way):
    """Datagrams that the sink's full socket has counted."""
    rows = [line.split() for line in inside(way.server, "cat", "/proc/net/snmp").splitlines()
            if line.startswith("Udp:")]
    return int(rows[1][rows[0].index("RcvbufErrors")])


def udp(way, seconds, octets, *run):
    """As many datagrams as one thread can send; what has arrived of them, in 10^6 per second. run: how many
    the sender gives to its kernel as one."""
    before = arrived(way)
    with Meter(way) as spent:
        sent, nanoseconds = map(int, inside(way.client, f"{BUILD}/bench/udp", "send", way.target, PORT_UDP,
                                            octets, seconds, FLOWS_OF_UDP, *run).split())
    there = arrived(way) - before
    if not there:
        raise Missing("no datagram arrived")
    return {"value": there / nanoseconds * 1e3, "sent": sent / nanoseconds * 1e3,
            "machine_microseconds": spent.machine / there * 1e6, "own_microseconds": spent.own / there * 1e6}


def idle(ways, seconds=2):
    """Share of a CPU that each way takes while nothing is sent, in percent."""
    meters = {way.name: Meter(way) for way in ways}
    for meter in meters.values():
        meter.__enter__()
    time.sleep(seconds)
    for meter in meters.values():
        meter.__exit__()
    return {name: 100 * meter.own / seconds for name, meter in meters.items()}


# Name: what it is, its unit, how it is measured. Many short rounds tell more than few long ones.
TRAFFIC = {
    "tcp": ("TCP, one flow", "Gb/s", lambda way: tcp(way, 1)),
    "tcp-back": ("TCP, one flow, download", "Gb/s", lambda way: tcp(way, 1, "--reverse")),
    "tcp-8": ("TCP, eight flows", "Gb/s", lambda way: tcp(way, 1, "--parallel", 8)),
    "udp-64": ("UDP, frames of 64 octets", "M packets/s", lambda way: udp(way, 0.5, 18)),
    "udp-1400": ("UDP, 1400 octets of payload", "M packets/s", lambda way: udp(way, 0.5, 1400)),
    "udp-gso": ("UDP, 1400 octets, 40 as one (UDP_SEGMENT)", "M packets/s", lambda way: udp(way, 0.5, 1400, 40)),
}
