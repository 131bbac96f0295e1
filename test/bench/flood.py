"""A flood on the outside, and what is left of conversations that began inside: see flood.sh.

Of each kind of flood, by one gateway: what it can forward with as little processor as it has here
(session: the flood is a conversation of its own); then questions and answers of sixteen flows for a
while, with two storms beside them. Where they were lost is worked out from what each end has sent and
heard, and from what the gateway's sessions have counted in between:

    asked --queue--> carried out --> heard by the server, answered --queue--> carried in --> heard

What is lost in front of "carried", the kernel's queue has lost (that of answers is full of the flood); or
the gateway has, and counted for a reason: what it counts for reasons that the flood should not have is
taken to be the conversations', as far as they have lost anything there. What is lost behind "carried" is
the gateway's, too, and so is a question that the queue of a TUN device does not count as refused.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import time

import ways
from ways import BUILD, CLIENT, POOL, SERVER, WAN

FLOWS, PER_SECOND, PORT, SINK, STORMS = 16, 2000, 7, 41000, 2
NOBODY, FORWARD, STRANGERS = "192.168.7.9", 8080, "198.18.0.0"
NO_MAC = "0:0:0:0:0:0"
REASONS = {"strangers": {"no_mapping", "filtered", "spoofed", "local_no_service"},
           "syns": {"half_open_limit", "host_limit", "session_limit"},
           "fragments": {"fragment", "fragment_limit", "fragment_overlap", "no_mapping", "filtered"},
           "errors": {"icmp_no_session", "tcp_window"}}


class Flooded(ways.Router):
    def __init__(self, family, workers, without, nice):
        super().__init__(family, workers, without)
        self.name, self.nice = f"{self.name}-flooded", nice
        self.reasons = {"multicast"}  # not the conversation's: what kernels say unasked

    def configure(self):
        path, control = super().configure()
        with open(path, "a") as f:
            f.write(f'forwards = ( {{ proto = "tcp"; external = "{POOL}:{FORWARD}"; '
                    f'internal = "{NOBODY}:80"; }} );\n')
        self.control = control
        return path, control

    def run_gateway(self):
        super().run_gateway()
        if self.family != "tun":  # nobody hears what comes for the forward, but it goes
            mac = json.loads(ways.ip(f"-j -n {self.client} link show lan0"))[0]["address"]
            ways.ip(f"-n {self.gate} neighbour replace {NOBODY} lladdr {mac} dev lan1 nud permanent")
        for pid in self.pids():
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                os.setpriority(os.PRIO_PROCESS, int(task.name), self.nice)

    def ask(self, *words):
        out = subprocess.run([f"{BUILD}/routerctl", "--json", "-s", self.control, *words], check=True,
                             capture_output=True, text=True).stdout
        return json.loads(out)

    def counters(self, which):
        return {c["name"]: c["total"] for c in self.ask("counters")[which]}

    def forwarded(self):
        return sum(i["packets_out"] for i in self.ask("interfaces")["interfaces"] if i["name"] == "lan0")

    def carried(self):
        """By sessions with the echo, out and in."""
        sessions = [s for s in self.ask("sessions", f"remote={SERVER}:{PORT}", "limit=0")["sessions"]]
        return tuple(sum(s[key] for s in sessions) for key in ("packets_out", "packets_in"))

    def refused(self):
        """Questions that the queue of the inside device had no room for; None where nobody counts that."""
        if self.family != "tun":
            return None
        link, = json.loads(ways.ip(f"-j -s -n {self.client} link show lan0"))
        return link["stats64"]["tx"]["dropped"]

    def mac(self):
        """Of the outside device, where there is Ethernet."""
        if self.family == "tun":
            return NO_MAC
        return json.loads(ways.ip(f"-j -n {self.gate} link show wan1"))[0]["address"]

    def memory(self, what):
        """KiB of all its processes."""
        texts = [pathlib.Path(f"/proc/{pid}/status").read_text() for pid in self.pids()]
        return sum(int(re.search(what + r":\s+(\d+)", text)[1]) for text in texts)


def start(namespace, *words):
    command = ["ip", "netns", "exec", namespace, f"{BUILD}/bench/flood", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def result(process):
    out = process.communicate(timeout=120)[0]
    assert process.returncode == 0, process.args
    return json.loads(out)


def storms(way, kind, to, seconds, count=STORMS):
    source = SERVER if kind == "session" else STRANGERS
    return [start(way.server, "storm", kind, "wan0", way.mac(), source, to, seconds) for _ in range(count)]


def per_second(results):
    return sum(r["offered"] * 1e9 / r["ns"] for r in results)


def open_sink(way):
    """A socket of the client that hears and never reads, with a mapping of its own."""
    program = (f"import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
               f"s.bind(('{CLIENT}', {SINK})); s.sendto(b'', ('{SERVER}', 9)); time.sleep(3600)")
    way.start(way.client, sys.executable, "-c", program)
    way.until(lambda: way.ask("sessions", f"inside={CLIENT}:{SINK}")["sessions"], "the sink's session")


def capacity(way, seconds):
    """What it forwards while it is offered more: datagrams a second."""
    was, began = way.forwarded(), time.monotonic()
    for p in storms(way, "session", f"{POOL}:{SINK}", seconds):
        result(p)
    return (way.forwarded() - was) / (time.monotonic() - began)


def converse(way, kind, seconds):
    """Of a conversation of so many seconds beside a storm (None: alone)."""
    to = f"{POOL}:{FORWARD}"
    echo = start(way.server, "echo", SERVER, PORT)
    time.sleep(0.2)
    drops, carried, refused = way.counters("drops"), way.carried(), way.refused()
    handed = way.counters("packets")["handed_off"]
    blowing = storms(way, kind, to, seconds + 1) if kind else []
    time.sleep(0.5)
    asked = result(start(way.client, "ask", SERVER, PORT, FLOWS, PER_SECOND, seconds))
    offered = [result(p) for p in blowing]
    process = subprocess.run(["ip", "netns", "pids", way.server], capture_output=True, text=True)
    for pid in map(int, process.stdout.split()):
        os.kill(pid, signal.SIGTERM)
    answered = result(echo)
    out, back = (now - then for now, then in zip(way.carried(), carried))
    now, expected = way.counters("drops"), way.reasons | REASONS.get(kind, set())
    if not kind and way.counters("packets")["handed_off"] == handed:
        way.reasons.add("handoff_full")  # the conversation's do not go by other workers
    others = {n: now[n] - drops[n] for n in now if now[n] > drops[n] and n not in expected}
    return dict(asked=asked["asked"], heard=asked["heard"], out=out, back=back,
                answered=answered["answered"], server_heard=answered["heard"], others=others,
                refused=None if refused is None else way.refused() - refused,
                offered=per_second(offered), reserved=way.memory("VmSize"), touched=way.memory("VmRSS"))


def account(row):
    """In percent: questions and answers that never were carried; of all, what the gateway has lost."""
    questions, answers = row["asked"] - row["out"], row["answered"] - row["back"]
    behind = row["out"] - row["server_heard"] + row["back"] - row["heard"]
    uncounted = 0 if row["refused"] is None else max(0, questions - row["refused"])
    beyond = behind + max(uncounted, min(questions + answers, sum(row["others"].values())))
    return dict(questions=100 * questions / row["asked"], answers=100 * answers / max(1, row["answered"]),
                beyond=100 * beyond / (row["asked"] + row["answered"]))


def measure(way, seconds, rounds):
    way.open()
    open_sink(way)
    rows, alone = {}, converse(way, None, seconds)
    rows["alone"] = [alone | account(alone) | dict(times=0)]
    for _ in range(rounds):
        for kind in REASONS:
            most = capacity(way, 1)
            row = converse(way, kind, seconds)
            rows.setdefault(kind, []).append(row | account(row) | dict(
                capacity=most, times=row["offered"] / most))
    for p in way.processes:
        p.kill()
    return rows


def show(name, rows):
    print(f"\n{name}\n\n| flood | offered, M/s | capacity, M/s | times | questions lost in front, % | answers lost "
          "in front, % | lost beyond, % | for other reasons | memory, MiB: reserved, touched |\n"
          "|---|--:|--:|--:|--:|--:|--:|---|--:|")
    for kind, all_rows in rows.items():
        def each(key, digits, scale=1):
            values = sorted(r.get(key, 0) / scale for r in all_rows)
            return f"{statistics.median(values):.{digits}f} ({values[0]:.{digits}f}–{values[-1]:.{digits}f})"

        def then(key):
            return " → ".join(f"{r[key] / 1024:.0f}" for r in all_rows)
        others = [", ".join(f"{n} {c}" for n, c in r["others"].items()) for r in all_rows]
        print(f"| {kind} | {each('offered', 2, 1e6)} | {each('capacity', 3, 1e6)} | {each('times', 0)} "
              f"| {each('questions', 2)} | {each('answers', 1)} | {each('beyond', 3)} | {'; '.join(filter(None, others))} "
              f"| {then('reserved')}, {then('touched')} |")


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    words.add_argument("--json", action="store_true")
    words.add_argument("--nice", type=int, default=10, help="of the gateway: less is left for it")
    words.add_argument("--seconds", type=float, default=4)
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--ways", default="tun-1,tun-2,packet-1", help="FAMILY-WORKERS[-WITHOUT],...")
    o = words.parse_args()
    ways.run("mount", "-t", "tmpfs", "tmpfs", "/run")
    os.mkdir("/run/netns")
    found = {}
    for name in o.ways.split(","):
        family, workers, *without = name.split("-")
        way = Flooded(family, int(workers), without[0] if without else None, o.nice)
        found[name] = measure(way, o.seconds, o.rounds)
        if not o.json:
            show(name, found[name])
    if o.json:
        print(json.dumps(found))


main()
