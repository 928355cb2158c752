"""The hardware definition: what the device would refuse is refused at build time (docs/formats/hardware-definition.md)."""
import re

from os_image.tools import BuildError

PLACE = "etc/pavise/hardware.conf"
BYTES_MAX, ROWS_MAX, NODE_LENGTH_MAX = 16384, 128, 32
TAKEN = {"fd", "full", "null", "random", "urandom", "zero"}
LINE_MAX, SIMULATED_MAX, SIMULATED_LINES_MAX = 1023, 4, 64
NODES = {"gpio": r"gpiochip\d+", "uart": r"tty[A-Za-z]+\d+", "i2c": r"i2c-\d+", "spi": r"spidev\d+\.\d+",
         "pwm": r"pwmchip\d+", "adc": r"iio:device\d+"}
ROW = re.compile(r"([a-z0-9]+) ([A-Za-z][A-Za-z0-9_]{0,31}) (/dev/[!-~]+)(?: (0|[1-9][0-9]{0,9}))?")
SIMULATED = re.compile(r"simulated (/dev/[!-~]+) ([1-9][0-9]{0,9})")
LINE = re.compile(r"[ -~]+")


def is_node(kind, node):
    return kind in NODES and len(node) <= NODE_LENGTH_MAX and re.fullmatch("/dev/" + NODES[kind], node, re.ASCII)


class Judge:
    def __init__(self, console):
        self.names, self.places = set(), {console}  # of places: a node, or a chip and its line
        self.chips, self.simulated = set(), {}
        self.rows = 0

    def wrong(self, line):
        """Why this row is none, or None."""
        self.rows += 1
        chip = SIMULATED.fullmatch(line)
        if chip:
            return self.wrong_chip(chip.group(1), int(chip.group(2)))
        row = ROW.fullmatch(line)
        if not row:
            return "is not KIND NAME NODE"
        kind, name, node, offset = row.groups()
        if not is_node(kind, node):
            return f"{node} is no node of the kind {kind}"
        if (kind == "gpio") != (offset is not None) or int(offset or 0) > LINE_MAX:
            return "a name of the kind gpio has a chip and its line, others a node"
        if int(offset or 0) >= self.simulated.get(node, LINE_MAX + 1):
            return f"{node} has no line {offset}"
        place = (node, int(offset)) if offset else node
        if name in TAKEN or name in self.names or place in self.places:
            return f"{name} or {node} is taken"
        self.names.add(name)
        self.places.add(place)
        if offset:
            self.chips.add(node)
        return None

    def wrong_chip(self, node, lines):
        if not is_node("gpio", node) or lines > SIMULATED_LINES_MAX:
            return f"is no GPIO chip of up to {SIMULATED_LINES_MAX} lines"
        if node in self.chips or node in self.simulated or len(self.simulated) == SIMULATED_MAX:
            return f"{node} stands above, or there are too many simulated chips"
        self.simulated[node] = lines
        return None


def problem(data, console):
    """What is wrong with these bytes, or None. console: the node that the kernel writes to."""
    if len(data) > BYTES_MAX:
        return f"it has more than {BYTES_MAX} bytes"
    if data and not data.endswith(b"\n"):
        return "its last line has no end"
    judge = Judge(console)
    for number, line in enumerate(data.decode("latin-1").split("\n")[:-1], 1):
        if not LINE.fullmatch(line):
            return f"line {number} is empty or has a byte that is no printable ASCII"
        wrong = None if line.startswith("#") else judge.wrong(line)
        if wrong:
            return f"line {number}: {wrong}"
    return f"it has more than {ROWS_MAX} rows" if judge.rows > ROWS_MAX else None


def read(path, console):
    data = path.read_bytes()
    wrong = problem(data, console)
    if wrong:
        raise BuildError(f"{path}: {wrong}. Next: write it as docs/formats/hardware-definition.md says.")
    return data
