"""Measures each way from client to server under each kind of traffic; run by net.sh.

One round measures all ways one after the other, the next in opposite order, so that a noisy machine is
noisy for all and drift falls on both sides. What counts is the ratio of two ways in one round; of these
ratios the median and the range are told. A way that cannot be measured here is named, with the reason.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys

import shares
import traffic
import ways
import ways64

QUICK_TRAFFIC = ["tcp", "udp-64"]
# Which ratios are told: ours, and what it stands against.
AGAINST = {"tun": ["copier-tun", "masquerade", "pasta", "slirp4netns"],
           "nat64": ["router-tun-1", "tayga", "tayga-alone"],
           "packet": ["copier-packet", "masquerade", "pasta", "slirp4netns"],
           "xdp": ["copier-xdp", "masquerade", "pasta", "slirp4netns"]}
# The first impression of net.sh --quick.
QUICK_WAYS = ["copier-tun", "router-tun-1", "router-tun-1-no-polling", "router-nat64-1", "tayga", "masquerade",
              "copier-packet", "router-packet-1", "router-packet-1-no-polling", "copier-xdp", "router-xdp-1",
              "router-xdp-1-no-polling", "pasta", "slirp4netns"]
# A worker that looks for what is not there yet does so in code of its own; these sleep instead.
PROFILED = ("router-tun-1-no-polling", "router-packet-1-no-polling", "router-xdp-1-no-polling")


def all_ways():
    """Those of one family side by side, so that little time lies between them."""
    yield ways.Copier("tun")
    yield ways.Router("tun", 1)
    yield ways.Router("tun", 2)
    yield ways64.Router()
    yield ways64.Tayga()
    yield ways64.TaygaAlone()
    yield ways.Router("tun", 1, "io_uring", ("udp-64", "udp-1400"))
    yield ways.Router("tun", 2, "steering", ("tcp-8", "udp-64"))
    yield ways.Router("tun", 1, "polling", ("tcp",))
    yield ways.Masquerade()
    yield ways.Copier("packet")
    yield ways.Router("packet", 1)
    yield ways.Router("packet", 2)
    yield ways.Router("packet", 1, "offload", ("tcp", "tcp-back", "tcp-8", "udp-1400", "udp-gso"))
    yield ways.Router("packet", 1, "rings", ("tcp", "udp-64", "udp-1400"))
    yield ways.Router("packet", 2, "steering", ("tcp-8", "udp-64"))
    yield ways.Router("packet", 1, "polling", ("tcp",))
    yield ways.Copier("xdp")
    yield ways.Router("xdp", 1)
    yield ways.Router("xdp", 2)
    yield ways.Router("xdp", 1, "polling", ("tcp",))
    yield ways.Pasta()
    yield ways.Slirp()


def summary(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def arguments():
    known = argparse.ArgumentParser(prog="net.sh")
    known.add_argument("--quick", action="store_true", help="two rounds of the most important")
    known.add_argument("--json", action="store_true")
    known.add_argument("--rounds", type=int)
    known.add_argument("--ways", type=lambda text: text.split(","))
    known.add_argument("--traffic", type=lambda text: text.split(","), default=[])
    chosen = known.parse_args()
    chosen.rounds = chosen.rounds or (2 if chosen.quick else 5)
    chosen.ways = chosen.ways or (QUICK_WAYS if chosen.quick else [way.name for way in all_ways()])
    chosen.traffic = chosen.traffic or (QUICK_TRAFFIC if chosen.quick else list(traffic.TRAFFIC))
    unknown = set(chosen.traffic) - set(traffic.TRAFFIC)
    unknown |= set(chosen.ways) - {way.name for way in all_ways()}
    if unknown:
        known.error(f"unknown: {', '.join(sorted(unknown))}")
    return chosen


def say(text):
    print(f"net.sh: {text}", file=sys.stderr, flush=True)


def open_all(chosen, missing):
    """Those ways that work here."""
    opened = []
    for way in all_ways():
        if way.name not in chosen.ways:
            continue
        try:
            way.open()
            traffic.serve(way)
            opened.append(way)
        except (ways.Missing, OSError) as reason:
            missing[way.name] = str(reason)
            say(f"without {way.name}: {reason}")
    return opened


def measure(way, kind, missing):
    """None if it does not work: a round without this way."""
    how = traffic.TRAFFIC[kind][2]
    try:
        return how(way)
    except (ways.Missing, ValueError, KeyError, subprocess.TimeoutExpired) as reason:
        missing[f"{way.name} {kind}"] = str(reason)
        say(f"{way.name} {kind}: {reason}")
        return None


def measure_all(opened, chosen, missing):
    """Per kind of traffic and way, a list of what each round gave."""
    figures = {}
    for kind in chosen.traffic:
        say(traffic.TRAFFIC[kind][0])
        wanted = [way for way in opened if not way.traffic or kind in way.traffic]
        rounds = figures[kind] = {way.name: [] for way in wanted}
        for number in range(chosen.rounds):
            for way in wanted[::-1] if number % 2 else wanted:
                rounds[way.name].append(measure(way, kind, missing))
    return figures


def pairs(opened):
    """Ours to others; two workers to one; with everything to without something."""
    names = {way.name for way in opened}
    for way in opened:
        if not isinstance(way, ways.Router):
            continue
        alike = f"router-{way.family}-{way.workers}"
        against = [f"router-{way.family}-1"] if way.workers > 1 else []
        found = [(alike, way.name)] if way.without else [(alike, other) for other in AGAINST[way.family] + against]
        yield from (pair for pair in found if names.issuperset(pair))


def ratios(opened, rounds):
    """One row per pair: the first to the second, of the rounds that measured both."""
    for first, second in pairs(opened):
        both = [(a["value"], b["value"]) for a, b in zip(rounds.get(first, []), rounds.get(second, [])) if a and b]
        values = [a / b for a, b in both if b]
        if values:
            yield {"of": first, "to": second, "rounds": [round(v, 4) for v in values]} | summary(values)


def summarized(rounds):
    """Per way, each figure's summary."""
    out = {}
    for name, measured in rounds.items():
        there = [m for m in measured if m]
        if there:
            out[name] = {figure: summary([m[figure] for m in there]) for figure in there[0]}
    return out


