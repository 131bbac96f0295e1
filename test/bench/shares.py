"""Where a way spends its time under small datagrams, by perf record: in code of its own, or for what in the
kernel."""

import collections
import re
import shutil
import subprocess
import time

import traffic
from ways import Missing

SECONDS, FREQUENCY = 2, 1999
FRAME = re.compile(r"^\s*[0-9a-f]+ (?P<symbol>.*?) \((?P<object>.*)\)$")
# What the kernel does, by a function that is under way; the first that fits counts. The stack of the host at
# the other end runs in the time of who hands it a packet.
PURPOSES = [
    ("the other host's stack", {"process_backlog", "__netif_receive_skb_one_core", "netif_receive_skb"}),
    ("sending", {"tun_chr_write_iter", "packet_sendmsg", "xsk_sendmsg", "__xsk_generic_xmit"}),
    ("receiving", {"tun_chr_read_iter", "packet_recvmsg", "xsk_recvmsg", "xsk_poll", "tpacket_rcv", "veth_poll"}),
    ("sleeping and waking", {"do_epoll_wait", "schedule", "do_poll", "ep_poll_callback"}),
]
KERNEL = "the rest of the kernel"


def record(way, data):
    """perf's samples of the way's processes while a flood passes."""
    pids = ",".join(map(str, way.pids()))
    words = ["perf", "record", "--quiet", "--event", "cpu-clock", "--freq", str(FREQUENCY), "-g", "--pid", pids,
             "--output", data]
    recorder = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(0.2)
    traffic.udp(way, SECONDS, 18)
    recorder.terminate()
    _, error = recorder.communicate(timeout=30)
    if "denied" in error or "not permitted" in error:
        raise Missing(f"perf record: {error.strip().splitlines()[0]}")


def stacks(data):
    """How often each stack of (symbol, object) was seen, the innermost first."""
    said = subprocess.run(["perf", "script", "--no-inline", "--input", data, "--fields", "comm,ip,sym,dso"],
                          capture_output=True, text=True).stdout
    counted = collections.Counter()
    for sample in said.split("\n\n"):
        frames = [FRAME.match(line) for line in sample.splitlines()[1:]]
        counted[tuple((f["symbol"], f["object"]) for f in frames if f)] += 1
    del counted[()]
    return counted


def in_kernel(where):
    return where.startswith("[kernel") or where.endswith((".ko", ".ko.xz")) or where == "[unknown]"


def part_of(stack):
    where = stack[0][1]
    if not in_kernel(where):
        return "libraries" if ".so" in where or where == "[vdso]" else "program"
    names = {symbol for symbol, _ in stack}
    return next((purpose for purpose, of in PURPOSES if of & names), KERNEL)


def profile(way):
    """Percent of samples by part; and by function, most of what is not the kernel's and of what is."""
    if not shutil.which("perf"):
        raise Missing("perf is not installed")
    data = f"/run/{way.name}.perf"
    record(way, data)
    parts, ours, kernel = (collections.Counter() for _ in range(3))
    for stack, count in stacks(data).items():
        symbol, where = stack[0]
        parts[part_of(stack)] += count
        (kernel if in_kernel(where) else ours)[symbol] += count
    total = sum(parts.values())
    if not total:
        raise Missing("perf took no samples")

    def percent(counted, names):
        return {name: 100 * counted[name] / total for name in names}

    def most(counted):
        return percent(counted, [name for name, _ in counted.most_common(12)])
    names = ["program", "libraries", *(purpose for purpose, _ in PURPOSES), KERNEL]
    return {"samples": total, "own_percent": 100 * sum(ours.values()) / total, "percent": percent(parts, names),
            "functions": most(ours), "kernel_functions": most(kernel)}
