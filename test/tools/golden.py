"""Captures in, captures out: golden.py BUILD

Each folder of test/golden is a case (cases.py there says where they come from): what `router replay`
makes of its captures must be what they say, octet for octet, each at its time; and each packet's verdict
with it. Then what holds for any capture: the same again is the same, other numbers of workers have the
same verdicts, and what cannot be read is refused in one line.
"""

import functools
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
from collections import Counter

import tap

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "test" / "golden"
CASES = sorted(path.parent for path in GOLDEN.glob("*/router.conf"))
INTERFACES = ("lan0", "wan0")
SHOWN = 400  # characters of what differs
START = 1_700_000_000


def replay(build, *words):
    return subprocess.run([str(w) for w in (build / "router", "replay", *words)], capture_output=True, text=True)


def packets(file):
    """Raw IP in a pcap of nanoseconds: (nanoseconds, octets)."""
    octets, at = file.read_bytes(), 24
    assert struct.unpack_from(">IHHiIII", octets) == (0xa1b23c4d, 2, 4, 0, 0, struct.unpack_from(">I", octets, 16)[0], 101)
    while at < len(octets):
        seconds, parts, length, whole = struct.unpack_from(">IIII", octets, at)
        assert length == whole and parts < 10 ** 9
        yield seconds * 10 ** 9 + parts, octets[at + 16:at + 16 + length]
        at += 16 + length


class Run:
    """A case, replayed with some number of workers."""

    def __init__(self, build, case, workers=1):
        with tempfile.TemporaryDirectory() as directory:
            here = pathlib.Path(directory)
            conf = here / "router.conf"
            conf.write_text(re.sub(r"workers = \d+", f"workers = {workers}", (case / "router.conf").read_text()))
            ins = [f"{i}={f}" for i in INTERFACES for f in sorted(case.glob(f"in-{i}.*"))]
            words = [w for i in ins for w in ("--in", i)]
            words += [w for i in INTERFACES for w in ("--out", f"{i}={here / i}")]
            self.done = replay(build, "-c", conf, *words, "--json", "--decisions", here / "decisions")
            if self.done.returncode:
                raise AssertionError(self.done.stderr)
            self.decisions = [json.loads(line) for line in (here / "decisions").read_text().splitlines()]
            self.out = {i: list(packets(here / i)) for i in INTERFACES}
            self.raw = [(here / i).read_bytes() for i in INTERFACES]

    def verdicts(self):
        """In the words of a case."""
        for d in self.decisions:
            if d["verdict"] != "left_out":
                seconds, parts = d["time"].split(".")
                second = int(seconds) - START + int(parts) / 10 ** 9
                yield f"{second:g} {d['interface'] or '-'} {d['verdict']}" + (f" {d['reason']}" if d["reason"] else "")


@functools.cache
def first(build, case):
    return Run(build, case)


def differences(name, wanted, found):
    wanted, found = list(wanted), list(found)
    for n, (a, b) in enumerate(zip(wanted, found), 1):
        if a != b:
            return [f"{name}: number {n} is {b[:SHOWN]}", f"{name}: and should be {a[:SHOWN]}"]
    return [f"{name}: {len(found)} of {len(wanted)}"] if len(wanted) != len(found) else []


def readable(stamped):
    return [f"{(time - START * 10 ** 9) / 10 ** 9:g}: {octets.hex()}" for time, octets in stamped]


def is_as_it_must(build, case):
    run = first(build, case)
    faults = [run.done.stderr] if run.done.stderr else []
    faults += differences("verdict", (case / "verdicts").read_text().splitlines(), run.verdicts())
    for i in INTERFACES:
        faults += differences(f"out of {i}", readable(packets(case / f"out-{i}.pcap")), readable(run.out[i]))
    return faults


def is_the_same_again(build, case):
    one, two = first(build, case), Run(build, case)
    return [] if (one.raw, one.done.stdout, one.decisions) == (two.raw, two.done.stdout, two.decisions) else ["it is not"]


def workers_agree(build, case):
    """About outside ports they may have other opinions."""
    def told(run):
        sessions = [d["session"] and [d["session"][k] for k in ("proto", "inside", "remote")]
                    for d in run.decisions if d["verdict"] != "left_out"]
        return [f"{v} {s}" for v, s in zip(run.verdicts(), sessions)]

    wanted = told(first(build, case))
    return [fault for n in (2, 3) for fault in differences(f"{n} workers", wanted, told(Run(build, case, n)))]


