import Bytes
import EventLoop
import Foundation
import Metrics
import System
import Testing

@testable import Admin

private func get(_ router: AdminRouter, _ path: String) -> AdminResponse {
  router.respond(to: AdminRequest(method: .get, path: path, query: "", keepsAlive: true))
}

private func text(_ response: AdminResponse) -> String { String(decoding: response.body, as: UTF8.self) }

@Suite struct `The admin pages` {
  private let clock = ManualClock(monotonicNanoseconds: 10_000_000_000)
  private let heartbeats: [Heartbeat]
  private let status: ServiceStatus
  private let router: AdminRouter

  init() {
    heartbeats = (0..<3).map { [clock] _ in Heartbeat(now: Clock.manual(clock).monotonicNanoseconds()) }
    status = ServiceStatus(parts: ["policies", "listeners"], heartbeats: heartbeats, clock: .manual(clock))
    router = .standard(status: status, metrics: { Array("m 1 \($0)\n".utf8) })
  }

  @Test func `are found by their exact path and no other`() {
    #expect(router.paths == ["/livez", "/metrics", "/readyz"])
    #expect(get(router, "/livez").status == 200)
    for path in ["/", "/livez/", "/LIVEZ", "//livez", "/livez%20", "/./livez", "/%6Civez", "/healthz"] {
      let answer = get(router, path)
      #expect(answer.status == 404)
      #expect(text(answer) == "nothing here; served are /livez /metrics /readyz\n")
    }
  }

