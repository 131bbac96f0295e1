"""Programs that report in TAP, run within a time and read."""

import contextlib
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
LINES_OF_A_CRASH = 60
_running = set()


@dataclass
class Result:
    name: str
    status: str
    detail: list = field(default_factory=list)


@dataclass
class Finished:
    code: int
    out: str
    err: str
    seconds: float
    timed_out: bool = False

    def last_words(self):
        return self.err.splitlines()[-LINES_OF_A_CRASH:]


def stop(process):
    """Ask the process and its children to end, then make them."""
    for sign, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, None)):
        os.killpg(process.pid, sign)
        try:
            return process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            pass
    return "", ""


def stop_all():
    """Ask everything to end that run() waits for, in whatever thread."""
    for process in list(_running):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)


def run(command, timeout, env=None, cwd=None):
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               errors="replace", env=env, cwd=cwd, start_new_session=True)
    _running.add(process)
    timed_out = False
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        timed_out = True
        out, err = stop(process)
    except BaseException:
        stop(process)
        raise
    finally:
        _running.discard(process)
    return Finished(process.returncode, out, err, time.monotonic() - began, timed_out)


LINE = re.compile(r"(ok|not ok)\b\s*(\d+)?\s*-?\s*(.*)")
PLAN = re.compile(r"1\.\.(\d+)")
SKIP = re.compile(r"(.*?)#\s*SKIP\b:?\s*(.*)", re.IGNORECASE)


def read_line(match):
    """A result; cmocka writes a skipped test as "not ok 2 # SKIP name"."""
    skip = SKIP.match(match[3])
    if skip and skip[1].strip():
        return Result(skip[1].strip(" -"), SKIPPED, [skip[2] or "no reason given"])
    if skip:
        return Result(skip[2], SKIPPED, ["the test says so"])
    return Result(match[3], PASSED if match[1] == "ok" else FAILED)


def read(text):
    """The results in TAP text, each failure with the lines around it, and how many were planned."""
    results, planned, before = [], 0, []
    for line in text.splitlines():
        plan, match = PLAN.fullmatch(line), LINE.match(line)
        if plan:
            planned += int(plan[1])
        elif match:
            results.append(read_line(match))
            if results[-1].status == FAILED:
                results[-1].detail = before
            before = []
        elif line.startswith("#") and results and results[-1].status == FAILED:
            results[-1].detail.append(line[1:].strip("\n"))
        elif not line.startswith("#"):
            before.append(line)
    return results, planned


def trouble(finished, results, planned, timeout):
    """What is wrong with a run beside tests that failed, or None."""
    if finished.timed_out:
        return f"not done within {timeout} s"
    if planned != len(results):
        return f"planned {planned} tests, ran {len(results)}; exit status {finished.code}"
    if not results:
        return "no test ran"
    if finished.code and not any(r.status == FAILED for r in results):
        return f"no test failed, but exit status {finished.code}"
    return None


def results_of(command, timeout, env=None, cwd=None):
    """Run a program that prints TAP; a run that went wrong is one more failure."""
    name = " ".join(os.path.basename(str(word)) for word in command[:3])
    try:
        finished = run([str(word) for word in command], timeout, env, cwd)
    except OSError as error:
        return [Result(name, FAILED, [str(error)])]
    results, planned = read(finished.out)
    wrong = trouble(finished, results, planned, timeout)
    if wrong:
        results.append(Result(name, FAILED, [wrong] + finished.last_words()))
    else:
        first = next((r for r in results if r.status == FAILED), None)
        if first:
            first.detail += finished.last_words()
    return results


def report(tests):
    """Print (name, faults) pairs as TAP, and return the exit status. Faults may be a skip."""
    bad = 0
    for number, (name, faults) in enumerate(tests, 1):
        if isinstance(faults, Skip):
            print(f"ok {number} - {name} # SKIP {faults.reason}")
            continue
        bad += bool(faults)
        print(f"{'not ok' if faults else 'ok'} {number} - {name}")
        for line in "\n".join(map(str, faults)).splitlines():
            print(f"# {line}")
    print(f"1..{len(tests)}")
    return 1 if bad else 0


@dataclass
class Skip:
    reason: str
