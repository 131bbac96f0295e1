"""Plots as SVG, by hand: curves, bars with ranges, flame graphs. Colours for light and dark pages."""

import math
from html import escape

WIDTH = 760
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#a0579a", "#b8860b", "#3a9bd9"]
STYLE = """
.back { fill: #ffffff; } svg { font: 13px system-ui, "DejaVu Sans", sans-serif; }
text { fill: #24292f; } .faint { fill: #57606a; } .title { font-size: 15px; font-weight: 600; }
.grid { stroke: #d0d7de; stroke-width: 1; } .axis { stroke: #57606a; stroke-width: 1; }
.one { stroke: #57606a; stroke-width: 1; stroke-dasharray: 4 3; } .range { stroke: #24292f; stroke-width: 1.5; }
.in { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  .back { fill: #0d1117; } text { fill: #e6edf3; } .faint { fill: #9198a1; }
  .grid { stroke: #30363d; } .axis, .one { stroke: #9198a1; } .range { stroke: #e6edf3; } .in { fill: #ffffff; }
}
"""


def text(x, y, words, anchor="start", kind="", turn=0):
    turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}"{turned}>{escape(str(words))}</text>'


def line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def picture(height, title, parts):
    """The whole file."""
    back = f'<rect width="{WIDTH}" height="{height}" class="back"/>'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
                      f'height="{height}" role="img" aria-label="{escape(title)}">',
                      f"<style>{STYLE}</style>", back, text(16, 24, title, kind="title"), *parts, "</svg>", ""])


def short(number):
    """1000 as 1 k, 65536 as 64 Ki."""
    if number >= 1024 and number & (number - 1) == 0:
        power = 2 if number >= 1 << 20 else 1
        return f"{number >> 10 * power} {'KM'[power - 1]}i"
    for size, suffix in ((1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:g}{suffix}"
    return f"{number:g}"


def figure(value):
    """Three digits or a little more."""
    return f"{value:.{2 if abs(value) < 10 else 1 if abs(value) < 100 else 0}f}"


def ticks(most, count=5):
    """Round numbers from 0 to most or a little above."""
    rough = most / count
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= rough)
    return [i * step for i in range(math.ceil(most / step - 1e-9) + 1)]


class Frame:
    """A field with axes; x may be logarithmic, in which 0 has a place of its own at the left."""

    def __init__(self, xs, y_most, x_label, y_label, height=400):
        self.left, self.right, self.top, self.bottom = 72, WIDTH - 24, 68, height - 64
        self.xs, self.ticks = sorted(set(xs)), ticks(y_most)
        positive = [x for x in self.xs if x]
        self.low, self.high = math.log10(positive[0]), math.log10(positive[-1])
        self.zero = 0.12 if 0 in self.xs else 0
        self.parts = list(self._axes(x_label, y_label))

    def x(self, value):
        share = 0 if not value else \
            self.zero + (1 - self.zero) * (math.log10(value) - self.low) / ((self.high - self.low) or 1)
        return self.left + share * (self.right - self.left)

    def y(self, value):
        return self.bottom - value / self.ticks[-1] * (self.bottom - self.top)

    def _axes(self, x_label, y_label):
        for tick in self.ticks:
            yield line(self.left, self.y(tick), self.right, self.y(tick), "grid")
            yield text(self.left - 8, self.y(tick) + 4, f"{tick:g}", "end", "faint")
        last = -100
        for value in self.xs:
            if self.x(value) - last > 44:
                last = self.x(value)
                yield line(last, self.bottom, last, self.bottom + 5, "axis")
                yield text(last, self.bottom + 20, short(value), "middle", "faint")
        yield line(self.left, self.bottom, self.right, self.bottom, "axis")
        yield text((self.left + self.right) / 2, self.bottom + 42, x_label, "middle")
        yield text(20, (self.top + self.bottom) / 2, y_label, "middle", turn=-90)


