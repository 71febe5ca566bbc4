"""Captures of DHCP written byte by byte: what a client asked and what servers answered to it."""

import ipaddress
import struct

CLIENT = bytes.fromhex("0011223344aa")
ROUTER = bytes.fromhex("0011223344bb")
XID = 0x1234abcd
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)


def address(text):
    return ipaddress.ip_address(text).packed


def word(n):
    return struct.pack("!I", n)


def option(code, value):
    return bytes([code, len(value)]) + value


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def frame(src, dst, ports, payload, eth_dst=b"\xff" * 6, eth_src=ROUTER):
    """UDP without a checksum, as servers may send it."""
    udp = struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, address(src), address(dst))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return eth_dst + eth_src + b"\x08\x00" + head + udp


def message(op, options, yiaddr="0.0.0.0", ciaddr="0.0.0.0", siaddr="0.0.0.0", giaddr="0.0.0.0", xid=XID,
            chaddr=CLIENT, flags=0, sname=b"", file=b"", pad=0):
    return (struct.pack("!BBBBIHH", op, 1, 6, 0, xid, 0, flags) + address(ciaddr) + address(yiaddr) +
            address(siaddr) + address(giaddr) + chaddr.ljust(16, b"\0") + sname.ljust(64, b"\0") +
            file.ljust(128, b"\0") + bytes.fromhex("63825363") + options + b"\xff" + b"\0" * pad)


def ask(kind, more=b"", ciaddr="0.0.0.0", server="255.255.255.255", **fields):
    options = option(53, bytes([kind])) + option(55, bytes([1, 3, 6, 15])) + more
    unicast = server != "255.255.255.255"
    return frame(ciaddr, server, (68, 67), message(1, options, ciaddr=ciaddr, **fields),
                 ROUTER if unicast else b"\xff" * 6, CLIENT)


def lease(server="192.168.7.1", seconds=3600, mask="255.255.255.0", router="192.168.7.1", dns="192.168.7.53"):
    return (option(54, address(server)) + option(51, word(seconds)) + option(1, address(mask)) +
            option(3, address(router)) + option(6, address(dns)))


def answer(kind, yiaddr="192.168.7.40", more=None, server="192.168.7.1", dst="255.255.255.255", **fields):
    more = lease(server) if more is None else more
    eth = b"\xff" * 6 if dst == "255.255.255.255" else CLIENT
    return frame(server, dst, (67, 68), message(2, option(53, bytes([kind])) + more, yiaddr=yiaddr, **fields), eth)


def nak(server="192.168.7.1", **fields):
    return answer(NAK, "0.0.0.0", option(54, address(server)), server, **fields)


def request(yiaddr="192.168.7.40", server="192.168.7.1", **fields):
    return ask(REQUEST, option(50, address(yiaddr)) + option(54, address(server)), **fields)


def write(path, frames):
    """(seconds, frame) each, or frames alone, 10 ms apart."""
    out = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    at = 1000.0
    for f in frames:
        at, f = (1000.0 + f[0], f[1]) if isinstance(f, tuple) else (at + 0.01, f)
        out += struct.pack("<IIII", int(at), int(at % 1 * 1000000), len(f), len(f)) + f
    path.write_bytes(out)
    return path
