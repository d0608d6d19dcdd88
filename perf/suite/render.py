"""RESULTS.md and results.svg from a run's figures: nothing stands in them that is not in the JSON."""

import html
import math

OURS, RIVAL, PALE = "#1f6feb", "#8c959f", "#d0d7de"


def split(name):
    return [part.strip() for part in name.split("|")]


def write(result, folder):
    (folder / "RESULTS.md").write_text(page(result))
    (folder / "results.svg").write_text(picture(result))


# The page

def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]) + "\n"


def spread(row):
    return f"{min(row['samples']):.1f} to {max(row['samples']):.1f}"


def page(result):
    machine = result["machine"]
    parts = [
        "# Results\n",
        f"`{result['command']}` on {machine['date']}, commit `{machine['commit'][:12]}`: {machine['cpu']}, "
        f"{machine['cores']} cores, Linux {machine['kernel']}, {machine['openssl']}, Envoy {machine['envoy']}, "
        f"{machine['haproxy']}. Medians of {result['runs']} rounds in turn; a server has one core and the load the other. "
        "CPU is user and system time of the whole server process, by `/proc/PID/stat`.\n",
        "![the figures](results.svg)\n",
    ]
    for title, key, make in SECTIONS:
        if key in result:
            parts += [f"## {title}\n", make(result)]
    return "\n".join(parts)


def signature_section(result):
    return ("`signature-differential --measure`: digest of a 700-byte message included; libcrypto is `EVP_DigestVerify` with a "
            "fresh context (`HMAC()` for HS…) on the same key and message, in turn.\n\n") + table(
        ["algorithm", "here, us", "libcrypto, us", "times"],
        [[row["algorithm"], row["here"], row["libcrypto"], row["times"]] for row in result["signatures"]])


def check_section(result):
    rows = [[*split(row["name"]), f"{row['median']:.1f}", spread(row)] for row in result["checks"]]
    text = ("`countersign-load`, 4 connections of 16 streams, CheckRequests of 2 kB with 23 headers, tokens of 450 to 700 bytes; "
            "repeated: 100 tokens, distinct: 25,000, more than the cache holds. The floor is `perf/floor`: a constant answer over the same "
            "transport.\n\n") + table(["server", "checks", "algorithm", "CPU us a check", "of its rounds"], rows)
    floors = {split(row["name"])[1]: row["median"] for row in result["checks"] if row["name"].startswith("transport")}
    ours = [row for row in result["checks"] if row["name"].startswith("Countersign | repeated | RS256")]
    if floors and ours:
        text += (f"\nA known RS256 token is {ours[0]['median'] / floors['repeated']:.2f} times the floor under the same "
                 "load.\n")
    return text


def vendor(name):
    return name.split()[0].strip(",")


def bases(result):
    """What each proxy takes without a check."""
    return {vendor(row["name"]): row["median"] for row in result.get("peers", [])
            if "no filter" in row["name"] or "no check" in row["name"]}


def peer_section(result):
    base = bases(result)
    rows = []
    for row in result["peers"]:
        name, _, algorithm = split(row["name"])
        above = row["median"] - base[vendor(name)]
        rows.append([name, algorithm, f"{row['median']:.1f}", f"{above:.1f}", spread(row)])
    return ("Proxies that check in process, `h2load`, 4 connections of 16 streams, one token again and again; above: less what "
            "the proxy takes for the same requests without a check.\n\n") + table(
        ["proxy", "algorithm", "CPU us a request", "above its own", "of its rounds"], rows)


def growth_section(key, what):
    def make(result):
        part = result[key]
        rows = [[*split(row["name"]), f"{row['median']:.2f}", spread(row)] for row in part["checks"]]
        first = {kind: value for _, kind, value in ((s[0], s[1], row["median"]) for row in reversed(part["checks"])
                                                  for s in [split(row["name"])])}
        for row in rows:
            row.append(f"{float(row[3]) / first[row[1]]:.2f}")
        starts = [[row["name"], f"{row['median']:.0f}", f"{size['median']:.1f}"]
                  for row, size in zip(part["millisecondsToReady"], part["megabytes"])]
        return table([what, "checks", "algorithm", "CPU us a check", "of its rounds", "of the first"], rows) + "\n" + table(
            [what, "start to ready, ms", "resident, MB"], starts)
    return make


def memory_section(result):
    part = result["memory"]
    rows = [[row["name"], f"{row['median']:.1f}", spread(row)] for row in part["start"] + part["idle"]]
    return table(["one policy set", "median", "of its rounds"], rows) + (
        f"\n100,000 distinct tokens for {part['soakSeconds']:.0f} s: {part['megabytesAfterHalf']} MB resident after half of it, "
        f"{part['megabytesAfter']} MB at its end (`limits.tokenCacheBytes` is 16 MiB a worker).\n")


