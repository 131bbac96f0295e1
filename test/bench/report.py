"""Tables in Markdown and plots, from what run.py has left: report.py FOLDER [--into FILE.md --figures FOLDER]

Without --into, the tables go to the screen and the plots beside the results. With it, they take the place of
what stands between the two marks in that file, and the plots go to the other folder.
"""

import argparse
import json
import os
import pathlib
import shutil
import sys

import goals
import plot

# Of the ratios: name, title, ours that end so, traffic that begins so, others that begin so.
PICTURES = [("net-tcp", "TCP, to copiers and the kernel", ("-1", "-2"), ("tcp",), ("copier", "masquerade")),
            ("net-udp", "UDP, to copiers and the kernel", ("-1", "-2"), ("udp",), ("copier", "masquerade")),
            ("net-peers", "One worker, to pasta and slirp4netns", ("-1",), ("tcp", "udp"), ("pasta", "slirp4netns")),
            ("net-nat64", "NAT64, to tayga", ("-1",), ("tcp", "udp"), ("tayga",)),
            ("net-own", "What it brings: to one worker, and to the same with it off", ("-1", "-2"), ("tcp", "udp"),
             ("router",))]
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
WAYS = {"router-tun-1": "TUN, 1 worker", "router-tun-2": "TUN, 2 workers",
        "router-packet-1": "packet, 1 worker", "router-packet-2": "packet, 2 workers",
        "router-xdp-1": "xdp, 1 worker", "router-xdp-2": "xdp, 2 workers",
        "copier-tun": "bare copier, TUN", "copier-packet": "bare copier, packet",
        "router-nat64-1": "NAT64, TUN, 1 worker", "tayga-alone": "tayga, nothing forwarded",
        "copier-xdp": "bare copier, xdp", "masquerade": "nftables masquerade"}


def ranged(s):
    return f"{plot.figure(s['median'])} ({plot.figure(s['least'])}–{plot.figure(s['most'])})"


def table(heads, rows):
    """Markdown; the first column is words, the others are figures."""
    yield "| " + " | ".join(heads) + " |"
    yield "|---" + "|--:" * (len(heads) - 1) + "|"
    for row in rows:
        yield "| " + " | ".join(map(str, row)) + " |"
    yield ""


class Report:
    """figures: where pictures are put; shown: how the text gets there."""

    def __init__(self, folder, figures, shown):
        self.folder, self.figures, self.shown = folder, figures, shown
        self.results = {file.stem: json.loads(file.read_text()) for file in folder.glob("*.json")}

    def picture(self, name, words, svg=None):
        """Write a plot, or take one that is there."""
        target = self.figures / name
        if svg:
            target.write_text(svg)
        elif target != self.folder / name:
            shutil.copy(self.folder / name, target)
        yield f"![{words}]({os.path.join(self.shown, name)})"
        yield ""

    def text(self):
        for heading, name, part in PARTS:
            if name in self.results:
                yield f"### {heading}"
                yield ""
                yield from part(self, self.results[name])


def machine(_, m):
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    yield f"{m['processors']} processors ({m['processor']}), Linux {m['kernel']}; {versions}." + \
        (f" At commit {m['commit']}." if m["commit"] else "") + f" Load before the run: {m['load_before']:.2f}." + \
        (" Quick and rough." if m["quick"] else "")
    yield ""


def reached(report, _):
    def verdict(yes):
        return "not measured" if yes is None else "reached" if yes else "**not reached**"
    rows = [(what, "–" if figure is None else f"{figure:.4g}", bound, verdict(yes))
            for what, figure, bound, yes in goals.judged(report.results)]
    yield from table(["what", "seen", "wanted", ""], rows)


