@testable import KeySets
import Testing

@Suite struct SavedKeysTests {
  private let saved = SavedKeys(
    url: "https://a.example/keys", entityTag: "\"t\"", confirmedAt: 1_234,
    text: Array("{\"keys\":[]}\n\n".utf8))

  @Test func `what is written is read back`() throws {
    #expect(try SavedKeys(reading: saved.octets, of: saved.url) == saved)
    let bare = SavedKeys(url: "u", entityTag: nil, confirmedAt: 0, text: [])
    #expect(try SavedKeys(reading: bare.octets, of: "u") == bare)
  }

  @Test func `any octet that changed is seen`() {
    let octets = saved.octets
    for index in octets.indices {
      var damaged = octets
      damaged[index] ^= 1
      #expect(throws: SavedKeys.Fault.self, "\(index)") { try SavedKeys(reading: damaged, of: saved.url) }
    }
  }

  @Test func `a file cut anywhere is refused`() {
    for count in 0..<saved.octets.count {
      #expect(throws: SavedKeys.Fault.self) {
        try SavedKeys(reading: Array(saved.octets.prefix(count)), of: saved.url)
      }
    }
  }

  @Test func `keys of another address are refused`() {
    #expect(throws: SavedKeys.Fault.anotherAddress(saved.url)) {
      try SavedKeys(reading: saved.octets, of: "https://b.example/keys")
    }
  }

  @Test func `a file's name says nothing of the address and leads nowhere`() {
    let name = SavedKeys.fileName(for: "https://a/../../etc/passwd")
    #expect(name.count == 69 && name.allSatisfy { $0.isHexDigit || ".keys".contains($0) })
    #expect(name != SavedKeys.fileName(for: "https://a/"))
  }

  @Test func `a tag with a line end is not kept`() {
    #expect(SavedKeys(url: "u", entityTag: "a\nb", confirmedAt: 0, text: []).entityTag == nil)
  }
}
