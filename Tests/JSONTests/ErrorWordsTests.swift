import JSON
import Testing

/// The words of each fault of a text, for people.
@Suite struct ErrorWordsTests {
  @Test(arguments: [
    ("", "it ends at byte 0, where more is expected"), ("[1,", "it ends at byte 3, where more is expected"),
    ("<html>", "byte 0 is not JSON"), ("{\"a\":01}", "byte 5: not a number as JSON writes it"),
    ("[1e999]", "byte 1: a number beyond the largest double"), ("[\"\\q\"]", "byte 2: not an escape of JSON"),
    ("[\"\\ud800\"]", "byte 2: half of a surrogate pair"),
    ("[\"\u{1}\"]", "byte 2: a control character must be escaped"),
    ("{\"a\":1,\"a\":2}", "byte 8: a member with the name of another one"),
    ("[] 1", "byte 3: something follows the document"),
    ("\u{FEFF}{}", "a byte order mark is at the beginning, which JSON forbids"),
  ])
  func `name what is wrong and the byte`(text: String, words: String) {
    var document = JSONDocument()
    do {
      try document.parse(Array(text.utf8).span)
      Issue.record("parsed")
    } catch {
      #expect("\(error)" == words)
    }
  }

  @Test func `show no case of the program`() {
    let all: [JSONError] = [
      .notBase64URL, .tooLong, .notUTF8, .byteOrderMark, .unexpectedEnd(at: 7), .unexpectedCharacter(at: 7),
      .invalidNumber(at: 7), .numberBeyondDouble(at: 7), .invalidEscape(at: 7), .loneSurrogate(at: 7),
      .controlCharacter(at: 7), .duplicateName(at: 7), .tooDeep(at: 7), .tooManyValues(at: 7),
      .trailingText(at: 7),
    ]
    #expect(Set(all.map(\.description)).count == all.count)
    for error in all { #expect(!error.description.contains("(at:") && error.description.contains(" ")) }
  }
}
