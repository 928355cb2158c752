"""The hardware definition: what the device would refuse is refused at build time (docs/formats/hardware-definition.md)."""
import re

from os_image.tools import BuildError

PLACE = "etc/pavise/hardware.conf"
BYTES_MAX, ROWS_MAX, NODE_LENGTH_MAX = 16384, 128, 32
TAKEN = {"fd", "full", "null", "random", "urandom", "zero"}
NODES = {"gpio": r"gpiochip\d+", "uart": r"tty[A-Za-z]+\d+", "i2c": r"i2c-\d+", "spi": r"spidev\d+\.\d+",
         "pwm": r"pwmchip\d+", "adc": r"iio:device\d+"}
ROW = re.compile(r"([a-z0-9]+) ([A-Za-z][A-Za-z0-9_]{0,31}) (/dev/[!-~]+)")
LINE = re.compile(r"[ -~]+")


def problem(data, console):
    """What is wrong with these bytes, or None. console: the node that the kernel writes to."""
    if len(data) > BYTES_MAX:
        return f"it has more than {BYTES_MAX} bytes"
    if data and not data.endswith(b"\n"):
        return "its last line has no end"
    seen = {console}
    rows = 0
    for number, line in enumerate(data.decode("latin-1").split("\n")[:-1], 1):
        if not LINE.fullmatch(line):
            return f"line {number} is empty or has a byte that is no printable ASCII"
        if line.startswith("#"):
            continue
        row = ROW.fullmatch(line)
        if not row:
            return f"line {number} is not KIND NAME NODE"
        kind, name, node = row.groups()
        if kind not in NODES or len(node) > NODE_LENGTH_MAX or not re.fullmatch("/dev/" + NODES[kind], node, re.ASCII):
            return f"line {number}: {node} is no node of the kind {kind}"
        if name in TAKEN or name in seen or node in seen:
            return f"line {number}: {name} or {node} is taken"
        seen |= {name, node}
        rows += 1
    return f"it has more than {ROWS_MAX} rows" if rows > ROWS_MAX else None


def read(path, console):
    data = path.read_bytes()
    wrong = problem(data, console)
    if wrong:
        raise BuildError(f"{path}: {wrong}. Next: write it as docs/formats/hardware-definition.md says.")
    return data