def curves(title, x_label, y_label, series):
    """series: name -> [(x, median, least, most)]. Bands show the range."""
    points = [p for row in series.values() for p in row]
    frame = Frame([p[0] for p in points], max(p[1] for p in points) * 1.1, x_label, y_label)
    parts, top = [*legend(series), *frame.parts], frame.ticks[-1]
    for number, (name, row) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        row = sorted(row)
        high = [(frame.x(x), frame.y(min(most, top))) for x, _, _, most in row]
        low = [(frame.x(x), frame.y(least)) for x, _, least, _ in reversed(row)]
        parts.append(f'<polygon points="{path(high + low)}" fill="{colour}" opacity="0.18"/>')
        middle = [(frame.x(x), frame.y(median)) for x, median, _, _ in row]
        parts.append(f'<polyline points="{path(middle)}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in middle]
    return picture(400, title, parts)


def path(points):
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def legend(names):
    """In a row below the title."""
    x = 16
    for number, name in enumerate(names):
        yield f'<rect x="{x}" y="42" width="22" height="5" fill="{COLOURS[number % len(COLOURS)]}"/>'
        yield text(x + 30, 49, name, kind="faint")
        x += 56 + 7 * len(name)


def bars(title, label, groups, one=True):
    """groups: heading -> [(name, median, least, most)]. one: a dashed line stands at 1, for ratios."""
    longest = max(row[1] for group in groups.values() for row in group) * 1.15
    left, right, top = 250, WIDTH - 150, 48
    scale = ticks(longest)
    height = top + sum(24 + 22 * len(group) for group in groups.values()) + 56
    bottom = height - 50

    def x(value):
        return left + max(0, min(value, scale[-1])) / scale[-1] * (right - left)

    parts = [part for tick in scale for part in (line(x(tick), top, x(tick), bottom, "grid"),
                                                 text(x(tick), bottom + 18, f"{tick:g}", "middle", "faint"))]
    parts.append(text((left + right) / 2, bottom + 40, label, "middle"))
    y = top
    for number, (heading, group) in enumerate(groups.items()):
        parts.append(text(16, y + 17, heading))
        y += 24
        for name, median, least, most in group:
            colour = COLOURS[number % len(COLOURS)]
            parts.append(f'<rect x="{left}" y="{y + 3}" width="{x(median) - left:.1f}" height="15" rx="2" '
                         f'fill="{colour}"/>')
            parts.append(line(x(least), y + 10.5, x(most), y + 10.5, "range"))
            parts += [line(x(end), y + 6, x(end), y + 15, "range") for end in (least, most)]
            parts.append(text(left - 8, y + 15, name, "end", "faint"))
            parts.append(text(right + 8, y + 15, f"{figure(median)} ({figure(least)}–{figure(most)})", kind="faint"))
            y += 22
    if one:
        parts.append(line(x(1), top, x(1), bottom, "one"))
    return picture(height, title, parts)


class Tree:
    """Stacks that share their beginnings."""

    def __init__(self):
        self.count, self.kind, self.below = 0, "", {}

    def add(self, stack, count):
        self.count += count
        if stack:
            (name, kind), rest = stack[0], stack[1:]
            below = self.below.setdefault(name, Tree())
            below.kind = kind
            below.add(rest, count)

    def depth(self, least):
        return 1 + max((t.depth(least) for t in self.below.values() if t.count >= least), default=0)


def flame(title, stacks, kinds):
    """stacks: ((name, kind), ...) from the outermost -> samples; kinds: kind -> what it is."""
    root = Tree()
    for stack, count in stacks.items():
        root.add(stack, count)
    least, row = root.count / 400, 20
    height = 60 + row * (root.depth(least) - 1) + 40
    colours = dict(zip(kinds, COLOURS))
    parts = []

    def draw(tree, x, level):
        width = (WIDTH - 32) / root.count
        for name, below in sorted(tree.below.items()):
            if below.count >= least:
                parts.append(box(name, below, x, height - 46 - row * level, width * below.count))
                draw(below, x, level + 1)
            x += width * below.count

    def box(name, tree, x, y, width):
        percent = 100 * tree.count / root.count
        room = int((width - 8) / 6.6)
        label = text(x + 4, y + 14, name[:room], kind="in") if room >= 3 else ""
        return (f'<g><title>{escape(name)} {percent:.1f} %</title><rect x="{x:.1f}" y="{y:.1f}" '
                f'width="{max(width - 1, 0.5):.1f}" height="{row - 1}" rx="2" fill="{colours[tree.kind]}"/>{label}</g>')

    draw(root, 16, 1)
    x = 16
    for kind, what in kinds.items():
        parts.append(f'<rect x="{x}" y="{height - 18}" width="12" height="12" fill="{colours[kind]}"/>')
        parts.append(text(x + 18, height - 7, what, kind="faint"))
        x += 50 + 7 * len(what)
    return picture(height, title, parts)
