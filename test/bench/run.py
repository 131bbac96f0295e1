"""Every measurement, one after the other: run.py --build BUILD [--quick] [--only NAME,...]

make bench builds and runs it. In BUILD/bench it leaves NAME.json for each measurement, machine.json,
the tables report.md and the plots. Times never decide between good and bad: it fails if a measurement
cannot be made.
"""

import argparse
import json
import os
import pathlib
import platform
import signal
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
MI = 1 << 20
QUIET = 1  # load of a machine on which little happens, after a build


class Failed(Exception):
    """One line that says why."""


def summary(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


class Suite:
    def __init__(self, build, quick):
        self.build, self.quick, self.out = build, quick, pathlib.Path(build) / "bench"

    def program(self, name, *words):
        return [f"{self.build}/bench/{name}", *map(str, words), "--json"]

    def script(self, name, *words):
        return ["sh", str(HERE / f"{name}.sh"), "--json", *(["--quick"] if self.quick else []), *map(str, words)]

    def ask(self, command):
        """The JSON object that a program prints."""
        return self.ask_together([command])[0]

    def ask_together(self, commands):
        """The same of several that run at once. However this process ends, they end with it."""
        environment = os.environ | {"BUILD": str(self.build)}
        running = [subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], stdout=subprocess.PIPE, text=True,
                                    env=environment) for command in commands]
        try:
            said = [process.communicate()[0] for process in running]
        finally:
            for process in running:
                process.kill()
        for process, command in zip(running, commands):
            if process.returncode:
                raise Failed(f"exit status {process.returncode} of {' '.join(command)}")
        return [json.loads(text) for text in said]

    def engine(self, **options):
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return self.program("engine", *words, "--seconds", 0.5 if self.quick else 1)

    def in_rounds(self, points, rounds):
        """Each point's command in every round, the next in opposite order: lists of answers by point."""
        answers = {point: [] for point in points}
        for number in range(rounds):
            for point, command in list(points.items())[::-1 if number % 2 else 1]:
                answers[point].append(self.ask(command))
        return answers

    def curve(self, name, points):
        """points: value -> command of the engine. Rows of what a packet costs."""
        answers = self.in_rounds(points, 1 if self.quick else 3)
        return [{name: value, "ns_per_packet": summary([a["ns_per_packet"] for a in of]),
                 "packets_per_second": summary([a["packets_per_second"] for a in of]),
                 "octets_per_session": of[0]["octets_per_session"]} for value, of in answers.items()]


def engine_sessions(suite):
    counts = [1000, 65536, MI] if suite.quick else [1000, 65536, 262144, MI, 4 * MI]
    return {"routes": 1000000, "points": suite.curve("sessions", {
        n: suite.engine(sessions=n, routes=1000000) for n in counts})}


def engine_routes(suite):
    counts = [0, 1000000] if suite.quick else [0, 1000, 10000, 100000, 1000000]
    return {"sessions": 65536, "points": suite.curve("routes", {
        n: suite.engine(sessions=65536, routes=n) for n in counts})}


def engine_types(suite):
    """NAT64 beside NAT44."""
    kinds = {kind: suite.engine(type=kind, sessions=65536, routes=1000000) for kind in ("napt44", "nat64")}
    answers = suite.in_rounds(kinds, 1 if suite.quick else 5)
    ns = {kind: [a["ns_per_packet"] for a in of] for kind, of in answers.items()}
    return {"types": {kind: {"ns_per_packet": summary(ns[kind]), "octets_per_session": of[0]["octets_per_session"]}
                      for kind, of in answers.items()},
            "ratio": summary([b / a for a, b in zip(ns["napt44"], ns["nat64"])])}


def sharing(suite):
    """Two workers of one process, to two processes of one worker each that run at the same time; and the
    same where all traffic comes by one queue, so that half of it is handed over."""
    ratios, one_queue, one = [], [], suite.engine(sessions=65536, routes=1000000)
    for _ in range(1 if suite.quick else 5):
        two = suite.engine(sessions=2 * 65536, routes=1000000, workers=2)
        apart = sum(a["packets_per_second"] for a in suite.ask_together([one, one]))
        ratios.append(suite.ask(two)["packets_per_second"] / apart)
        one_queue.append(suite.ask([*two, "--one-queue"])["packets_per_second"] / apart)
    return {"rounds": ratios} | summary(ratios) | {"one_queue": {"rounds": one_queue} | summary(one_queue)}


