"""What the binaries show: purity.py BUILD

libnat.a needs nothing but memory functions and has no state of its own; router/ has no mutable
file-scope variable; and nothing that a worker's turn calls allocates, locks or writes to a stream.
Function pointers on that way are refused, except where io.c calls its backends.
"""

import pathlib
import platform
import re
import subprocess
import sys
from collections import defaultdict

import tap

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALLOWED = {"memcpy", "memmove", "memset", "memcmp", "__assert_fail", "__stack_chk_fail",
           "_GLOBAL_OFFSET_TABLE_"}
ALLOCATE = ("malloc calloc realloc reallocarray free cfree aligned_alloc posix_memalign memalign strdup "
            "strndup asprintf vasprintf open_memstream getline getdelim mmap munmap brk sbrk "
            "mnl_socket_open mnl_nlmsg_batch_start json_pack").split()
LOCK = re.compile(r"pthread_(mutex|rwlock|spin|cond|barrier|create|join)\w*|sem_\w+|flockfile|"
                  r"synchronize_rcu|urcu_qsbr_synchronize_rcu")
BY_BACKEND = {"io_recv", "io_send", "io_descriptor", "io_settle", "io_flush"}
STREAM = set("printf fprintf vprintf vfprintf puts fputs putchar fputc putc fwrite fopen fclose fflush "
             "perror syslog vsyslog __printf_chk __fprintf_chk __vfprintf_chk".split())


def output(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


def undefined(archive):
    """Symbols that an archive needs from elsewhere."""
    needed, defined = set(), set()
    for line in output("nm", archive).splitlines():
        words = line.split()
        if len(words) >= 2 and words[-2] in ("U", "w", "v"):
            needed.add(words[-1])
        elif len(words) == 3:
            defined.add(words[-1])
    return needed - defined


def is_mutable(section):
    """Data that is written at run time; .data.rel.ro is written by the loader only."""
    return (re.match(r"\.(data|bss|tdata|tbss)(\.|$)", section) and not section.startswith(".data.rel.ro")) \
        or section == "*COM*"


SYMBOL = re.compile(r"^([0-9a-f]+) (.{7}) (\S+)\s+([0-9a-f]+)\s+(?:\.hidden )?(\S+)$")


def symbols(path):
    """(object, section, flags, offset, size, name) of each symbol in an object or archive."""
    object_name = pathlib.Path(path).name
    for line in output("objdump", "-t", path).splitlines():
        header = re.match(r"^(\S+):\s+file format", line)
        if header:
            object_name = pathlib.Path(header[1]).name
        match = SYMBOL.match(line)
        if match:
            yield object_name, match[3], match[2], int(match[1], 16), int(match[4], 16), match[5]


def mutable(path):
    return [f"{object_name}: {name} ({section}, {size} octets)"
            for object_name, section, _, _, size, name in symbols(path)
            if is_mutable(section) and size]


HEADER = re.compile(r"^[0-9a-f]+ <([^>]+)>:$")
TARGET = re.compile(r"\s(?:call|jmp|j\w+|bl?|b\.\w+)q?\s+[0-9a-f]+ <([^>+]+)(\+0x[0-9a-f]+)?>")
POINTER = re.compile(r"\s(?:call\w*\s+\*|jmp\w*\s+\*[-0-9a-fx]*\(|blr\s)")  # a jump by a bare register is a switch
BY_POINTER = "a function pointer"
RELOCATION = re.compile(r"\sR_\w+\s+([^\s+-]+|\.[\w.]+)([+-]0x[0-9a-f]+)?$")


def base_name(name):
    """Of what the compiler split or cloned: f.part.0, f.cold, f.constprop.0 are f."""
    return re.split(r"\.(?:part|cold|constprop|isra|lto_priv)\b", name)[0].split("@")[0]


def functions_by_place(path):
    """(section, offset) → name, for relocations that name a section."""
    return {(section, offset): name for _, section, flags, offset, _, name in symbols(path)
            if "F" in flags}


def name_of(relocation, places):
    """The symbol that a relocation names, also if it says section and offset."""
    slip = 4 if platform.machine() == "x86_64" else 0  # x86 counts from the end of the operand
    if not relocation[1].startswith("."):
        return base_name(relocation[1])
    return base_name(places.get((relocation[1], int(relocation[2] or "0", 16) + slip), relocation[1]))


def references(path):
    """function -> what it calls, jumps to, or takes the address of. A relocation tells better than
    the instruction above it."""
    places = functions_by_place(path)
    calls, current, pending = defaultdict(set), None, set()
    for line in output("objdump", "-dr", "--no-show-raw-insn", path).splitlines() + [""]:
        header, relocation, target = HEADER.match(line), RELOCATION.search(line), TARGET.search(line)
        if relocation:
            calls[current].add(name_of(relocation, places))
            pending = set()
            continue
        if current:
            calls[current] |= pending
        pending = {base_name(target[1])} if target else {BY_POINTER} if POINTER.search(line) else set()
        current = base_name(header[1]) if header else current
    return calls


def call_graph(objects):
    """Over several objects. Static functions of one name are taken for one: too careful, never
    too careless."""
    graph = defaultdict(set)
    for path in objects:
        for function, called in references(path).items():
            graph[function] |= called
    return graph


def is_forbidden(caller, name):
    if name == BY_POINTER:
        return caller not in BY_BACKEND
    return name in ALLOCATE or name in STREAM or LOCK.fullmatch(name)


def forbidden_ways(graph, roots):
    """Chains of calls from a root to something a packet must not wait for."""
    ways, seen, todo = [], set(roots), [(root,) for root in roots]
    while todo:
        way = todo.pop()
        for called in sorted(graph.get(way[-1], ())):
            if is_forbidden(way[-1], called):
                ways.append(" -> ".join(way + (called,)))
            elif called not in seen:
                seen.add(called)
                todo.append(way + (called,))
    return ways


def packet_roots():
    """A worker's turn; and what the functions of BY_BACKEND call through their table."""
    roots = {"worker_step"}
    for source in (ROOT / "router").glob("io_*.c"):
        roots |= set(re.findall(r"\.(?:recv|send|descriptor|settle|flush)\s*=\s*(\w+)", source.read_text()))
    return sorted(roots)


def check_packet_path(objects, roots):
    graph = call_graph(objects)
    missing = [f"{root}: not found, so nothing was shown" for root in roots if root not in graph]
    return missing + forbidden_ways(graph, roots)


def main():
    build = pathlib.Path(sys.argv[1])
    library, router = build / "libnat.a", sorted(build.glob("obj/router/**/*.o"))
    nothing = [] if router else [f"no objects in {build}/obj/router"]
    return tap.report([
        ("libnat.a needs only memory functions", sorted(undefined(library) - ALLOWED)),
        ("libnat.a has no state", mutable(library)),
        ("router has no mutable file-scope variable",
         nothing + [fault for path in router for fault in mutable(path)]),
        ("a worker's turn neither allocates nor locks",
         nothing or check_packet_path(router + sorted(build.glob("obj/nat/*.o")), packet_roots())),
    ])


if __name__ == "__main__":
    sys.exit(main())
