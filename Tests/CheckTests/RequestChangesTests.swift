import Bytes
import Check
import Testing

@Suite("Changes of a request")
struct RequestChangesTests {
  func name(_ text: String) -> [UInt8] { Array(text.utf8) }

  func value(_ changes: borrowing RequestChanges, _ header: String) -> String? {
    guard let range = changes.valueSet(for: name(header).span) else { return nil }
    return changes.octets.span[range].text()
  }

  func hides(_ changes: borrowing RequestChanges, _ header: String) -> Bool {
    changes.hidesHeader(name(header).span)
  }

  func isEmpty(_ changes: borrowing RequestChanges) -> Bool { changes.isEmpty }

  func removed(_ changes: borrowing RequestChanges) -> [String] {
    var all: [String] = []
    for range in changes.removedHeaders { all.append(changes.octets.span[range].text()) }
    return all
  }

  @Test func `Nothing is changed at first`() {
    let changes = RequestChanges()
    #expect(isEmpty(changes) == true)
    #expect(hides(changes, "a") == false)
    #expect(value(changes, "a") == nil)
  }

  @Test func `A removed header is hidden and listed once`() {
    var changes = RequestChanges()
    changes.removeHeader(name("a").span)
    changes.removeHeader(name("a").span)
    changes.removeHeader(name("b").span)
    #expect(removed(changes) == ["a", "b"])
    #expect(hides(changes, "A") == true)
    #expect(hides(changes, "ab") == false)
    #expect(value(changes, "a") == nil)
  }

  @Test func `A header that is set is hidden, has one value and is never removed`() {
    var changes = RequestChanges()
    changes.removeHeader(name("a").span)
    changes.setHeader(name("a").span) { $0.append("one") }
    changes.removeHeader(name("a").span)
    #expect(removed(changes).isEmpty)
    #expect(value(changes, "A") == "one")
    changes.setHeader(name("a").span) { $0.append("two") }
    #expect(value(changes, "a") == "two")
    let count = changes.setHeaders.count
    #expect(count == 1)
    #expect(hides(changes, "a") == true)
  }

  @Test func `An empty value is a value`() {
    var changes = RequestChanges()
    changes.setHeader(name("a").span) { _ in }
    #expect(value(changes, "a") == "")
    #expect(isEmpty(changes) == false)
  }

  @Test func `Setting one header leaves the removal of others`() {
    var changes = RequestChanges()
    for header in ["a", "b", "c"] { changes.removeHeader(name(header).span) }
    changes.setHeader(name("b").span) { $0.append("x") }
    #expect(removed(changes) == ["a", "c"])
  }

  @Test func `Parameters are listed once and compared in letter case`() {
    var changes = RequestChanges()
    changes.removeParameter(name("t").span)
    changes.removeParameter(name("t").span)
    changes.removeParameter(name("T").span)
    let count = changes.removedParameters.count
    #expect(count == 2)
    #expect(isEmpty(changes) == false)
    #expect(hides(changes, "t") == false)
  }

  @Test func `Reset leaves nothing of the last answer`() {
    var changes = RequestChanges()
    changes.removeHeader(name("a").span)
    changes.setHeader(name("b").span) { $0.append("x") }
    changes.removeParameter(name("c").span)
    changes.reset()
    #expect(isEmpty(changes) == true)
    #expect(hides(changes, "a") == false)
    #expect(hides(changes, "b") == false)
  }
}
