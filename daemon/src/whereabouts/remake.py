#!/usr/bin/env python3
"""Makes mainland.bin anew: where mainland Chinese numbers are from, and whose network they were given to.

The facts are libphonenumber's geocoding and carrier data (Apache 2.0), as PyPI's `phonenumbers` carries
them. To make the table by the newest of them:

    python3 -m venv /tmp/numbers && /tmp/numbers/bin/pip install phonenumbers
    /tmp/numbers/bin/python daemon/src/whereabouts/remake.py

It reads its own table back, and compares it with every entry of the source, before it writes. The
format, all numbers big-endian:

    "RBWHERE1"
    u8 n, n bytes         the release of `phonenumbers`, for people
    u16 n, n lines        names, each `ZH<tab>EN<newline>`; the first is empty: nothing is known
    u32 n, n × u24        mobile numbers: the first seven digits with which each range begins, ascending
    n × u16               their places, as names' indices; a range lasts until the next begins
    u32 n, n × u24, n × u16  the same of carriers
    u16 n, n × u32        landlines: what they begin with, without the 0, and with a 1 before it that keeps
                          the length: 010 is 110; ascending; the longest counts
    n × u16               their places
"""

import bisect
import struct
import sys
from pathlib import Path

import phonenumbers
from phonenumbers.carrierdata import CARRIER_DATA
from phonenumbers.geodata import GEOCODE_DATA

TABLE = Path(__file__).with_name("mainland.bin")
# Mobile numbers are 1 and ten digits more; the first seven tell where they were given out.
FIRST, LAST = 1_300_000, 1_999_999


def mainland(data):
    """What is said of +86, by the digits after it."""
    return completed({k[2:]: v for k, v in data.items() if k.startswith("86") and len(k) > 2})


def name(entry):
    return (entry["zh"], entry["en"])


def completed(data):
    """The few entries without a Chinese name have the name of the larger place around them, in both languages."""
    found = {}
    for digits in sorted(data, key=len):
        around = next((digits[:n] for n in range(len(digits) - 1, 1, -1) if digits[:n] in found), None)
        found[digits] = data[digits] if "zh" in data[digits] else found[around]
    return found


def is_mobile(digits):
    return digits[0] == "1" and digits[:2] not in ("10", "11", "12")


def spread(data, width):
    """The name at each number of so many digits; the longest prefix counts."""
    at = {}
    for digits in sorted(data, key=len):
        span = 10 ** (width - len(digits))
        begin = int(digits) * span
        for number in range(begin, begin + span):
            at[number] = name(data[digits])
    return at


def runs(at, first, last):
    """Where a name begins to hold, and which; none where nothing is known."""
    found, before = [], None
    for number in range(first, last + 1):
        now = at.get(number, ("", ""))
        if now != before:
            found.append((number, now))
            before = now
    return found


def check(table, placed, given, fixed):
    """Reads the table as Ringback does, and compares it with the source, number by number."""
    at = 9 + table[8]

    def take(form):
        nonlocal at
        values = struct.unpack_from(">" + form, table, at)
        at += struct.calcsize(">" + form)
        return values

    (n,) = take("H")
    names = []
    for _ in range(n):
        end = table.index(b"\n", at)
        names.append(tuple(table[at:end].decode().split("\t")))
        at = end + 1
    for source in (placed, given):
        (n,) = take("I")
        raw = take(f"{3 * n}B")
        begins = [raw[i] << 16 | raw[i + 1] << 8 | raw[i + 2] for i in range(0, 3 * n, 3)]
        held = take(f"{n}H")
        for number in range(FIRST, LAST + 1):
            said = names[held[bisect.bisect_right(begins, number) - 1]]
            assert said == source.get(number, ("", "")), (number, said, source.get(number))
    (n,) = take("H")
    begins, held = take(f"{n}I"), take(f"{n}H")
    said = {str(begin)[1:]: names[place] for begin, place in zip(begins, held)}
    assert said == {digits: name(entry) for digits, entry in fixed.items()}
    assert at == len(table)


def main():
    places, carriers = mainland(GEOCODE_DATA), mainland(CARRIER_DATA)
    mobile = {k: v for k, v in places.items() if is_mobile(k)}
    fixed = {k: v for k, v in places.items() if not is_mobile(k)}
    assert all(len(k) <= 7 for k in mobile), "a mobile prefix of more than seven digits"
    placed, given = spread(mobile, 7), spread(carriers, 7)
    place_runs, carrier_runs = runs(placed, FIRST, LAST), runs(given, FIRST, LAST)

    named = {n for _, n in place_runs + carrier_runs} | {name(v) for v in fixed.values()}
    names = [("", ""), *sorted(named - {("", "")})]
    index = {n: i for i, n in enumerate(names)}

    release = phonenumbers.__version__.encode()
    table = b"RBWHERE1" + bytes([len(release)]) + release
    table += struct.pack(">H", len(names)) + "".join(f"{zh}\t{en}\n" for zh, en in names).encode()
    for found in (place_runs, carrier_runs):
        table += struct.pack(">I", len(found))
        table += b"".join(begin.to_bytes(3, "big") for begin, _ in found)
        table += b"".join(struct.pack(">H", index[n]) for _, n in found)
    landlines = sorted((int("1" + digits), index[name(v)]) for digits, v in fixed.items())
    table += struct.pack(">H", len(landlines))
    table += b"".join(struct.pack(">I", begin) for begin, _ in landlines)
    table += b"".join(struct.pack(">H", n) for _, n in landlines)

    check(table, placed, given, fixed)
    TABLE.write_bytes(table)
    print(f"{TABLE}: {len(table)} bytes, {len(place_runs)} ranges, {len(landlines)} landlines, {len(names)} names")


if __name__ == "__main__":
    sys.exit(main())