def sum_is_right(build, case):
    """What the sum says is what the files say."""
    run = first(build, case)
    total = json.loads(run.done.stdout)
    verdicts = [d for d in run.decisions if d["packet"]]
    told = Counter(d["verdict"] for d in verdicts)
    left_out = told.pop("left_out", 0)
    faults = [f"verdicts {total['verdicts']}, and decisions {told}"] if told != Counter(total["verdicts"]) else []
    for i in total["interfaces"]:
        packets_out = run.out[i["name"]]
        if (i["packets_out"], i["octets_out"]) != (len(packets_out), sum(len(o) for _, o in packets_out)):
            faults.append(f"{i}, and the file has {len(packets_out)}")
    if sum(total["left_out"].values()) != left_out or total["packets"] != len(verdicts):
        faults.append(f"{total['packets']} packets, {total['left_out']} left out, and {len(verdicts)} decisions")
    drops = [d["reason"] for d in run.decisions if d["verdict"] == "dropped"]
    if total["reasons"] != {r: drops.count(r) for r in drops}:
        faults.append(f"reasons {total['reasons']}, and decisions {drops}")
    return faults


CONF = GOLDEN / "home" / "router.conf"
GOOD = GOLDEN / "home" / "in-lan0.pcap"
SHARED = """interfaces = ( { name = "lan0"; type = "tun"; side = "inside"; address = [ "192.168.7.1/24" ]; },
	{ name = "wan0"; type = "packet"; device = "eth0"; side = "outside"; } ); control = "";
routes = ( { prefix = "0.0.0.0/0"; interface = "wan0"; via = "203.0.113.254"; } );
nat = ( { name = "home"; match = "192.168.7.0/24"; type = "napt44"; pool = [ "interface:wan0" ]; } );
"""


def refusals(here):
    """Words, exit status, and what standard error must say in its one line."""
    (here / "shared.conf").write_text(SHARED)
    (here / "empty").write_bytes(b"")
    whole = GOOD.read_bytes()
    (here / "cut").write_bytes(whole[:-1])
    (here / "wireless").write_bytes(whole[:20] + struct.pack("<I", 105) + whole[24:])
    good = ("--in", f"lan0={GOOD}")
    return [
        ((*good,), 2, "replay needs a configuration: -c FILE"),
        (("-c", CONF), 2, "replay needs a capture: --in INTERFACE=FILE"),
        (("-c", CONF, GOOD), 2, "like --in lan0="),
        (("-c", CONF, "--in", "lan0"), 2, "write it like --in wan0=FILE"),
        (("-c", CONF, *good, "--seed", "x"), 2, "--seed x: a number, from 1 on"),
        (("-c", CONF, *good, "--seed", "0"), 2, "--seed 0: a number, from 1 on"),
        (("-c", CONF, *good, "--nothing"), 2, "unknown option"),
        (("-c", CONF, "--in", f"lan1={GOOD}"), 1, 'no interface "lan1" in .*, which has lan0, wan0'),
        (("-c", CONF, *good, "--out", "lan1=x"), 1, 'no interface "lan1"'),
        (("-c", CONF, *good, "--out", f"wan0={here}/o", "--out", f"wan0={here}/p"), 1, "--out wan0 is there twice"),
        (("-c", CONF, *good, "--out", f"wan0={here}/no/where"), 1, "no/where: No such file or directory"),
        (("-c", CONF, *good, "--out", "wan0=/dev/full"), 1, "could not be written"),
        (("-c", CONF, "--in", f"lan0={here}/nothing"), 1, "nothing: No such file or directory"),
        (("-c", CONF, "--in", f"lan0={here}"), 1, "Is a directory"),
        (("-c", CONF, "--in", f"lan0={here}/empty"), 1, "empty: neither pcap nor pcapng"),
        (("-c", CONF, "--in", f"lan0={CONF}"), 1, "router.conf: neither pcap nor pcapng: capture with tcpdump -w"),
        (("-c", CONF, "--in", f"lan0={here}/cut"), 1, r"cut: packet 12, at offset \d+: it says that it has 60 octets, "
                                                        "and 59 are left; .*tcpdump -r FILE -c 11"),
        (("-c", CONF, "--in", f"lan0={here}/wireless"), 1, "packet 1 is of link type 105; raw IP, Ethernet"),
        (("-c", f"{here}/shared.conf", *good), 1, r"shared.conf:2: .*--address wan0=ADDRESS/LENGTH"),
        (("-c", f"{here}/shared.conf", *good, "--address", "wan0=x"), 1, "--address wan0=x: an address with"),
        (("-c", CONF, *good, "--address", "wan0=203.0.113.5/24"), 1, "--address wan0: line 4 of .* gives its addresses"),
    ]