SECTIONS = [
    ("Signatures", "signatures", signature_section), ("Checks", "checks", check_section),
    ("Proxies that check in process", "peers", peer_section), ("Rules", "rules", growth_section("rules", "rules")),
    ("Issuers", "issuers", growth_section("issuers", "issuers")), ("Start and memory", "memory", memory_section),
]


# The picture

class Drawing:
    def __init__(self):
        self.items = []

    def text(self, x, y, text, size=12, anchor="start", weight="normal", fill="#24292f"):
        self.items.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
                          f'fill="{fill}">{html.escape(text)}</text>')

    def bar(self, x, y, width, height, fill):
        self.items.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(1, width):.1f}" height="{height}" fill="{fill}"/>')

    def line(self, points, stroke, width=2):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.items.append(f'<polyline points="{path}" fill="none" stroke="{stroke}" stroke-width="{width}"/>')


def picture(result):
    drawing = Drawing()
    y = 30
    for key, draw in (("signatures", draw_signatures), ("checks", draw_checks), ("rules", draw_growth)):
        if key in result:
            y = draw(drawing, result, y) + 30
    body = "\n".join(drawing.items)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 {y}" font-family="sans-serif">\n'
            f'<rect width="860" height="{y}" fill="white"/>\n{body}\n</svg>\n')


def draw_signatures(drawing, result, y):
    drawing.text(20, y, "Verifications a second on one core (logarithmic)", 15, weight="bold")
    drawing.bar(600, y - 10, 10, 10, OURS)
    drawing.text(615, y, "Countersign")
    drawing.bar(710, y - 10, 10, 10, RIVAL)
    drawing.text(725, y, "libcrypto, EVP")
    y += 14
    def width(rate):
        return max(0, math.log10(rate / 1000)) / 3.5 * 560
    for row in result["signatures"]:
        here, other = 1e6 / row["here"], 1e6 / row["libcrypto"]
        drawing.text(85, y + 15, row["algorithm"], anchor="end")
        drawing.bar(95, y + 2, width(here), 9, OURS)
        drawing.bar(95, y + 11, width(other), 6, RIVAL)
        drawing.text(100 + width(max(here, other)), y + 14, f"{here:,.0f}  ({row['times']:.2f} times)", 11)
        y += 22
    return y


def draw_checks(drawing, result, y):
    drawing.text(20, y, "CPU microseconds a check, HTTP/2 included", 15, weight="bold")
    drawing.text(20, y + 17, "Proxies in process: what the check adds to their own request.", 11, fill="#57606a")
    y += 26
    rows = [(split(row["name"]), row["median"], row["name"].startswith("Countersign")) for row in result["checks"]]
    base = bases(result)
    for row in result.get("peers", []):
        name = split(row["name"])
        if "no filter" not in name[0] and "no check" not in name[0]:
            rows.append((name, row["median"] - base[vendor(name[0])], False))
    rows = [row for row in rows if row[0][2] in ("", "RS256", "ES256")]
    most = max(value for _, value, _ in rows)
    for name, value, is_ours in sorted(rows, key=lambda row: row[1]):
        label = ", ".join(part for part in name if part)
        drawing.text(375, y + 12, label, 11, anchor="end")
        fill = OURS if is_ours else PALE if name[0].startswith("transport") else RIVAL
        width = value / most * 400
        drawing.bar(385, y + 2, width, 13, fill)
        drawing.text(390 + width, y + 13, f"{value:.1f}", 11)
        y += 19
    return y


def draw_growth(drawing, result, y):
    drawing.text(20, y, "CPU microseconds a check against the number of rules and issuers, known RS256 token", 15, weight="bold")
    y += 20
    series = []
    for key, colour in (("rules", OURS), ("issuers", "#1a7f37")):
        rows = [row for row in result.get(key, {}).get("checks", []) if split(row["name"])[1] == "repeated"]
        series.append((key, colour, [(int(row["name"].split()[0]), row["median"]) for row in rows]))
    most = max(value for _, _, points in series for _, value in points) * 1.3
    def place(count, value):
        return 70 + math.log10(count) / 4 * 640, y + 150 - value / most * 140
    for value in range(0, math.ceil(most) + 1):
        if value <= most:
            drawing.line([place(1, value), place(10_000, value)], PALE, 1)
            drawing.text(62, place(1, value)[1] + 4, str(value), 11, anchor="end")
    for count in (1, 10, 100, 1000, 10_000):
        drawing.text(place(count, 0)[0], y + 168, f"{count:,}", 11, anchor="middle")
    for key, colour, points in series:
        if points:
            drawing.line([place(*point) for point in points], colour)
            x, top = place(*points[-1])
            drawing.text(x + 6, top + (4 if key == "rules" else -6), key, 12, fill=colour, weight="bold")
    return y + 170
