"""DER, as far as signing a boot program and reading one certificate needs (X.690)."""


def tlv(tag, *parts):
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def sequence(*parts):
    return tlv(0x30, *parts)


def set_of(*parts):
    return tlv(0x31, *sorted(parts))


def integer(value):
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(data):
    return tlv(0x04, data)


NULL = tlv(0x05)


def oid(dotted):
    first, second, *rest = map(int, dotted.split("."))
    body = bytes([first * 40 + second])
    for arc in rest:
        piece = [arc & 0x7F]
        while arc := arc >> 7:
            piece.append(0x80 | arc & 0x7F)
        body += bytes(reversed(piece))
    return tlv(0x06, body)


def children(body):
    """[(tag, whole element, its body)] of a constructed element's body."""
    out, at = [], 0
    while at < len(body):
        length, start = body[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(body[start:start + size], "big")
            start += size
        out.append((body[at], body[at:start + length], body[start:start + length]))
        at = start + length
    return out


def issuer_and_serial(certificate):
    """The (issuer, serialNumber) elements of an X.509 v3 certificate."""
    tbs = children(children(certificate)[0][2])[0][2]
    fields = children(tbs)
    if fields[0][0] == 0xA0:  # explicit version
        fields = fields[1:]
    return fields[2][1], fields[0][1]
