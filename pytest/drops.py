"""Frames that must be dropped, at both edges of each check that has two, and what each is dropped for.

tests/scenarios/native/drops.pcap has them, drops.scn expects each reason when its frame comes.
flood.pcap has many frames that are valid one by one: other hosts that overflow the ARP cache, two with
our address, and SYNs for a closed port; flood.scn has the expected results. `python3 pytest/drops.py
tests/scenarios/native` writes both captures and prints the lines of drops.scn.
"""

import struct
import sys
from pathlib import Path

from packets import address, checksum, ip, pcap, segment

OWN, PEER = "10.0.2.15", "10.0.2.2"
MAC, PEER_MAC = bytes.fromhex("020000000001"), bytes.fromhex("52550a000202")


def ether(payload, kind=0x0800, to=MAC, source=PEER_MAC):
    return to + source + struct.pack(">H", kind) + payload


def arp(op=1, sender=PEER, target=OWN, mac=PEER_MAC, hlen=6, cut=28):
    head = struct.pack(">HHBBH", 1, 0x0800, hlen, 4, op)
    return ether((head + mac + address(sender) + bytes(6) + address(target))[:cut], 0x0806)


def ipv4(change=None, payload=b"12345678", protocol=99, source=PEER, to=OWN, resum=True):
    packet = bytearray(ip(source, to, payload, protocol, 0))
    if change:
        at, value = change
        packet[at] = value
    if resum:
        end = max(20, min(len(packet), (packet[0] & 15) * 4))
        packet[10:12] = b"\0\0"
        packet[10:12] = struct.pack(">H", checksum(bytes(packet[:end])))
    return ether(bytes(packet))


def routed(options):
    packet = bytearray(ip(PEER, OWN, b"12345678", 99, 0))
    packet[20:20] = options
    packet[0], packet[3] = 0x46, len(packet)
    packet[10:12] = b"\0\0"
    packet[10:12] = struct.pack(">H", checksum(bytes(packet[:24])))
    return ether(bytes(packet))


def icmp(kind, rest=b"\0" * 8, good=True, to=OWN):
    body = bytes([kind, 0, 0, 0]) + rest
    total = checksum(body) if good else 1
    return ipv4(payload=body[:2] + struct.pack(">H", total) + body[4:], protocol=1, to=to)


def udp(length, payload=b"data", port=99, total=0, cut=None):
    return ipv4(payload=(struct.pack(">HHHH", 5000, port, length, total) + payload)[:cut], protocol=17)


def tcp(offset=None, cut=None, port=9, flags=2, options=b"", good=True, seq=1):
    packet = bytearray(segment(PEER, OWN, 5000, port, seq, 0, flags, b"", options))
    body = packet[20:]
    if offset is not None:
        body[12] = offset << 4
    body = body[:cut]
    body[16:18] = b"\0\0"
    ends = address(PEER) + address(OWN) + struct.pack(">BBH", 0, 6, len(body))
    body[16:18] = struct.pack(">H", checksum(ends + bytes(body)) ^ (0 if good else 1))
    return ipv4(payload=bytes(body), protocol=6)


def quote(protocol, behind, source=OWN, to=PEER):
    """An ICMP error that quotes a packet as sent by us."""
    return icmp(3, bytes(4) + ip(source, to, behind, protocol))