def table(suite):
    counts = [65536, 1000000] if suite.quick else [65536, 1000000, 10000000]
    return {"points": [suite.ask(suite.program("table", "--sessions", n)) for n in counts]}


def fib(suite):
    """Beside DPDK's tables, one of which takes its time to be filled; in a hurry, ours alone."""
    return suite.ask(suite.program("fib", *(["--alone"] if suite.quick else [])))


def fib_growth(suite):
    """Of ours alone."""
    counts = [1000, 1000000] if suite.quick else [1000, 10000, 100000, 300000, 1000000]
    return {"points": [suite.ask(suite.program("fib", "--v4", n, "--v6", 0, "--alone")) for n in counts]}


def cps(suite):
    return suite.ask(suite.program("cps", "--way", "step", *(["--kind", "udp"] if suite.quick else [])))


def tun(suite):
    return suite.ask(suite.program("tun", *(["--rounds", 400] if suite.quick else [])))


def net(suite):
    return suite.ask(suite.script("net"))


def offload(suite):
    return suite.ask(suite.script("offload", "--rounds", 1 if suite.quick else 5))


def latency(suite):
    return suite.ask(suite.script("latency", "--rounds", 1 if suite.quick else 3))


def flame(suite):
    """Pictures of where the engine spends its time; none without perf."""
    pictures = []
    for name, sessions in [("64 Ki", 65536), ("1 Mi", MI)][:1 if suite.quick else 2]:
        file = suite.out / f"flame-{sessions}.svg"
        command = suite.engine(sessions=sessions, routes=1000000)[:-1]
        done = subprocess.run([sys.executable, str(HERE / "flame.py"), str(suite.build), str(file),
                               f"Where the engine's time goes: {name} sessions, 1 M routes", *command])
        pictures += [file.name] if done.returncode == 0 else []
    return {"pictures": pictures}


MEASUREMENTS = [engine_sessions, engine_routes, engine_types, sharing, table, fib, fib_growth, cps, tun, net, offload,
                latency, flame]


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=HERE)
    except OSError:
        return ""
    return done.stdout.strip().split("\n")[0] if done.returncode == 0 else ""


def machine():
    """What the figures depend on."""
    processors = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    versions = {name: first_line("dpkg-query", "-W", "-f", "${Version}", name)
                for name in ("gcc", "iperf3", "nftables", "passt", "slirp4netns", "libdpdk-dev")}
    return {"processor": processors[0] if processors else platform.machine(), "processors": os.cpu_count(),
            "kernel": platform.release(), "load_before": os.getloadavg()[0],
            "commit": first_line("git", "rev-parse", "--short", "HEAD"),
            "versions": {name: version for name, version in versions.items() if version}}


def arguments():
    known = argparse.ArgumentParser(prog="run.py")
    known.add_argument("--build", default="build")
    known.add_argument("--quick", action="store_true", help="about two minutes, rough figures")
    known.add_argument("--only", type=lambda text: text.split(","), help="names of measurements")
    chosen = known.parse_args()
    names = [m.__name__.replace("_", "-") for m in MEASUREMENTS]
    unknown = set(chosen.only or ()) - set(names)
    if unknown:
        known.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return chosen


def measure(suite, name, how):
    """Whether it went well. What was measured before under this name is gone in any case."""
    file = suite.out / f"{name}.json"
    file.unlink(missing_ok=True)
    print(f"== {name}", flush=True)
    try:
        file.write_text(json.dumps(how(suite), indent=1) + "\n")
    except (Failed, OSError, ValueError) as reason:
        print(f"run.py: {name}: {reason}", file=sys.stderr)
        return False
    return True


def main():
    chosen = arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    suite = Suite(chosen.build, chosen.quick)
    where = machine() | {"quick": chosen.quick}
    (suite.out / "machine.json").write_text(json.dumps(where, indent=1) + "\n")
    if where["load_before"] > QUIET:
        print(f"run.py: others are at work here (load {where['load_before']:.1f}); figures will be noisy",
              file=sys.stderr)
    failed = []
    for how in MEASUREMENTS:
        name = how.__name__.replace("_", "-")
        if (not chosen.only or name in chosen.only) and not measure(suite, name, how):
            failed.append(name)
    report = subprocess.run([sys.executable, str(HERE / "report.py"), str(suite.out)], text=True,
                            capture_output=True)
    (suite.out / "report.md").write_text(report.stdout)
    print(report.stdout, report.stderr, sep="")
    if failed:
        print(f"run.py: not measured: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed or report.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
