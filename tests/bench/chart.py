"""All measures as one SVG: for each a bar for ours, and beside it those of peers and limits, on a scale of its own."""

from xml.sax.saxutils import escape

from table import number, times

# All in pixels.
WIDTH = 900
MARGIN = 24
LABELS = 310
BARS = 330
ROW = 19
BAR = 12
GAP = 30
HEAD = 92
SECTION = 38
# The least of a bar, and the width of a letter.
THIN = 1.5
LETTER = 7.2

SECTIONS = {
    "start": "Start",
    "warm": "Warm invocations, through udocker",
    "native": "Warm invocations, without udocker",
    "lambda": "In an imitation of Lambda's sandbox",
    "large": "One large object",
    "small": "Many small objects",
    "prepare": "Preparing an image",
    "size": "Size",
}
KINDS = {"ours": "the supervisor", "beside": "the same, under another condition", "peer": "peer", "limit": "limit of the machine"}

STYLE = """
    text { font-family: "DejaVu Sans", Verdana, Arial, sans-serif; font-size: 12px; fill: #1f2328; }
    .page { fill: #ffffff; stroke: #d0d7de; }
    .title { font-size: 20px; font-weight: bold; }
    .section { font-size: 15px; font-weight: bold; }
    .measure { font-size: 13px; font-weight: bold; }
    .note { fill: #57606a; }
    .met { fill: #116329; }
    .missed { fill: #b3261e; font-weight: bold; }
    .right { text-anchor: end; }
    .rule { stroke: #d0d7de; }
    .axis { stroke: #8c959f; }
    .target { stroke: #b3261e; stroke-width: 2; }
    .ours { fill: #0a5cad; }
    .beside { fill: #6cb0f0; }
    .peer { fill: #c9820a; }
    .limit { fill: #8c959f; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .page { fill: #0d1117; stroke: #30363d; }
      .note { fill: #9198a1; }
      .met { fill: #56d364; }
      .missed { fill: #ff7b72; }
      .rule { stroke: #30363d; }
      .axis { stroke: #656c76; }
      .target { stroke: #ff7b72; }
      .ours { fill: #58a6ff; }
      .beside { fill: #2f6db5; }
      .peer { fill: #d29922; }
      .limit { fill: #656c76; }
    }
"""


def to_svg(measures):
    drawing = Drawing()
    section = None
    for measure in measures:
        if measure.section != section:
            section = measure.section
            drawing.section(SECTIONS.get(section, section))
        drawing.measure(measure)
    return drawing.finish()


class Drawing:
    def __init__(self):
        self._parts, self._y = [], HEAD

    def _text(self, x, y, classes, text):
        self._parts.append(f'<text x="{x:g}" y="{y:g}" class="{classes}">{escape(text)}</text>')

    def _line(self, x1, y1, x2, y2, kind):
        self._parts.append(f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" class="{kind}"/>')

    def _bar(self, kind, x, y, width):
        self._parts.append(f'<rect x="{x:g}" y="{y:g}" width="{width:.1f}" height="{BAR}" class="{kind}"/>')

    def section(self, title):
        self._line(MARGIN, self._y, WIDTH - MARGIN, self._y, "rule")
        self._text(MARGIN, self._y + 24, "section", title)
        self._y += SECTION

    def measure(self, measure):
        left = MARGIN + LABELS
        title = measure.title.removeprefix("sandbox: ") + (", more is better" if measure.better == "higher" else "")
        self._text(MARGIN, self._y + 12, "measure", title)
        if measure.target is not None:
            met = measure.met()
            self._text(WIDTH - MARGIN, self._y + 12, f"{'met' if met else 'missed'} right", measure.target_text())
        top = self._y + ROW
        figures = list(measure.figures())
        # A figure that is no amount (a difference below 0) has no bar.
        wanted = measure.target if isinstance(measure.target, int | float) else None
        most = max([figure.median for _, figure in figures] + [wanted or 0, 0]) or 1
        mark = left + (wanted or 0) / most * BARS
        for row, (kind, figure) in enumerate(figures):
            y = top + row * ROW
            self._text(left - 10, y + 11, "right" if kind == "ours" else "note right", shortened(figure.who))
            width = max(figure.median / most * BARS, THIN)
            self._bar(kind, left, y + 1, width)
            said = number(figure.median, measure.unit)
            ratio = times(None if kind == "ours" else measure.ratio(figure))
            beside = left + width
            if wanted is not None and kind == "ours" and 0 <= mark - beside < 8 + LETTER * len(said):
                beside = mark
            self._text(beside + 8, y + 11, "" if kind == "ours" else "note", said)
            if ratio:
                self._text(WIDTH - MARGIN, y + 11, "note right", ratio)
        bottom = top + len(figures) * ROW - 3
        self._line(left, top - 2, left, bottom, "axis")
        if wanted is not None:
            self._line(mark, top - 2, mark, top + BAR + 4, "target")
        self._y = bottom + GAP - ROW // 2

    def finish(self):
        height = self._y + 10
        head = Drawing()
        head._text(MARGIN, 36, "title", "What is measured, beside peers and the limits of the machine")
        x = MARGIN
        for kind, what in KINDS.items():
            head._bar(kind, x, 52, BAR)
            head._text(x + BAR + 6, 62, "note", what)
            x += BAR + 6 + LETTER * len(what) + 18
        head._line(x + 4, 50, x + 4, 66, "target")
        head._text(x + 12, 62, "note", "target")
        head._text(MARGIN, 82, "note", "Medians, less is better where nothing else is said; every measure has a scale of its own. “2 ×” on the "
                                       "right: the supervisor is twice as good.")
        body = "\n  ".join(head._parts + self._parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}" '
            f'role="img" aria-labelledby="title">\n  <title id="title">Benchmark</title>\n  <style>{STYLE}  </style>\n'
            f'  <rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:g}" rx="8"/>\n  {body}\n</svg>\n'
        )


def shortened(text, most=46):
    return text if len(text) <= most else text[: most - 1] + "…"
