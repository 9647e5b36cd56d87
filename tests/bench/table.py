"""What a measure is, and how all of them become one table."""

from dataclasses import dataclass, field
from statistics import median


@dataclass
class Figure:
    """One contender's samples."""

    who: str
    samples: list

    @property
    def median(self):
        return median(self.samples)


@dataclass
class Measure:
    """Our figure beside the peers' and the physical limit."""

    title: str
    unit: str
    ours: Figure
    # "lower" or "higher": which figure is the better one.
    better: str = "lower"
    # A number to reach, "ahead" (better than every peer), or how many times better than whom. None where there is no target.
    target: float | str | dict | None = None
    peers: list = field(default_factory=list)
    limits: list = field(default_factory=list)
    # Ours again, under another condition.
    beside: list = field(default_factory=list)
    # The section it belongs to; bench.py fills it in.
    section: str = ""

    def figures(self):
        """All figures with what they are: "ours", "beside", "peer" or "limit"."""
        yield "ours", self.ours
        for kind, figures in (("beside", self.beside), ("peer", self.peers), ("limit", self.limits)):
            for figure in figures:
                yield kind, figure

    def ratio(self, other):
        """How many times better ours is; below 1 the other is ahead. None where that has no meaning."""
        mine, theirs = self.ours.median, other.median
        if self.better == "higher":
            mine, theirs = theirs, mine
        return theirs / mine if mine > 0 and theirs > 0 else None

    def met(self):
        if self.target is None:
            return None
        if self.target == "ahead":
            return all((self.ratio(peer) or 0) > 1 for peer in self.peers)
        if isinstance(self.target, dict):
            return all((self.ratio(other) or 0) >= self.target.get(other.who, 0) for other in self.peers + self.limits)
        if self.better == "higher":
            return self.ours.median >= self.target
        return self.ours.median <= self.target

    def wanted(self):
        """The target as text; nothing where there is none."""
        if self.target is None:
            return ""
        if self.target == "ahead":
            return "ahead of all peers"
        if isinstance(self.target, dict):
            return ", ".join(f"≥ {factor} × {who}" for who, factor in self.target.items())
        return f"{'≥' if self.better == 'higher' else '≤'} {self.target:g} {self.unit}".strip()

    def target_text(self):
        return f"{self.wanted()}: {'met' if self.met() else 'MISSED'}" if self.wanted() else ""


def number(value, unit):
    digits = 0 if abs(value) >= 100 or unit == "" else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".strip()


def rows(measure):
    for kind, figure in measure.figures():
        ratio = None if kind == "ours" else measure.ratio(figure)
        spread = ""
        if len(figure.samples) > 1:
            low, high = (number(value, "") if measure.unit == "" else number(value, measure.unit).split(" ")[0]
                         for value in (min(figure.samples), max(figure.samples)))
            spread = f"{low} … {high}"
        yield (
            measure.title if kind == "ours" else "",
            f"{kind}: {figure.who}" if kind in ("peer", "limit") else figure.who,
            number(figure.median, measure.unit),
            spread,
            str(len(figure.samples)),
            times(ratio),
            measure.target_text() if kind == "ours" else "",
        )


def times(ratio):
    """A ratio as text; nothing where there is none."""
    return "" if ratio is None else f"{ratio:.2f} ×" if ratio < 100 else f"{ratio:.0f} ×"


def show(measures, notes):
    head = ("measure", "who", "median", "min … max", "runs", "ours is better by", "target")
    lines = [head]
    for measure in measures:
        lines += rows(measure)
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    numeric = {2, 3, 4, 5}
    for index, line in enumerate(lines):
        if index and line[0] or index == 1:
            print("-" * (sum(widths) + 2 * (len(widths) - 1)))
        cells = (cell.rjust(width) if column in numeric else cell.ljust(width)
                 for column, (cell, width) in enumerate(zip(line, widths)))
        print("  ".join(cells).rstrip())
    print()
    for note in notes:
        print(note)