def collect(opened, chosen, missing):
    figures = measure_all(opened, chosen, missing)
    result = {"mtu": 1500, "rounds": chosen.rounds, "quick": chosen.quick, "traffic": {}}
    for kind, rounds in figures.items():
        title, unit = traffic.TRAFFIC[kind][:2]
        result["traffic"][kind] = {"title": title, "unit": unit, "ways": summarized(rounds),
                                   "ratios": list(ratios(opened, rounds))}
    result["idle_percent_of_a_cpu"] = traffic.idle(opened)
    result["profile"] = {}
    for way in opened:
        if way.name in PROFILED:
            try:
                result["profile"][way.name] = shares.profile(way)
            except (ways.Missing, OSError) as reason:
                missing[f"profile of {way.name}"] = str(reason)
    result["missing"] = missing
    return result


def range_text(s, digits=2):
    return f"{s['median']:.{digits}f} ({s['least']:.{digits}f} to {s['most']:.{digits}f})"


def show(result):
    """The result as tables."""
    print(f"MTU 1500, {result['rounds']} rounds: median (range)")
    for kind, measured in result["traffic"].items():
        print(f"\n{measured['title']}, {measured['unit']}")
        for name, figures in measured["ways"].items():
            cost = figures.get("machine_seconds_per_gb")
            text = f"; CPU {cost['median']:.2f} s per GB, own {figures['own_seconds_per_gb']['median']:.2f}" \
                if cost else ""
            print(f"  {name:18} {range_text(figures['value'], 3)}{text}")
        for row in measured["ratios"]:
            print(f"  {row['of'] + ' : ' + row['to']:34} {range_text(row)}")
    print("\nIdle, percent of a CPU: " +
          ", ".join(f"{name} {share:.1f}" for name, share in result["idle_percent_of_a_cpu"].items()))
    for name, profile in result["profile"].items():
        print(f"Under UDP in frames of 64 octets, percent of the time of {name}: " +
              ", ".join(f"{part} {share:.1f}" for part, share in profile["percent"].items()))
    for what, reason in result["missing"].items():
        print(f"Not measured: {what}: {reason}")


def prepare():
    """/run is ours; an end by signal is an end like any other."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    ways.run("mount", "-t", "tmpfs", "tmpfs", "/run")
    ways.run("mkdir", "/run/netns")


def main():
    chosen = arguments()
    prepare()
    missing = {}
    opened = open_all(chosen, missing)
    if not opened:
        return 1
    result = collect(opened, chosen, missing)
    if chosen.json:
        print(json.dumps(result))
    else:
        show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