def engine(report, sessions):
    yield from table(["sessions (1 M routes)", "ns per packet", "M packets/s", "octets per session"],
                     [(plot.short(p["sessions"]), ranged(p["ns_per_packet"]),
                       f"{p['packets_per_second']['median'] / 1e6:.2f}", p["octets_per_session"])
                      for p in sessions["points"]])
    yield from report.picture("engine-sessions.svg", "What a packet costs, by sessions", curve(
        "Engine: what a packet costs with many sessions", "sessions", sessions["points"], "1 M routes, one worker"))
    routes = report.results.get("engine-routes")
    if routes:
        yield from report.picture("engine-routes.svg", "What a packet costs, by routes", curve(
            "Engine: what a packet costs with many routes", "routes", routes["points"], "64 Ki sessions, one worker"))
    kinds = report.results.get("engine-types")
    if kinds:
        yield from table(["64 Ki sessions, 1 M routes", "ns per packet", "octets per session"],
                         [(kind, ranged(of["ns_per_packet"]), of["octets_per_session"])
                          for kind, of in kinds["types"].items()] + [("nat64 : napt44", ranged(kinds["ratio"]), "")])
    for name in report.results.get("flame", {"pictures": []})["pictures"]:
        yield from report.picture(name, "Flame graph of the engine")


def curve(title, key, points, name):
    rows = [(p[key], *(p["ns_per_packet"][s] for s in ("median", "least", "most"))) for p in points]
    return plot.curves(title, key, "ns per packet", {name: rows})


def sharing(_, measured):
    yield f"Two workers of one process, to two processes of one worker each at the same time: {ranged(measured)}."
    yield f"The same, with all traffic by the queue of one of the two workers: {ranged(measured['one_queue'])}."
    yield ""


PHASES = ("steady", "growth", "ending")
STEPS = {"insert_ns": "insert", "find_dependent_ns": "find, dependent", "find_batch_ns": "find, batch of 32",
         "miss_batch_ns": "miss, batch of 32", "remove_ns": "remove"}


def index(report, measured):
    points = measured["points"]
    yield from table(["sessions", *STEPS.values(), "octets per key"],
                     [(plot.short(p["sessions"]), *(f"{p[step]['median']:.1f}" for step in STEPS), p["octets_per_key"])
                      for p in points])
    series = {STEPS[step]: [(p["sessions"], *(p[step][s] for s in ("median", "least", "most"))) for p in points]
              for step in STEPS if step != "find_dependent_ns"}
    yield from report.picture("table.svg", "Session index, by sessions", plot.curves(
        "Session index: what an operation costs", "sessions", "ns", series))


def fib(report, measured):
    for version, of in measured.items():
        names = [name for name in of if name != "prefixes"]
        ways = [way for way in of[names[0]]["lookups"]]
        rows = [("MiB", *(f"{of[n]['mib']:.1f}" for n in names)),
                ("build, s", *(f"{of[n]['build_seconds']:.2f}" for n in names)),
                ("update, µs: median, 99 of 100", *("{median:.2f}, {p99:.2f}".format(**of[n]["update_microseconds"])
                                                    for n in names))]
        rows += [(f"{way.replace('_', ', ')}: M/s (ours by factor)", *(rate(of[n]["lookups"].get(way)) for n in names))
                 for way in ways]
        yield from table([f"IP{version}, {plot.short(of['prefixes'])} prefixes", *names], rows)
    if "fib-growth" in report.results:
        yield from growth(report)


def rate(row):
    if not row:
        return "–"
    factor = row["ours_by_factor"]["median"]
    return f"{row['per_second'] / 1e6:.1f}" + (f" ({factor:.2f})" if factor != 1 else "")


def growth(report):
    points = [p["v4"] for p in report.results["fib-growth"]["points"]]
    series = {}
    for p in points:
        ours = goals.ours({"fib": {"v4": p}})
        for way in ("random_single", "random_dependent"):
            ns = 1e9 / ours["lookups"][way]["per_second"]
            series.setdefault(way.replace("_", ", "), []).append((p["prefixes"], ns, ns, ns))
    yield from report.picture("fib-routes.svg", "Lookups, by routes", plot.curves(
        "Forwarding table: what a lookup costs with many routes", "routes", "ns per lookup", series))