# No reason: an accepted frame. The peer resets the connection 200 us after our SYN-ACK.
FRAMES = [
    ("eth-type", ether(bytes(46), 0x86dd)),
    ("eth-other-host", ether(bytes(46), to=bytes.fromhex("020000000002"))),
    ("eth-source", ether(bytes(46), source=bytes.fromhex("010000000002"))),
    ("eth-source", ether(bytes(46), source=MAC)),
    ("arp-short", arp(cut=27)),
    ("arp-format", arp(hlen=5)),
    ("arp-op", arp(op=0)),
    ("arp-op", arp(op=3)),
    ("arp-address", arp(mac=bytes.fromhex("010000000002"))),
    ("arp-address", arp(sender="224.0.0.1")),
    ("arp-address", arp(sender="10.0.3.2", target="10.0.2.78")),
    ("arp-other-host", arp(sender="10.0.2.77", target="10.0.2.78")),
    ("arp-unasked", arp(op=2, sender="10.0.2.77")),
    ("ip-short", ether(bytes([0x45]) + bytes(18))),
    ("ip-version", ipv4((0, 0x55))),
    ("ip-header-length", ipv4((0, 0x44))),
    ("ip-header-length", ipv4((0, 0x48))),
    ("ip-total-length", ipv4((3, 19))),
    ("ip-total-length", ipv4((3, 29))),
    ("ip-checksum", ipv4((8, 63), resum=False)),
    ("ip-source", ipv4(source="224.0.0.1")),
    ("ip-source", ipv4(source="0.0.0.1")),
    ("ip-source", ipv4(source="127.0.0.1")),
    ("ip-source", ipv4(source=OWN)),
    ("ip-source", ipv4(source="10.0.2.255")),
    ("ip-destination", ipv4(to="10.0.2.16")),
    ("ip-fragment", ipv4((6, 0x20), payload=b"1234567")),
    ("ip-fragment", ipv4((7, 0xff))),
    ("ip-source-route", routed(b"\x83\4\4\0")),
    ("ip-source-route", routed(b"\1\x89\3\4")),
    ("ip-protocol", routed(b"\x88\4\0\1")),
    ("ip-protocol", routed(b"\1\0\x83\4")),
    ("ip-broadcast-frame", ether(ipv4()[14:], to=b"\xff" * 6)),
    ("ip-protocol", ipv4()),
    ("icmp-short", ipv4(payload=b"\x08\0\xf7\xff\0\0\0", protocol=1)),
    ("icmp-checksum", icmp(8, good=False)),
    ("icmp-type", icmp(13)),
    ("icmp-quote", icmp(3, b"\0" * 31)),
    ("icmp-quote", quote(17, struct.pack(">HHHH", 9, 9, 8, 0))),
    ("icmp-quote", quote(17, struct.pack(">HHHH", 7, 7, 8, 0))),
    ("icmp-quote", quote(6, struct.pack(">HHI", 7, 9, 1))),
    ("icmp-quote", quote(1, struct.pack(">BBHHH", 8, 0, 0, 99, 1))),
    ("icmp-quote", quote(17, bytes(8), source=PEER, to=OWN)),
    ("icmp-broadcast", icmp(8, to="10.0.2.255")),
    ("udp-length", udp(8, cut=7)),
    ("udp-length", udp(7)),
    ("udp-length", udp(13)),
    ("udp-checksum", udp(12, total=1)),
    ("udp-port", udp(12)),
    ("tcp-short", tcp(cut=19)),
    ("tcp-short", tcp(offset=4)),
    ("tcp-short", tcp(offset=6)),
    ("tcp-checksum", tcp(good=False)),
    ("tcp-options", tcp(options=b"\x02\x01\0\0")),
    ("tcp-options", tcp(options=b"\x02\x05\0\0")),
    ("tcp-options", tcp(options=b"\1\1\1\2")),
    ("tcp-port", tcp(port=0)),
    ("tcp-flags", tcp(flags=3)),
    ("tcp-flags", tcp(flags=6)),
    ("tcp-flags", tcp(flags=0, port=7)),
    (None, tcp(port=7)),
    ("tcp-sequence", tcp(flags=4, port=7, seq=1)),
    ("tcp-flags", tcp(flags=0, port=7, seq=2)),
    (None, tcp(flags=4, port=7, seq=2)),
    ("tcp-flags", tcp(flags=0, port=7, seq=2)),
    ("icmp-quote", quote(17, bytes(7))),
]

# The last one is ignored: it quotes only seven bytes of the packet.
LAST_US = 1000000 + 100 * (len(FRAMES) - 1)
UNREAD = f"never     icmp: error after {LAST_US}us by {LAST_US + 99}us\n"


STRANGERS = [f"10.0.2.{100 + i}" for i in range(16)]
FLOOD = ([arp(sender=s, mac=bytes([2, 0, 0, 0, 1, i])) for i, s in enumerate(STRANGERS)]
         + [arp(sender=STRANGERS[i], mac=bytes([2, 0, 0, 0, 1, i])) for i in (15, 2, 0)]
         + [arp(sender=STRANGERS[15], mac=bytes([2, 0, 0, 0, 2, 0]))]
         + [arp(sender=OWN, mac=bytes([2, 0, 0, 0, 3, i])) for i in range(2)]
         + [tcp()] * 120)


def write(folder):
    for name, frames in ("drops.pcap", [f for _, f in FRAMES]), ("flood.pcap", FLOOD):
        pcap(folder / name, [(1_700_000_000 * 10**9 + i * 10**6, f) for i, f in enumerate(frames)],
             wrap=bytes)


def expectations():
    """One line per frame: from 1 s on, one every 100 us."""
    return "".join(f"expect    netstackd: drop reason={reason} after {1000000 + 100 * i}us "
                   f"by {1000000 + 100 * i + 99}us\n" for i, (reason, _) in enumerate(FRAMES)
                   if reason) + UNREAD


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    print(expectations(), end="")
