"""Routes of the kernel that drive the gateway, many of them; run by import.sh.

    start   the kernel has them already: until the gateway runs, and what memory they take
    flaps   some go and come back one by one, while a flow goes on beside them: what it loses
    bgp     BIRD learns them from another BIRD, as the gateway runs: until the kernel has them, and how
            long after that the gateway
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "net"))

import netns  # noqa: E402
import rig  # noqa: E402
from bird import Bird  # noqa: E402
from stream import Stream  # noqa: E402

FAR, FAR_NET = "198.51.100.7", "198.51.100.0/24"
WAYS = (rig.SERVER, rig.SERVER_B)
CONF = dict(routes=[dict(prefix="192.0.2.0/24", interface="wan0")], import_routes=["main"])
PATIENCE = 600


def arguments():
    known = argparse.ArgumentParser(prog="import.sh")
    known.add_argument("--quick", action="store_true", help="a tenth of it")
    known.add_argument("--json", action="store_true")
    known.add_argument("--routes", type=int)
    known.add_argument("--flaps", type=int)
    chosen = known.parse_args()
    chosen.routes = chosen.routes or (100000 if chosen.quick else 1000000)
    chosen.flaps = min(chosen.flaps or 100000, chosen.routes)
    return chosen


def prefixes(count):
    return [f"{1 + (n >> 16)}.{n >> 8 & 255}.{n & 255}.0/24" for n in range(count)]


class Bench:
    def __init__(self, chosen, directory):
        self.chosen, self.directory = chosen, pathlib.Path(directory)
        self.prefixes = prefixes(chosen.routes)

    def network(self):
        build = pathlib.Path(os.environ["BUILD"]).absolute()
        net = rig.Network(build, self.directory).prepare(rig.Setup("shared", 1))
        net.server.ip(f"address add {FAR}/32 dev lo")
        return net

    def batch(self, net, commands):
        file = self.directory / "batch"
        file.write_text("\n".join(commands) + "\n")
        begin = time.monotonic()
        net.gateway.run("ip", "-batch", file, patience=PATIENCE)
        return time.monotonic() - begin

    def fill(self, net):
        self.batch(net, [f"route add {p} via {WAYS[n % 2]}" for n, p in enumerate(self.prefixes)])

    def start(self, net):
        """Seconds until it answers, with the routes in use; megabytes that they take."""
        begin = time.monotonic()
        net.run(**CONF)
        seconds = time.monotonic() - begin
        full = resident(net.router)
        assert len(imported(net)) >= len(self.prefixes)
        net.router.stop()
        net.run(routes=CONF["routes"])
        empty = resident(net.router)
        net.router.stop()
        return {"routes": len(self.prefixes), "seconds": round(seconds, 2),
                "mebibytes": round((full - empty) / 1024, 1)}

    def flaps(self, net):
        """What a flow of 500 datagrams each second loses."""
        net.gateway.ip(f"route add {FAR_NET} via {rig.SERVER}")
        net.run(**CONF)
        stream = Stream(net.client.udp(rig.CLIENT), (FAR, 53), net.server.udp(FAR, 53))
        stream.start()
        some = self.prefixes[:self.chosen.flaps]
        seconds = self.batch(net, [f"route {what}" for p in some
                                   for what in (f"del {p}", f"add {p} via {rig.SERVER_B}")])
        netns.until(lambda: quiet(net.router), "the gateway to have followed", PATIENCE)
        lost = stream.end()
        there = {r["prefix"]: r["via"] for r in imported(net)}
        ours = sum(there.get(p) == rig.SERVER_B for p in some)
        kernel = net.router.ask("status")["kernel"]
        net.router.stop()
        return {"flaps": len(some), "changes_per_second": round(2 * len(some) / seconds),
                "datagrams": stream.sent, "lost": lost, "right_in_the_end": ours == len(some),
                "news_lost": kernel["lost"]}

    def bgp(self, net):
        """Seconds until the kernel has the last one, and how long after that we do."""
        a = Bird(net.gateway, self.directory, rig.WAN, 65001)
        b = Bird(net.server, self.directory, rig.SERVER, 65002)
        a.speak(b, imports="all")
        a.fill_kernel()
        b.speak(a, exports="all")
        b.announce(self.prefixes)
        net.run(**CONF)
        begin = time.monotonic()
        a.run(), b.run()
        netns.until(lambda: len(net.gateway.run("ip", "route", patience=PATIENCE).splitlines())
                    > len(self.prefixes), "the kernel to have them", PATIENCE)
        kernel = time.monotonic()
        netns.until(lambda: quiet(net.router), "the gateway to have followed", PATIENCE)
        behind = time.monotonic() - kernel
        count = len(imported(net))
        heard = net.router.ask("status")["kernel"]
        return {"routes": count, "kernel_seconds": round(kernel - begin, 1),
                "behind_seconds": round(behind, 2), "news_lost": heard["lost"],
                "mebibytes": round(resident(net.router) / 1024, 1)}


def say(text):
    print(f"import.sh: {text}", file=sys.stderr, flush=True)


def imported(net):
    return [r for r in net.router.ask("routes", "limit=0")["routes"] if r["origin"] == "kernel"]


def resident(router):
    """KiB."""
    status = pathlib.Path(f"/proc/{router.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def cpu(router):
    return sum(map(int, pathlib.Path(f"/proc/{router.process.pid}/stat").read_text().split()[13:15]))


def quiet(router):
    """It has nothing left to do, but for what a flow takes."""
    before = cpu(router)
    time.sleep(0.2)
    return cpu(router) - before <= 4


def main():
    chosen = arguments()
    netns.isolate()
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(chosen, directory)
        net = bench.network()
        bench.fill(net)
        found = {"start": bench.start(net), "flaps": bench.flaps(net)}
        say(f"{found}")
        net.finish()
        net = bench.network()
        found["bgp"] = bench.bgp(net)
        net.finish()
    if chosen.json:
        print(json.dumps(found))
        return
    for name, values in found.items():
        print(f"{name:6}", ", ".join(f"{key} {value}" for key, value in values.items()))


if __name__ == "__main__":
    main()
