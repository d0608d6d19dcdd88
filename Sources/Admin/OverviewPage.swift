/// `/`: the overview as one page. It works without a script; with it, the page renews itself. Whatever a client or a
/// file could have chosen is escaped, and the page may load nothing but its own style and script.
public struct OverviewPage {
  private let overview: Overview
  private let now: Int64

  /// - Parameters:
  ///   - now: wall clock seconds.
  public init(_ overview: Overview, now: Int64) {
    self.overview = overview
    self.now = now
  }

  public var response: AdminResponse {
    AdminResponse(contentType: "text/html; charset=utf-8", body: Array(html.utf8))
  }

  var html: String {
    """
    <!doctype html>
    <html lang="en"><head><meta charset="utf-8"><title>Countersign</title>
    <meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/page.css">
    <script src="/page.js" defer></script></head><body><main>
    <h1>Countersign <small>\(Self.escaped(overview.version))</small></h1>
    <p id="status">\(status)</p>
    <p id="rates">\(rates)</p>
    \(RateChart(overview.history).svg)
    \(section("Checks", Self.checkColumns, checks, numbers: 1...3))
    \(section("Recent denials", Self.denialColumns, denials))
    \(section("Policies", ["workload", "policy", "action", "rule", "hits", "position"], policies))
    \(section("Keys", ["provider", "source", "state", "age", "next fetch", "keys", "skipped", "last error"], keys))
    <p><a href="/config">/config</a> <a href="/keys">/keys</a> <a href="/metrics">/metrics</a>
    <a href="/readyz?verbose">/readyz</a> <a href="/livez">/livez</a></p>
    </main></body></html>

    """
  }

  private var status: String {
    "Policy generation \(overview.generation), loaded \(ago(overview.loadedAt)); "
      + "\(overview.reloads) reloads, \(overview.failedReloads) refused"
  }

  /// Checks per second in one line.
  private var rates: String {
    guard let rates = overview.history.rates(seconds: 10), let seconds = overview.history.span(seconds: 10),
      let allowed = rates.first
    else { return "Rates follow in a second." }
    let denied = rates.dropFirst().reduce(0, +)
    return "\(RateChart.rate(allowed + denied)) checks per second over the last "
      + "\(RateChart.text(seconds.rounded())) s: \(RateChart.rate(allowed)) allowed, \(RateChart.rate(denied)) denied"
  }

  private var checks: [[String]] {
    let (short, long) = (overview.history.rates(seconds: 10), overview.history.rates(seconds: 60))
    func rate(_ rates: [Double]?, _ index: Int) -> String {
      guard let rates, index < rates.count else { return "" }
      return RateChart.rate(rates[index])
    }
    return overview.checks.enumerated().map { index, check in
      [check.reason, "\(check.count)", rate(short, index), rate(long, index)]
    }
  }

  private var policies: [[String]] {
    overview.workloads.flatMap { workload in
      workload.policies.flatMap { policy in
        policy.rules.map { rule in
          [
            workload.name, "\(policy.namespace)/\(policy.name)", policy.action, "\(rule.index)",
            "\(rule.hits)", rule.position,
          ]
        }
      }
    }
  }

  private var keys: [[String]] {
    overview.providers.map { provider in
      let names = provider.keys.map { key in
        "\(key.keyID.isEmpty ? "(no kid)" : key.keyID) \(key.algorithms.joined(separator: "/"))"
      }
      return [
        provider.name, provider.source, provider.state, provider.age.map(Self.duration) ?? "",
        provider.nextFetch.map { "in " + Self.duration($0) } ?? "", names.joined(separator: ", "),
        provider.skipped.map { "\($0.keyID.isEmpty ? "key \($0.index)" : $0.keyID): \($0.reason)" }
          .joined(separator: "; "),
        provider.lastError ?? "",
      ]
    }
  }

  private var denials: [[String]] {
    overview.denials.map {
      [ago($0.time), "\($0.status)", $0.reason, $0.detail, $0.why, $0.position, $0.request]
    }
  }

  private static let checkColumns = ["answer", "count", "per second, last 10 s", "per second, last minute"]
  private static let denialColumns = ["time", "status", "reason", "detail", "why", "rule at", "request"]

