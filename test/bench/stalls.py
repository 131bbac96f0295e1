"""Round-trip times, a question every millisecond, while the gateway does something for many at once: see
stalls.sh. Requirement ABU-9.

    quiet     nothing
    reloads   the configuration is read again ten times a second
    moves     the pool's address is another, and every session moves there
    endings   all sessions are over in the same moment: a reload has shortened their time
    full      the table is full, and one inside host keeps asking for more

Before each, one inside host has opened as many sessions as there may be, towards as many endpoints.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import latency
import net
import traffic
import ways
from ways import BUILD, CLIENT, LAN, POOL, SERVER

TRIPS, PAUSE_US, SETTLED_S = 8000, 1000, 3
OTHER, SPARE = "203.0.113.6", 64
IDLE_S, OVER_S = 300, 3  # the conversation never waits so long
OPENER = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 30000))
for i in range(int(sys.argv[2]), int(sys.argv[3])):
    s.sendto(b"", (f"198.18.{i >> 22 & 255}.{i >> 14 & 255}", 1024 + (i & 16383)))
    if i % 50 == 0:
        time.sleep(float(sys.argv[4]))
"""


class Busy(ways.Router):
    def __init__(self, family, workers, without, sessions):
        super().__init__(family, workers, without)
        self.name, self.sessions = f"{self.name}-busy", sessions
        self.pool, self.idle = POOL, IDLE_S

    def configure(self):
        path, self.control = super().configure()
        text = pathlib.Path(path).read_text().replace(f'pool = [ "{POOL}" ];',
                                                      f'pool = [ "{self.pool}" ]; on_address_change = "move";')
        pathlib.Path(path).write_text(f"""{text}
            routes = ( {{ prefix = "0.0.0.0/0"; interface = "wan0"; via = "{SERVER}"; }} );
            limits = {{ sessions = {self.sessions + SPARE}; sessions_per_host = {self.sessions + SPARE}; }};
            timeouts = {{ allow_short = true; udp = {self.idle}; }};
        """)
        return path, self.control

    def again(self):
        self.configure()
        for process in self.processes[:1]:
            process.send_signal(signal.SIGHUP)

    def status(self):
        return json.loads(ways.run(f"{BUILD}/routerctl", "--json", "-s", self.control, "status"))

    def wait(self, holds, what, patience=60):
        end = time.monotonic() + patience
        while not holds(self.status()):
            if time.monotonic() > end:
                raise ways.Missing(f"waited in vain for {what}")
            time.sleep(0.05)

    def opener(self, begin, end, pause=0):
        return self.start(self.client, sys.executable, "-c", OPENER, CLIENT, begin, end, pause)

    def fill(self):
        """In rounds, as the device's queue has not room for all."""
        for _ in range(20):
            self.opener(0, self.sessions).wait()
            if self.status()["sessions"] >= self.sessions - SPARE:
                return
        raise ways.Missing(f"no more than {self.status()['sessions']} sessions were opened")


def reloads(way):
    for _ in range(30):
        way.again()
        time.sleep(0.1)


def moves(way):
    way.pool = OTHER if way.pool == POOL else POOL
    way.again()


def endings(way):
    way.idle = OVER_S
    way.again()
    way.wait(lambda s: s["sessions"] < SPARE, "all sessions to be over")
    way.idle = IDLE_S
    way.again()


def full(way):
    opener = way.opener(way.sessions, 2 * way.sessions, 0.001)
    time.sleep(3)
    opener.kill()
    opener.wait()


KINDS = {"quiet": lambda way: None, "reloads": reloads, "moves": moves, "endings": endings, "full": full}


def measure(way, kind):
    way.fill()
    asking = subprocess.Popen(["ip", "netns", "exec", way.client, f"{BUILD}/bench/latency", "ask", "udp", SERVER,
                               str(latency.PORT), str(TRIPS), str(PAUSE_US)], stdout=subprocess.PIPE, text=True)
    time.sleep(SETTLED_S)
    KINDS[kind](way)
    if kind != "quiet" and asking.poll() is not None:
        raise ways.Missing(f"the conversation was over too soon: {kind}")
    out = asking.communicate(timeout=120)[0]
    if asking.returncode:
        raise ways.Missing(f"the conversation broke off: {kind}")
    status = way.status()
    return dict(zip(latency.FIGURES, (int(word) / 1e3 for word in out.split()))) | {"sessions": status["sessions"]}


def arguments():
    known = argparse.ArgumentParser()
    known.add_argument("--json", action="store_true")
    known.add_argument("--sessions", type=int, default=1 << 20)
    known.add_argument("--ways", default="tun-1,tun-2", help="as of net.sh")
    return known.parse_args()


def main():
    chosen, results = arguments(), {}
    net.prepare()
    for name in chosen.ways.split(","):
        family, workers, *without = name.split("-", 2)
        way = Busy(family, int(workers), without[0] if without else None, chosen.sessions)
        way.open()
        latency.serve(way)
        results[name] = {kind: measure(way, kind) for kind in KINDS}
    if chosen.json:
        print(json.dumps(results))
        return 0
    for name, kinds in results.items():
        print(f"{name}: us, of {TRIPS} round trips beside {chosen.sessions} sessions")
        for kind, figures in kinds.items():
            print(f"  {kind:9}", "  ".join(f"{figure} {figures[figure]:9.1f}" for figure in latency.FIGURES))
    return 0


if __name__ == "__main__":
    sys.exit(main())