def is_refused(build):
    faults = []
    with tempfile.TemporaryDirectory() as directory:
        for words, status, text in refusals(pathlib.Path(directory)):
            done = replay(build, *words)
            line = done.stderr.strip("\n")
            if (done.returncode, done.stdout) != (status, "") or "\n" in line or \
                    not line.startswith("router: ") or not re.search(text, line):
                faults.append(f"{' '.join(map(str, words))}: exit {done.returncode}, {done.stdout}{done.stderr}")
    return faults


def address_is_given(build):
    """An address of the kernel's, as the outside one: what leaves has it."""
    with tempfile.TemporaryDirectory() as directory:
        here = pathlib.Path(directory)
        (here / "shared.conf").write_text(SHARED)
        done = replay(build, "-c", here / "shared.conf", "--in", f"lan0={GOOD}", "--address", "wan0=203.0.113.77/24",
                      "--out", f"wan0={here / 'out'}")
        sources = {octets[12:16] for _, octets in packets(here / "out")} if done.returncode == 0 else {}
    return [] if sources == {bytes([203, 0, 113, 77])} else [f"{sources}: {done.stderr}"]


def sessions_are_named(build):
    wanted = {"proto": "udp", "inside": "192.168.7.2:5000", "outside": "203.0.113.5:5000", "remote": "198.51.100.9:53"}
    found = [d["session"] for d in first(build, GOLDEN / "home").decisions if d["verdict"] != "left_out"]
    return [] if found[:4] == [wanted, wanted, None, None] else found[:4]


def seeds_decide(build):
    """Outside ports by chance: one seed, one choice; 1 if nobody gives one."""
    with tempfile.TemporaryDirectory() as directory:
        here = pathlib.Path(directory)
        text = CONF.read_text().replace('type = "napt44";', 'type = "napt44"; port_selection = "random";')
        (here / "random").write_text(text)
        (here / "seven").write_text(text + "seed = 7;\n")
        out = [replay(build, "-c", here / conf, "--in", f"lan0={GOOD}", "--out", f"wan0={here / 'out'}", *words).stderr or
               (here / "out").read_bytes() for conf, *words in
               (["random"], ["random"], ["random", "--seed", "1"], ["random", "--seed", "7"], ["seven"], ["seven", "--seed", "1"])]
    return [] if out[0] == out[1] == out[2] == out[5] != out[3] == out[4] else [str(o)[:SHOWN] for o in out]


def cut_packets_are_told(build):
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory, "cut")
        octets = bytearray(GOOD.read_bytes())
        octets[24 + 12:24 + 16] = struct.pack("<I", 1500)
        file.write_bytes(octets)
        done = replay(build, "-c", CONF, "--in", f"lan0={file}", "--json")
    told = "1 packets, the first of them number 1, were cut when they were captured"
    return [] if done.returncode == 0 and told in done.stderr and json.loads(done.stdout)["left_out"]["cut"] == 1 \
        else [done.stdout + done.stderr]


def text_is_for_people(build):
    done = replay(build, "-c", CONF, "--in", f"lan0={GOOD}")
    wanted = [r"^interface  packets in", r"^lan0 +12 ", r"^12 packets in 5m00s: \d+ sent, 1 local, 2 dropped, 0 held$",
              r"^sessions: \d+ created, \d+ ended, \d+ open$", r"^spoofed +1 "]
    return [f"no {w} in {done.stdout}" for w in wanted if not re.search(w, done.stdout, re.M)]


def cases_are_as_written():
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([sys.executable, "-B", GOLDEN / "cases.py", directory], check=True)
        written = {f.relative_to(directory): f.read_bytes() for f in pathlib.Path(directory).glob("*/*")}
    here = {f.relative_to(GOLDEN): f.read_bytes() for f in GOLDEN.glob("*/*") if "__pycache__" not in f.parts}
    return [f"{name} is not what cases.py writes" for name in sorted(set(written) | set(here))
            if written.get(name) != here.get(name)]


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    tests = [(f"{case.name}: {test.__name__}".replace("_", " "), test(build, case)) for case in CASES
             for test in (is_as_it_must, is_the_same_again, workers_agree, sum_is_right)]
    tests += [(test.__name__.replace("_", " "), test(build)) for test in
              (is_refused, address_is_given, sessions_are_named, seeds_decide, cut_packets_are_told, text_is_for_people)]
    return tap.report(tests + [("cases are as written", cases_are_as_written())])


if __name__ == "__main__":
    sys.exit(main())