def cps(_, measured):
    def turn(t):
        return f"{t['p50']:.0f}, {t['p99.9']:.0f}, {t['max']:.0f}"
    rows = [(name, f"{m['sessions_per_second'] / 1e6:.2f}", *(turn(m[f"{phase}_us"]) for phase in PHASES),
             f"{m['octets_resident']:.0f}, {m['octets_reserved']:.0f}", f"{m['start_ms']:.0f}")
            for name, m in measured.items()]
    yield "A turn of a worker in µs: median, 999 of 1000, longest."
    yield ""
    yield from table(["way, kind, sessions", "M sessions/s", *(f"turn, {phase}" for phase in PHASES),
                      "octets of a session: resident, reserved", "start, ms"], rows)


def tun(_, measured):
    yield from table(["TUN: operation, packets in a batch", "ns, by a call each", "ns, by io_uring", "io_uring : call"],
                     [(name.replace("_", " "), f"{m['each_ns']:.0f}", f"{m['ring_ns']:.0f}", f"{m['ratio']:.2f}")
                      for name, m in measured.items()])


def net(report, measured):
    yield f"MTU 1500, {measured['rounds']} rounds: median (range)."
    yield ""
    for kind, of in measured["traffic"].items():
        yield from end_to_end(of)
    for name, title, ours, kinds, others in PICTURES:
        groups = {of["title"]: rows for kind, of in measured["traffic"].items()
                  if kind.startswith(kinds) and (rows := ratio_rows(of, ours, others))}
        if groups:
            yield from report.picture(f"{name}.svg", title, plot.bars(
                f"{title}: ratios of one round", "median and range", groups))
    yield from costs(measured)


def way(name):
    for mark, words in (("-no-", ", {} off"), ("-poll-", ", poll_us {}")):
        known, with_mark, value = name.partition(mark)
        if with_mark:
            return way(known) + words.format(value)
    return WAYS.get(name, name)


def end_to_end(of):
    """Figures of all, and to what each of ours stands in which ratio."""
    others = list(dict.fromkeys(row["to"] for row in of["ratios"]))
    near = [other for other in others if not other.startswith(("copier", "router"))]
    copiers = [other for other in others if other.startswith("copier")]

    def to(name, theirs):
        return next((ranged(r) for r in of["ratios"] if r["of"] == name and r["to"] in theirs), "")
    rows = [(way(name), ranged(figures["value"]), to(name, copiers), *(to(name, [other]) for other in near))
            for name, figures in of["ways"].items()]
    yield from table([of["title"], of["unit"], "to the copier", *(f"to {way(other)}" for other in near)], rows)


def ratio_rows(of, ours, others):
    return [(f"{way(r['of'])} : {r['to'].removeprefix('router-')}", r["median"], r["least"], r["most"])
            for r in of["ratios"] if r["of"].endswith(ours) and r["to"].startswith(others)]


def costs(measured):
    """CPU time, asleep and at work."""
    kinds = [kind for kind, of in measured["traffic"].items() if kind.startswith("tcp")]
    idle = measured["idle_percent_of_a_cpu"]
    rows = []
    for name in idle:
        figures = [measured["traffic"][kind]["ways"].get(name) for kind in kinds]
        rows.append((way(name), *map(cost, figures), f"{idle[name]:.1f}"))
    if rows:
        yield "CPU seconds per 10⁹ octets, of the whole machine (both ends, the way and the kernel) and of the " \
              "way's own processes; and what these take of a CPU when nothing is sent."
        yield ""
        yield from table(["", *(measured["traffic"][kind]["title"] for kind in kinds), "idle, %"], rows)
    if measured["profile"]:
        yield from profiles(measured["profile"])
    for what, reason in measured["missing"].items():
        yield f"Not measured: {what}: {reason}"
        yield ""


