import Istio
import Testing

@Suite("metadata.creationTimestamp")
struct CreationTimeTests {
  private func load(_ time: String) -> LoadedResources {
    ResourceLoader().load(
      file: "p.yaml",
      text: """
        apiVersion: security.istio.io/v1
        kind: RequestAuthentication
        metadata:
          name: p
          creationTimestamp: \(time)
        spec: {}
        """)
  }

  @Test(arguments: ["2026-11-28T15:04:05Z", "\"2026-11-28T15:04:05Z\""])
  func `is read`(time: String) throws {
    let loaded = load(time)
    #expect(loaded.diagnostics.isEmpty)
    let metadata = try #require(loaded.resources.requestAuthentications.first?.metadata)
    #expect(metadata.creationTimestamp == Timestamp("2026-11-28T15:04:05Z"))
  }

  @Test(arguments: ["null", "~", ""])
  func `counts as absent when it is null, as kubectl's dry run writes it`(time: String) throws {
    let loaded = load(time)
    #expect(loaded.diagnostics.isEmpty)
    let metadata = try #require(loaded.resources.requestAuthentications.first?.metadata)
    #expect(metadata.creationTimestamp == nil)
  }

  @Test(arguments: [
    ("yesterday", "5:22 error invalid-time"), ("2026-11-28", "5:22 error invalid-time"),
    ("1795908302", "5:22 error wrong-type"), ("[]", "5:22 error wrong-type"),
    ("''", "5:22 error empty-value"),
  ])
  func `is an error when it is not a time, since it decides an order`(time: String, finding: String) {
    #expect(load(time).findings == [finding])
  }

  @Test func `objects are ordered by time, then name, then namespace`() throws {
    func metadata(_ name: String, _ namespace: String, _ time: String?) -> ObjectMetadata {
      ObjectMetadata(
        name: name, namespace: namespace, creationTimestamp: time.flatMap { Timestamp($0) },
        position: SourcePosition(file: "f", line: 1, column: 1))
    }
    let ordered = [
      metadata("a", "z", nil), metadata("b", "a", nil), metadata("z", "a", "2020-01-01T00:00:00Z"),
      metadata("A", "m", "2021-01-01T00:00:00Z"), metadata("a", "a", "2021-01-01T00:00:00Z"),
      metadata("a", "b", "2021-01-01T00:00:00Z"), metadata("a-b", "a", "2021-01-01T00:00:00Z"),
      metadata("a.b", "a", "2021-01-01T00:00:00Z"), metadata("a", "a", "2021-01-01T00:00:00.000000001Z"),
    ]
    for (first, one) in ordered.enumerated() {
      for (second, other) in ordered.enumerated() {
        #expect(one.isOrdered(before: other) == (first < second), "\(first) \(second)")
      }
    }
  }
}
