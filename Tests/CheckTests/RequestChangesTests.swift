import Bytes
import Check
import Testing

struct RequestChangesTests {
  private func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

  /// All changes as text, so that they can be compared.
  private func described(_ changes: borrowing RequestChanges) -> [String] {
    func text(_ range: ByteRange) -> String { changes.octets.span[range].text() }
    var lines: [String] = []
    for pair in changes.setHeaders { lines.append("set \(text(pair.name)): \(text(pair.value))") }
    for name in changes.removedHeaders { lines.append("remove \(text(name))") }
    for name in changes.removedParameters { lines.append("parameter \(text(name))") }
    return lines
  }

  private func removeHeader(_ name: String, in changes: inout RequestChanges) {
    let name = octets(name)
    changes.removeHeader(name.span)
  }

  private func setHeader(_ name: String, _ value: String, in changes: inout RequestChanges) {
    let name = octets(name)
    changes.setHeader(name.span) { $0.append(octets(value)) }
  }

  @Test func `a header that is set is never removed too, whichever came first`() {
    var changes = RequestChanges()
    removeHeader("x-user", in: &changes)
    setHeader("x-user", "a", in: &changes)
    #expect(described(changes) == ["set x-user: a"])
    removeHeader("x-user", in: &changes)
    #expect(described(changes) == ["set x-user: a"])
  }

  @Test func `a second value replaces the first`() {
    var changes = RequestChanges()
    setHeader("x-user", "a", in: &changes)
    setHeader("x-other", "b", in: &changes)
    setHeader("x-user", "c", in: &changes)
    #expect(described(changes) == ["set x-user: c", "set x-other: b"])
  }

  @Test func `what is removed twice is listed once`() {
    var changes = RequestChanges()
    let name = octets("token")
    for _ in 0..<2 {
      removeHeader("authorization", in: &changes)
      changes.removeParameter(name.span)
    }
    #expect(described(changes) == ["remove authorization", "parameter token"])
  }

  @Test func `a policy does not see what the client sent where it is changed`() {
    var changes = RequestChanges()
    removeHeader("authorization", in: &changes)
    setHeader("x-user", "a", in: &changes)
    let (removed, set, other) = (octets("Authorization"), octets("X-User"), octets("accept"))
    let hides = (
      changes.hidesHeader(removed.span), changes.hidesHeader(set.span), changes.hidesHeader(other.span)
    )
    #expect(hides == (true, true, false))
    let value = changes.valueSet(for: set.span).map { changes.octets.span[$0].text() }
    #expect(value == "a")
    let none = changes.valueSet(for: removed.span)
    #expect(none == nil)
  }

  @Test func `nothing of one check is left for the next`() {
    var changes = RequestChanges()
    let name = octets("token")
    removeHeader("authorization", in: &changes)
    setHeader("x-user", "a", in: &changes)
    changes.removeParameter(name.span)
    let before = changes.isEmpty
    changes.reset()
    let after = changes.isEmpty
    #expect(!before && after)
    #expect(described(changes).isEmpty)
  }
}