def cost(figures):
    if not figures:
        return ""
    return ", ".join(f"{figures[f'{whose}_seconds_per_gb']['median']:.2f}" for whose in ("machine", "own"))


def profiles(measured):
    """Where the time goes, and the functions that take most of it."""
    parts = list(next(iter(measured.values()))["percent"])
    yield from table(["Samples under UDP, frames of 64 octets: %", *map(way, measured)],
                     [(part, *(f"{p['percent'][part]:.1f}" for p in measured.values())) for part in parts])
    for name, p in measured.items():
        yield f"{way(name)}: own {most(p['functions'])}; kernel {most(p['kernel_functions'])}."
        yield ""


def most(functions):
    return ", ".join(f"{symbol} {share:.1f}" for symbol, share in list(functions.items())[:5])


def offload(_, measured):
    """Pairs of ways, under some kinds of traffic."""
    rows = []
    for pair in ("offload", "joining"):
        for kind, row in measured[pair].items():
            first, second = [name for name in row if name not in ("unit", "ratio", "cpu_ratio")]
            rows.append((f"{kind}: {first} : {second}", f"{plot.figure(row[first]['median'])} {row['unit']}",
                         f"{plot.figure(row[second]['median'])} {row['unit']}", ranged(row["ratio"]),
                         ranged(row["cpu_ratio"])))
    yield "Super-packets on both sides or on none; single packets from one side joined for the other, or not. " \
          "The ratio of CPU time is of the gateway's own for as much."
    yield ""
    yield from table(["TUN, one worker", "with", "without", "ratio", "ratio of CPU time"], rows)


def latency(report, measured):
    groups = {}
    for kind, ways_of in measured["traffic"].items():
        protocol, pause = kind.split("-")
        title = f"{protocol.upper()}, next question after {pause} µs"
        rows = [(way(name), *(ranged(figures[f]) for f in ("added_p50", "added_p99")),
                 f"{figures['cpu_us_per_trip']['median']:.1f}")
                for name, figures in ways_of.items() if name != "direct"]
        yield from table([title, "added, median, µs", "added, 99th percentile, µs", "own CPU, µs a trip"], rows)
        if protocol == "udp":
            groups[title] = [(way(name), *(figures["added_p50"][f] for f in ("median", "least", "most")))
                             for name, figures in ways_of.items() if name != "direct"]
    yield from report.picture("latency.svg", "What is added to a round trip", plot.bars(
        "What is added to the median round trip", "µs: median and range", groups, one=False))
    for what, reason in measured["missing"].items():
        yield f"Not measured: {what}: {reason}"
        yield ""


# Heading, the measurement without which there is nothing to say, who says it.
PARTS = [("The machine", "machine", machine), ("Goals", "machine", reached), ("Engine", "engine-sessions", engine),
         ("Sharing nothing", "sharing", sharing), ("Session index", "table", index),
         ("Forwarding table", "fib", fib), ("New sessions", "cps", cps),
         ("System calls", "tun", tun), ("End to end", "net", net),
         ("Offloads", "offload", offload), ("Round-trip times", "latency", latency)]


def main():
    known = argparse.ArgumentParser(prog="report.py")
    known.add_argument("folder", type=pathlib.Path)
    known.add_argument("--into", type=pathlib.Path)
    known.add_argument("--figures", type=pathlib.Path)
    chosen = known.parse_args()
    figures = chosen.figures or chosen.folder
    figures.mkdir(parents=True, exist_ok=True)
    shown = os.path.relpath(figures, chosen.into.parent if chosen.into else chosen.folder)
    text = "\n".join(Report(chosen.folder, figures, "" if shown == "." else shown).text())
    if not chosen.into:
        print(text)
        return 0
    was = chosen.into.read_text()
    before, rest = was.split(BEGIN)
    after = rest.split(END)[1]
    chosen.into.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
