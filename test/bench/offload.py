"""The gateway between TUN devices, with and without something, in turn; run by offload.sh.

    offload   both devices take super-packets, or neither does: on must never be slower than off
    joining   lan0 takes none, so that packets come one by one, and wan0 does: joined there, or not

Each round measures one after the other, the next in opposite order. What counts is the ratio in one
round: of what arrives, and of the gateway's own CPU time for it.
"""

import argparse
import json
import statistics
import subprocess

import traffic
import ways

KINDS = ("tcp", "tcp-back", "udp-1400")


class Way(ways.Router):
    """more: keys of the configuration, by interface."""

    def __init__(self, name, **more):
        super().__init__("tun", 1)
        self.name, self.more = name, more
        self.client, self.gate, self.server = f"client-{name}", f"gate-{name}", f"server-{name}"

    def interface(self, name, *rest):
        return super().interface(name, *rest).removesuffix("}") + self.more.get(name, "") + " }"


NONE, ALONE = "offload = false;", "coalesce = false;"
PAIRS = {
    "offload": (Way("on"), Way("off", lan0=NONE, wan0=NONE)),
    "joining": (Way("joined", lan0=NONE), Way("one-by-one", lan0=NONE, wan0=ALONE)),
}


def arguments():
    known = argparse.ArgumentParser(prog="offload.sh")
    known.add_argument("--quick", action="store_true", help="three rounds")
    known.add_argument("--json", action="store_true")
    known.add_argument("--rounds", type=int)
    chosen = known.parse_args()
    chosen.rounds = chosen.rounds or (3 if chosen.quick else 9)
    return chosen


def summary(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def own(measured):
    """CPU time of the gateway, per packet or octet."""
    return measured.get("own_microseconds", measured.get("own_seconds_per_gb"))


def compare(pair, kind, rounds):
    """Of the first to the second."""
    measured = []
    for number in range(rounds):
        order = pair[::-1] if number % 2 else pair
        found = {way: traffic.TRAFFIC[kind][2](way) for way in order}
        measured.append([found[way] for way in pair])
    return {"unit": traffic.TRAFFIC[kind][1],
            **{way.name: summary([m[i]["value"] for m in measured]) for i, way in enumerate(pair)},
            "ratio": summary([a["value"] / b["value"] for a, b in measured]),
            "cpu_ratio": summary([own(a) / own(b) for a, b in measured])}


def text(s):
    return f"{s['median']:6.2f} ({s['least']:.2f} to {s['most']:.2f})"


def main():
    chosen = arguments()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    subprocess.run(["mkdir", "/run/netns"], check=True)
    result = {"mtu": 1500, "rounds": chosen.rounds}
    for name, pair in PAIRS.items():
        for way in pair:
            way.open()
            traffic.serve(way)
        result[name] = {kind: compare(pair, kind, chosen.rounds) for kind in KINDS}
    if chosen.json:
        print(json.dumps(result))
        return
    for name, pair in PAIRS.items():
        for kind, row in result[name].items():
            values = ", ".join(f"{way.name} {text(row[way.name])}" for way in pair)
            print(f"{name:8} {kind:9} {values} {row['unit']}; ratio {text(row['ratio'])}, "
                  f"of CPU time {text(row['cpu_ratio'])}")


if __name__ == "__main__":
    main()
