"""doc/recipes.md, carried out: what a section says is typed where its prompts say.

A console block is commands behind prompts, and below a command what it shows, where "..." stands for
whatever. `HOST# ` is a namespace of that name, or a guest's console; `# ` is the machine that all of
it lives on. A block behind a line that begins with a name in backquotes, and ends with a colon, is
that file. Blocks of other kinds are for the reader.
"""

import contextlib
import os
import pathlib
import re
import shlex
import signal
import subprocess
import time

from netns import Namespace, start, until
from rig import CONTROL
from sniffer import Sniffer, judge

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "doc" / "recipes.md"
FILE = re.compile(r"^`([\w.-]+)`[^\n]*:\n\n```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROMPT = re.compile(r"^([\w-]*)# ((?:.*\\\n)*.*)\n((?:(?![\w-]*# ).*\n)*)", re.MULTILINE)
PATIENCE = 30
WITH_FEW_RIGHTS = ("no io_uring (Operation not permitted)", "steering off (Operation not permitted)")


def section(title):
    """The text below a heading, down to the next of its kind."""
    text = DOCUMENT.read_text()
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"no section {title!r}"
    return found[1]


def steps(text):
    """(host, command, what it shows), in order."""
    found = []
    for block in CONSOLE.findall(text):
        matches = list(PROMPT.finditer(block))
        assert "".join(m[0] for m in matches) == block, f"not all of this stands at or below a prompt:\n{block}"
        found += [m.groups() for m in matches]
    assert found, "nothing to do"
    return found


def shows(shown, said):
    """Whether what was said is what is to be shown, blanks at the ends of lines aside."""
    def plain(text):
        return "\n".join(line.strip() for line in text.strip().splitlines())
    pattern = re.escape(plain(shown)).replace(r"\.\.\.", ".*")
    return not shown.strip() or re.fullmatch(pattern, plain(said), re.DOTALL) is not None


def control_of(conf):
    found = re.search(r'control\s*=\s*"([^"]+)"', conf.read_text())
    return pathlib.Path(found[1] if found else CONTROL)


class Host(Namespace):
    """A namespace that the document made."""

    def __init__(self, name):
        self.name = name
        self.fd = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        self.homes, self.processes, self.sockets = [], [], []

    def remove(self):
        """With whatever lives there: programs start others, which outlive them."""
        pids = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True)
        for pid in pids.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        super().remove()
        for p in self.processes:
            p.stdout.close()
            p.stderr.close()


class Guest:
    """The console of a virtual machine, which a shell listens at."""

    def __init__(self, process):
        self.process, self.said = process, ""
        os.set_blocking(process.stdout.fileno(), False)
        self.wait(r"^[/~] # ", "its shell")

    def wait(self, pattern, what):
        """The match of what it says, which is not kept."""
        end = time.monotonic() + 4 * PATIENCE
        while not (found := re.search(pattern, self.said, re.DOTALL | re.MULTILINE)):
            assert self.process.poll() is None, f"the guest ended: {self.said}{self.process.stderr.read()}"
            assert time.monotonic() < end, f"waited for {what}; the guest said {self.said[-2000:]!r}"
            time.sleep(0.01)
            self.said += (self.process.stdout.read() or b"").decode(errors="replace")
        self.said = self.said[found.end():]
        return found

    def run(self, command):
        # What is typed is not what is said: the echo has the words in two halves.
        self.process.stdin.write(f"echo sa''id; {command}; echo do''ne $?\n".encode())
        found = self.wait(r"^said\r?\n(.*?)^done (\d+)\r?\n", command)
        return int(found[2]), found[1]