  @Test func `refuse other methods on every path, and say which are served`() throws {
    for path in ["/livez", "/none"] {
      let request = AdminRequest(method: .other, path: path, query: "", keepsAlive: false)
      #expect(router.respond(to: request).status == 405)
    }
    var buffer = ByteBuffer()
    AdminResponseWriter.write(
      AdminResponse(status: 405, text: "x"), isHead: false, keepsAlive: false, now: 0, into: &buffer)
    #expect(
      Answer.first(in: String(decoding: buffer.copy(), as: UTF8.self))?.answer.headers["allow"] == "GET, HEAD"
    )
  }

  @Test func `say ready only when every part is`() {
    #expect(get(router, "/readyz").status == 503)
    #expect(text(get(router, "/readyz")) == "not ready\npolicies: starting\nlisteners: starting\n")
    status.setReady("policies")
    #expect(text(get(router, "/readyz")) == "not ready\nlisteners: starting\n")
    status.setReady("listeners")
    #expect(get(router, "/readyz").status == 200)
    #expect(text(get(router, "/readyz")) == "ready\n")
    status.setNotReady("policies", because: "bad line 3")
    #expect(text(get(router, "/readyz")) == "not ready\npolicies: bad line 3\n")
    status.setNotReady("keys", because: "fetching")
    status.setReady("policies")
    #expect(text(get(router, "/readyz")) == "not ready\nkeys: fetching\n")
  }

  @Test func `say not ready from the moment the service stops, whatever its parts say`() {
    status.setReady("policies")
    status.setReady("listeners")
    status.beginStopping()
    status.setReady("policies")
    #expect(text(get(router, "/readyz")) == "not ready\nstopping\n")
    #expect(get(router, "/livez").status == 200)
  }

  @Test func `never say ready when nobody has named a part`() {
    let empty = ServiceStatus(parts: [], heartbeats: [])
    #expect(empty.readiness().status == 503)
    empty.setReady("service")
    #expect(empty.readiness().status == 200)
  }

  @Test func `say alive while every worker beats, and name the silent one`() {
    clock.advance(nanoseconds: 4_999_999_999)
    #expect(get(router, "/livez").status == 200)
    heartbeats[0].beat(Clock.manual(clock).monotonicNanoseconds())
    heartbeats[2].beat(Clock.manual(clock).monotonicNanoseconds())
    clock.advance(nanoseconds: 1)
    let answer = get(router, "/livez")
    #expect(answer.status == 503)
    #expect(text(answer) == "not alive\nworker 1: silent for 5000 ms\n")
    heartbeats[1].beat(Clock.manual(clock).monotonicNanoseconds())
    #expect(get(router, "/livez").status == 200)
  }

  @Test func `take a beat from the future as no silence`() {
    heartbeats[0].beat(.max)
    #expect(heartbeats[0].silence(now: 5) == 0)
    #expect(get(router, "/livez").status == 200)
  }

  @Test func `give metrics their media type`() {
    let answer = get(router, "/metrics")
    #expect(answer.contentType == "text/plain; version=0.0.4; charset=utf-8")
    #expect(text(answer) == "m 1 text\n")
    let request = AdminRequest(
      method: .get, path: "/metrics", keepsAlive: true,
      accept: "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
    let open = router.respond(to: request)
    #expect(open.contentType == "application/openmetrics-text; version=1.0.0; charset=utf-8")
    #expect(text(open) == "m 1 openMetrics\n")
  }

  @Test func `say in full what is ready, what is not, and what an operator should know`() {
    func ask(_ query: String) -> AdminResponse {
      router.respond(to: AdminRequest(method: .get, path: "/readyz", query: query, keepsAlive: true))
    }
    status.setReady("policies")
    #expect(text(ask("verbose")) == "[+] policies\n[-] listeners: starting\nnot ready\n")
    #expect(ask("verbose").status == 503)
    status.setReady("listeners")
    status.note("reload", "refused: a.yaml:3:4")
    status.note("reload", "refused: b.yaml:1:1")
    #expect(ask("verbose").status == 200 && ask("").status == 200)
    let whole = "[+] policies\n[+] listeners\n[!] reload: refused: b.yaml:1:1\nready\n"
    #expect(text(ask("a=b&verbose=1")) == whole)
    #expect(text(ask("verbosely")) == "ready\n")
    status.note("reload", nil)
    #expect(!text(ask("verbose")).contains("reload"))
    status.beginStopping()
    #expect(text(ask("verbose")).hasSuffix("[-] stopping\nnot ready\n"))
  }

  @Test func `work over the wire, with counters that are alive`() throws {
    var layout = MetricsLayout()
    let checks = layout.counter("countersign_checks_total", help: "Checks.", labels: [("result", "allow")])
    let registry = MetricsRegistry(layout)
    let cells = registry.makeCells()
    cells.add(checks, 3)
    let extra = MetricSample("countersign_generation", help: "Generation.", value: 1)
    let router = AdminRouter.standard(status: status) { metricsPage(registry, and: [extra], format: $0) }
    let server = try AdminServer(ListenAddress("127.0.0.1:0"), handler: router.respond(to:))
    let page = try #require(try ask(server.address, "/metrics"))
    #expect(page.status == 200)
    #expect(page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
    for line in ["countersign_checks_total{result=\"allow\"} 3\n", "countersign_generation 1\n"] {
      #expect(page.body.contains(line))
    }
    for name in [
      "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
      "jemalloc_allocated_bytes",
    ] {
      #expect(page.body.contains("\n\(name) "))
    }
    cells.add(checks)
    #expect(try #require(try ask(server.address, "/metrics")).body.contains("{result=\"allow\"} 4\n"))
    #expect(try ask(server.address, "/readyz")?.status == 503)
    #expect(try ask(server.address, "/readyz", method: "HEAD")?.status == 503)
    #expect(try ask(server.address, "/none")?.status == 404)
    let refused = try #require(try ask(server.address, "/livez", method: "DELETE"))
    #expect(refused.status == 405 && refused.headers["allow"] == "GET, HEAD")
  }
}

@Suite struct `The date of an answer` {
  @Test func `is RFC 9110's example`() {
    #expect(HTTPDate.text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
  }

  @Test func `agrees with Foundation over the centuries, also at their ends`() {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(secondsFromGMT: 0)
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    var moment: Int64 = 0
    while moment < 16_000_000_000 {
      #expect(HTTPDate.text(moment) == formatter.string(from: Date(timeIntervalSince1970: Double(moment))))
      moment += 86_400 * 17 + 3_607
    }
    for moment: Int64 in [951_782_400, 951_868_799, 951_868_800, 4_107_542_399, 4_107_542_400] {
      #expect(HTTPDate.text(moment) == formatter.string(from: Date(timeIntervalSince1970: Double(moment))))
    }
  }

  @Test func `is bounded`() {
    #expect(HTTPDate.text(.min) == "Thu, 01 Jan 1970 00:00:00 GMT")
    #expect(HTTPDate.text(.max) == "Fri, 31 Dec 9999 23:59:59 GMT")
  }
}
