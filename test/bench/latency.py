"""How much later an answer comes through the gateway than over a direct line; run by latency.sh.

One question at a time (latency.c), by UDP and by TCP: the next at once, when everybody is awake, and
the next after a millisecond, when everybody has gone to sleep. Rounds as in net.py; from the times of
each round those over the direct veth pair of the same round are taken off.
"""

import argparse
import json
import statistics
import subprocess
import sys

import net
import traffic
import ways

PORT = 7
TRAFFIC = [(protocol, pause) for protocol in ("udp", "tcp") for pause in (0, 1000)]
FIGURES = ("p50", "p99", "p99.9", "most")


class Direct(ways.Way):
    """A veth pair, and nothing else."""

    def __init__(self):
        super().__init__("direct", "other")

    def connect(self):
        ways.ip(f"-n {self.client} link add lan0 type veth peer name wan0 netns {self.server}")
        self.end(self.client, "lan0", ways.CLIENT, "default")
        self.end(self.server, "wan0", ways.SERVER, "default")


class Polling(ways.Router):
    """Ours, with poll_us of its own; with none that of the default."""

    def __init__(self, family, poll_us=None):
        super().__init__(family, 1)
        self.poll_us = poll_us
        if poll_us is not None:
            self.name += f"-poll-{poll_us}"
            self.client, self.gate, self.server = (f"{end}-{family}-{poll_us}"
                                                   for end in ("client", "gate", "server"))

    def configure(self):
        path, socket = super().configure()
        if self.poll_us is not None:
            with open(path, "a") as file:
                file.write(f"poll_us = {self.poll_us};\n")
        return path, socket


def arguments():
    known = argparse.ArgumentParser(prog="latency.sh")
    known.add_argument("--quick", action="store_true", help="few questions")
    known.add_argument("--json", action="store_true")
    known.add_argument("--rounds", type=int, default=5)
    known.add_argument("--polls", type=lambda text: [int(word) for word in text.split(",")], default=[50],
                       help="values of poll_us to measure beside the default")
    return known.parse_args()


def wanted(chosen):
    yield Direct()
    yield ways.Masquerade()
    yield ways.Copier("tun")
    yield Polling("tun")
    for poll_us in chosen.polls:
        yield Polling("tun", poll_us)
    yield ways.Copier("packet")
    yield Polling("packet")
    yield ways.Copier("xdp")
    yield Polling("xdp")
    yield ways.Pasta()
    yield ways.Slirp()


def serve(way):
    command = ["ip", "netns", "exec", way.server, f"{ways.BUILD}/bench/latency", "serve", ways.SERVER, PORT]
    subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL)
    way.until(lambda: traffic.listens(way.server, "tcp", PORT), "the server")


def ask(way, protocol, pause_us, quick):
    """Microseconds, by figure; the CPU's share that the way took, in percent."""
    count = (10000 if pause_us == 0 else 1000) // (10 if quick else 1)
    with traffic.Meter(way) as spent:
        out = traffic.inside(way.client, f"{ways.BUILD}/bench/latency", "ask", protocol, ways.SERVER, PORT,
                             count, pause_us)
    times = dict(zip(FIGURES, (int(word) / 1e3 for word in out.split())))
    return times | {"cpu_us_per_trip": spent.own / count * 1e6}


def measure(opened, chosen):
    rounds = {f"{protocol}-{pause}": {way.name: [] for way in opened} for protocol, pause in TRAFFIC}
    for number in range(chosen.rounds):
        for protocol, pause in TRAFFIC:
            for way in opened[::-1] if number % 2 else opened:
                rounds[f"{protocol}-{pause}"][way.name].append(ask(way, protocol, pause, chosen.quick))
    return rounds


def row(measured, direct):
    """Summaries of the times, and of what they are above those of the direct line."""
    out = {figure: net.summary([m[figure] for m in measured]) for figure in measured[0]}
    for figure in FIGURES[:2]:
        out[f"added_{figure}"] = net.summary([m[figure] - d[figure] for m, d in zip(measured, direct)])
    return out


def show(result):
    for kind, rows in result["traffic"].items():
        protocol, pause = kind.split("-")
        print(f"\n{protocol.upper()}, the next question after {pause} us: added round-trip time in us, "
              f"median (range) of {result['rounds']} rounds")
        for name, figures in rows.items():
            print(f"  {name:24} p50 {net.range_text(figures['added_p50'], 1):26}"
                  f" p99 {net.range_text(figures['added_p99'], 1):28}"
                  f" CPU {statistics.median([figures['cpu_us_per_trip']['median']]):6.1f} us a trip")


def main():
    chosen = arguments()
    net.prepare()
    missing, opened = {}, []
    for way in wanted(chosen):
        try:
            way.open()
            serve(way)
            opened.append(way)
        except (ways.Missing, OSError) as reason:
            missing[way.name] = str(reason)
    rounds = measure(opened, chosen)
    result = {"rounds": chosen.rounds, "unit": "microseconds", "missing": missing, "traffic": {
        kind: {name: row(measured, of["direct"]) for name, measured in of.items()}
        for kind, of in rounds.items()}}
    if chosen.json:
        print(json.dumps(result))
    else:
        show(result)
        for what, reason in missing.items():
            print(f"Not measured: {what}: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