class Recipe:
    """One section, from its first step to its last."""

    def __init__(self, title, folder, path, devices=(), names=()):
        """devices: of which every packet is judged, once a gateway runs. names: what stands here for
        words of the document."""
        self.text, self.folder, self.devices = section(title), folder, list(devices)
        self.path = f"{path}:{os.environ['PATH']}:/usr/sbin:/sbin"
        self.names = dict(names)
        self.hosts, self.guests, self.gateways, self.sniffers = {}, {}, {}, []
        for name, content in FILE.findall(self.text):
            (folder / name).write_text(content)

    def follow(self):
        for host, command, shown in steps(self.text):
            for name, ours in self.names.items():
                command = command.replace(name, ours)
            self._step(host, command.replace("\\\n", ""), shown)
        return self

    def _step(self, host, command, shown):
        if host in self.guests:
            self._until(lambda: self.guests[host].run(command), command, shown)
        elif command.startswith("qemu-"):
            self.guests[re.search(r"-name (\S+)", command)[1]] = Guest(self._begin(host, command))
        elif command.endswith(" &"):
            self._background(host, command.removesuffix(" &"), shown)
        else:
            self._until(lambda: self._run(host, command), f"{host}# {command}", shown)

    def _until(self, run, what, shown):
        """Again and again, since what was begun in the background takes its time to be ready."""
        end, told = time.monotonic() + PATIENCE, []
        while True:
            status, said = run()
            if status == 0 and shows(shown, said):
                return
            told.append(f"exit {status}: {said}")
            assert time.monotonic() < end, f"{what}\n{told[0]}\nand at last\n{told[-1]}\ninstead of\n{shown}"
            time.sleep(0.1)

    def _words(self, command):
        """In a shell, where the document says that one is."""
        return ["sh", "-c", f"PATH={shlex.quote(self.path)}; cd {shlex.quote(str(self.folder))}; {command}"]

    def _run(self, host, command):
        with self._host(host) if host else contextlib.nullcontext():
            process = start(*self._words(command), start_new_session=True)
        try:
            out, error = process.communicate(timeout=4 * PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None, "does not end: " + "".join(process.communicate())
        return process.returncode, out + error

    def _host(self, name):
        if name not in self.hosts:
            self.hosts[name] = Host(name)
        return self.hosts[name]

    def _begin(self, host, command):
        words = ["setpriv", "--pdeathsig", "KILL", *self._words(f"exec {command}")]
        with self._host(host):
            process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, bufsize=0)
        self._host(host).processes.append(process)
        return process

    def _background(self, host, command, shown):
        process = self._host(host).start(*self._words(f"exec {command}"))
        if command.startswith("router run"):
            self.gateways[host] = process, shown
            control = control_of(self.folder / command.split()[-1])
            until(lambda: control.exists() or process.poll() is not None, f"the gateway to open {control}",
                  PATIENCE)
            self._listen()

    def _listen(self):
        for host, device in self.devices:
            if not any(s.name == f"{device} in {host}" for s in self.sniffers) and self._has(host, device):
                self.sniffers.append(Sniffer(self._host(host), device))

    def _has(self, host, device):
        return any(link["ifname"] == device for link in self._host(host).ask_ip("link show"))

    def heard(self, host, device):
        return next(s for s in self.sniffers if s.name == f"{device} in {host}")

    def finish(self):
        """What was wrong with the packets, and what the gateways complained of."""
        try:
            for s in self.sniffers:
                s.stop()
            faults = [fault for s in self.sniffers for fault in judge(s, judge_quoted=False)]
            return faults + [fault for host, (process, shown) in self.gateways.items()
                             for fault in self._end(host, process, shown)]
        finally:
            self._remove()

    def _end(self, host, process, shown):
        """It ends well, and has said no more than that it runs, or what the document shows."""
        process.terminate()
        _, error = process.communicate(timeout=PATIENCE)
        if process.returncode:
            return [f"the gateway at {host} ended with {process.returncode}: {error}"]
        said = [line for line in error.splitlines() if not any(text in line for text in WITH_FEW_RIGHTS)]
        if shows(shown or "router: running, ...", "\n".join(said)) and (shown or len(said) == 1):
            return []
        return [f"the gateway at {host} said: {line}" for line in said]

    def _remove(self):
        for name in os.listdir("/run/netns"):
            self._host(name).remove()
