import Foundation
import JSON
import System
import Testing

@testable import Admin

@Suite struct OverviewTests {
  private static func overview(_ change: (inout Overview) -> Void = { _ in }) -> Overview {
    var overview = Overview(
      version: "1.2.3", generation: 7, loadedAt: 1_000, reloads: 6, failedReloads: 2,
      checks: [("allowed", 10), ("token", 3)],
      workloads: [
        .init(
          name: "ingress", issuers: ["https://a"],
          policies: [
            .init(
              namespace: "ns", name: "gate", action: "DENY",
              rules: [
                .init(index: 0, position: "p.yaml:3:4", hits: 5),
                .init(index: 1, position: "p.yaml:9:4", hits: 1),
              ])
          ])
      ],
      providers: [
        .init(
          name: "ns/a[0]", source: "https://a/keys", state: "stale", age: 90, nextFetch: 12,
          keys: [
            .init(keyID: "k1", algorithms: ["RS256", "PS256"]), .init(keyID: "", algorithms: ["ES256"]),
          ],
          skipped: [
            .init(index: 2, keyID: "e", reason: "[use] is enc"), .init(index: 4, keyID: "", reason: "<b>"),
          ],
          lastError: "no answer in time")
      ],
      denials: [
        .init(
          time: 1_050, status: 401, reason: "token", detail: "Jwt is expired", request: "GET h/path",
          why: "exp is earlier than now", position: "p.yaml:20:7")
      ])
    for (second, allowed, denied) in [(0, 0, 0), (1, 4, 1), (2, 10, 3)] as [(UInt64, UInt64, UInt64)] {
      overview.history.add(.init(time: second * 1_000_000_000, counts: [allowed, denied]))
    }
    change(&overview)
    return overview
  }

  private func read(_ tree: JSONTree) throws -> NSDictionary {
    try #require(try JSONSerialization.jsonObject(with: Data(tree.text.utf8)) as? NSDictionary)
  }