  private func ago(_ time: Int64) -> String { Self.duration(max(0, now - time)) + " ago" }

  static func duration(_ seconds: Int64) -> String {
    if seconds < 120 { return "\(seconds) s" }
    if seconds < 7_200 { return "\(seconds / 60) min" }
    return seconds < 172_800 ? "\(seconds / 3_600) h" : "\(seconds / 86_400) d"
  }

  /// A table; a line of text where there is nothing to show.
  /// - Parameter numbers: the columns whose cells are aligned as numbers.
  private func section(
    _ title: String, _ columns: [String], _ rows: [[String]], numbers: ClosedRange<Int>? = nil
  ) -> String {
    let id = title.lowercased().replacing(" ", with: "-")
    let head = "<h2>\(title)</h2>"
    if rows.isEmpty { return "<section id=\"\(id)\">\(head)<p>None.</p></section>" }
    func row(_ cells: [String], _ tag: String) -> String {
      "<tr>"
        + cells.enumerated().map { index, cell in
          let kind = numbers?.contains(index) == true ? " class=\"n\"" : ""
          return "<\(tag)\(kind)>\(Self.escaped(cell))</\(tag)>"
        }.joined() + "</tr>"
    }
    // A page for people: thousands of rules are /config's.
    let shown = rows.prefix(Self.maximumRows).map { row($0, "td") }.joined(separator: "\n")
    let more = rows.count > Self.maximumRows ? "<p>\(rows.count - Self.maximumRows) more: /config.</p>" : ""
    return "<section id=\"\(id)\">\(head)<div class=\"wide\"><table><thead>\(row(columns, "th"))</thead>"
      + "<tbody>\n\(shown)\n</tbody></table></div>\(more)</section>"
  }

  static let maximumRows = 500

  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default:
        // Control characters, and those that turn the direction of text, show as what they are.
        let isPlain =
          scalar.value >= 0x20 && scalar.value != 0x7F && scalar.properties.generalCategory != .format
        result += isPlain ? String(scalar) : "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
    return result
  }

  /// Served beside it: the page may load nothing else.
  public static let style = """
    body{font:14px/1.4 system-ui,sans-serif;margin:1.5rem;color:#1b1b1f;background:#fff}
    main{max-width:80rem;margin:auto}h1 small{font-size:1rem;color:#666}h2{margin:1.2rem 0 .3rem;font-size:1.1rem}
    table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #ddd;
    overflow-wrap:anywhere;vertical-align:top}th{color:#666;font-weight:600}
    .wide{overflow-x:auto}.n{text-align:right;font-variant-numeric:tabular-nums}
    #checks table{width:auto}#recent-denials table{min-width:72rem}
    #checks :is(th,td),#recent-denials :is(th,td):nth-child(-n+3){white-space:nowrap}
    #recent-denials :is(th,td):nth-child(n+4){min-width:11rem}#recent-denials :is(th,td):nth-child(5){min-width:17rem}
    .chart{display:block;width:100%;max-width:44rem;height:auto;margin:.5rem 0}
    .chart text{font-size:11px;fill:#666}.chart .grid{stroke:#ddd}.chart polyline{fill:none}
    .chart .allowed,.chart .denied{stroke-width:2}.chart .allowed{stroke:#1a7f37}
    .chart .denied{stroke:#cf222e;stroke-dasharray:5 2}
    @media(prefers-color-scheme:dark){body{color:#ddd;background:#161618}th,td{border-color:#333}a{color:#8ab4f8}
    th,h1 small,.chart text{color:#999;fill:#999}.chart .grid{stroke:#333}
    .chart .allowed{stroke:#3fb950}.chart .denied{stroke:#ff7b72}}

    """

  /// Renews the page's content every five seconds while somebody looks at it.
  public static let script = """
    "use strict";
    setInterval(async () => {
      if (document.hidden) return;
      try {
        const answer = await fetch("/", {cache: "no-store"});
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        document.querySelector("main").replaceWith(page.querySelector("main"));
        document.documentElement.dataset.renewed = "yes";
      } catch { document.getElementById("status").textContent = "Countersign does not answer."; }
    }, 5000);

    """
}
