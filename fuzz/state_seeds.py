"""State files, kept by the NATs of other seeds, and spoilt."""

import random

from datagrams import u8, u16
from nat_seeds import nat_seeds

RAW, SAME, SEALED, REBOOTED, HEADER, CLEAN, TWICE = (1 << n for n in range(7))
RECORD, PAGE = 128, 4096
FIELDS = {"magic": 0, "order": 8, "version": 12, "record-version": 16, "record-size": 20, "workers": 24, "places": 28,
          "places-high": 31, "waiting": 32, "key": 40, "boot": 56, "sum": 96, "now": 104, "now-high": 111, "real": 112,
          "clean": 120}


def plan(how, turns=15, down=1, edits=()):
    return u8(how, turns) + u16(down) + u8(len(edits)) + b"".join(u16(place) + u8(at, by) for place, at, by in edits)


def state_seeds():
    nats = dict(nat_seeds())
    chance = random.Random(7)
    for number, (name, octets) in enumerate(sorted(nats.items())[::3]):
        how = (SAME, SAME | CLEAN | TWICE, SAME | REBOOTED, SAME | SEALED)[number % 4]
        spoilt = [(place, chance.randrange(RECORD), chance.randrange(1, 256)) for place in range(8)] if how & SEALED else ()
        yield name, plan(how, turns=1 + number % 3, down=(1, 200, 7000, 20)[number // 4 % 4], edits=spoilt) + octets
    some = nats["many-hosts"] if "many-hosts" in nats else next(iter(nats.values()))
    for at in range(4, RECORD, 3):
        yield f"record-{at}", plan(SAME | SEALED, edits=[(place, at, 1 + (at * 37 + place * 11) % 255) for place in range(16)]) + some
    for field, at in FIELDS.items():
        for how in HEADER, HEADER | SEALED:
            yield f"header-{field}-{how}", plan(SAME | how, edits=[(400, at, 3)]) + some
    for length in 0, 1, 103, 104, 127, PAGE, PAGE + RECORD:
        yield f"raw-{length}", plan(RAW) + b"natstate" + bytes(length)