  @Test func `config tells workloads, policies, positions and hits`() throws {
    let read = try read(Self.overview().configuration)
    #expect(
      read == [
        "version": "1.2.3", "generation": 7, "loadedAt": 1_000, "reloads": ["success": 6, "failure": 2],
        "workloads": [
          [
            "name": "ingress", "issuers": ["https://a"],
            "policies": [
              [
                "namespace": "ns", "name": "gate", "action": "DENY", "hits": 6,
                "rules": [
                  ["index": 0, "position": "p.yaml:3:4", "hits": 5],
                  ["index": 1, "position": "p.yaml:9:4", "hits": 1],
                ],
              ]
            ],
          ]
        ],
      ] as NSDictionary)
  }

  @Test func `keys tells each provider, and null where there is nothing to tell`() throws {
    let read = try read(
      Self.overview {
        $0.providers.append(
          .init(
            name: "b", source: "inline", state: "ready", age: nil, nextFetch: nil, keys: [], lastError: nil))
      }.keys)
    #expect(
      read == [
        "providers": [
          [
            "name": "ns/a[0]", "source": "https://a/keys", "state": "stale", "ageSeconds": 90,
            "nextFetchSeconds": 12, "lastError": "no answer in time",
            "keys": [
              ["kid": "k1", "algorithms": ["RS256", "PS256"]],
              ["kid": NSNull(), "algorithms": ["ES256"]] as NSDictionary,
            ],
            "skipped": [
              ["index": 2, "kid": "e", "reason": "[use] is enc"],
              ["index": 4, "kid": NSNull(), "reason": "<b>"] as NSDictionary,
            ],
          ],
          [
            "name": "b", "source": "inline", "state": "ready", "ageSeconds": NSNull(),
            "nextFetchSeconds": NSNull(), "lastError": NSNull(), "keys": [Any](),
            "skipped": [Any](),
          ] as NSDictionary,
        ]
      ] as NSDictionary)
  }

  @Test func `the page shows everything, and its tables hold what they head`() throws {
    let page = OverviewPage(Self.overview(), now: 1_100).html
    for text in [
      "<td>allowed</td><td class=\"n\">10</td><td class=\"n\">5</td><td class=\"n\">5</td>",
      "<td>token</td><td class=\"n\">3</td><td class=\"n\">1.5</td><td class=\"n\">1.5</td>",
      "6.5 checks per second over the last 2 s: 5 allowed, 1.5 denied",
      "<td>ingress</td><td>ns/gate</td><td>DENY</td><td>1</td><td>1</td><td>p.yaml:9:4</td>",
      "<td>stale</td><td>90 s</td><td>in 12 s</td><td>k1 RS256/PS256, (no kid) ES256</td>"
        + "<td>e: [use] is enc; key 4: &lt;b&gt;</td>",
      "<td>50 s ago</td><td>401</td><td>token</td><td>Jwt is expired</td><td>exp is earlier than now</td>"
        + "<td>p.yaml:20:7</td><td>GET h/path</td>",
      "generation 7, loaded 100 s ago; 6 reloads, 2 refused",
    ] {
      #expect(page.contains(text), "\(text) in \(page)")
    }
    let empty = OverviewPage(Self.overview { $0.denials = [] }, now: 1_100).html
    #expect(empty.contains("<h2>Recent denials</h2><p>None.</p>"))
  }

  @Test func `nothing that a client chose becomes a part of the page`() {
    let page = OverviewPage(
      Self.overview {
        $0.denials[0].request = "GET <script>alert(1)</script>\"'&\u{0}\u{202E}\n"
        $0.providers[0].lastError = "<img src=x onerror=alert(1)>"
        $0.denials[0].why = "iss is \"<b>\" (not verified)"
        $0.denials[0].position = "<i>.yaml:1:1"
      }, now: 1_100
    ).html
    #expect(
      page.contains("GET &lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\u{0}\\u{202e}\\u{a}"),
      "\(page)")
    #expect(
      page.contains("iss is &quot;&lt;b&gt;&quot; (not verified)") && page.contains("&lt;i&gt;.yaml:1:1"))
    #expect(!page.contains("<b>") && !page.contains("<i>"))
    #expect(!page.contains("<img") && page.components(separatedBy: "<script").count == 2)
  }

  @Test func `without samples the page says that rates follow, and shows none`() {
    let page = OverviewPage(Self.overview { $0.history = RateHistory() }, now: 1_100).html
    #expect(page.contains("<p id=\"rates\">Rates follow in a second.</p>"))
    #expect(
      page.contains("<td>allowed</td><td class=\"n\">10</td><td class=\"n\"></td><td class=\"n\"></td>"))
    #expect(page.contains("No samples yet.") && !page.contains("<polyline"))
  }

  @Test func `nothing in the page needs an inline style or script, which its policy forbids`() {
    let page = OverviewPage(Self.overview(), now: 1_100).html
    #expect(!page.contains(" style=") && !page.contains("<style") && !page.contains(#/ on[a-z]+=/#))
    #expect(page.utf8.count < 8_192)
  }

  @Test func `the page is bounded and says where the rest is`() {
    let page = OverviewPage(
      Self.overview { overview in
        overview.workloads[0].policies[0].rules = (0..<2_000).map {
          .init(index: $0, position: "p.yaml:\($0):1", hits: 0)
        }
      }, now: 1_100
    ).html
    #expect(page.contains("p.yaml:499:1<") && !page.contains("p.yaml:500:1<"))
    #expect(page.contains("1500 more: /config."))
  }

  @Test func `times are told in a unit that fits`() {
    let shown = [0, 119, 120, 7_199, 7_200, 172_799, 172_800].map { OverviewPage.duration($0) }
    #expect(shown == ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d"])
  }

  @Test func `pages come with their types, and may load nothing from elsewhere`() throws {
    var router = AdminRouter()
    router.show({ Self.overview() }, now: { 1_100 })
    let server = try AdminServer(ListenAddress("127.0.0.1:0"), handler: router.respond(to:))
    for (path, type) in [
      ("/", "text/html; charset=utf-8"), ("/config", "application/json"), ("/keys", "application/json"),
      ("/page.css", "text/css; charset=utf-8"), ("/page.js", "text/javascript; charset=utf-8"),
    ] {
      let answer = try #require(try ask(server.address, path))
      #expect(answer.status == 200 && answer.headers["content-type"] == type)
      #expect(
        answer.headers["content-security-policy"]?.hasPrefix("default-src 'none'; script-src 'self';") == true
      )
    }
  }
}
