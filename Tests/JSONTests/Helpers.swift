import Bytes
import JSON
import TestSupport

/// What a text gives: nil when it parses.
func failure(_ text: [UInt8], _ settings: JSONSettings = JSONSettings()) -> JSONError? {
  var document = JSONDocument()
  do throws(JSONError) {
    try document.parse(text.span, settings)
    return nil
  } catch {
    return error
  }
}

func failure(_ text: String, _ settings: JSONSettings = JSONSettings()) -> JSONError? {
  failure(Array(text.utf8), settings)
}

/// A text read and written again.
func rewritten(
  _ text: [UInt8], _ settings: JSONSettings = JSONSettings(), numbers: JSONWriter.Numbers = .asWritten
) throws -> [UInt8] {
  var document = JSONDocument()
  try document.parse(text.span, settings)
  var output = ByteBuffer()
  JSONWriter.write(document.root, of: document, numbers: numbers, into: &output)
  return output.copy()
}

func rewritten(_ text: String, numbers: JSONWriter.Numbers = .asWritten) throws -> String {
  String(decoding: try rewritten(Array(text.utf8), numbers: numbers), as: UTF8.self)
}

/// The text of the root string.
func string(_ text: String) throws -> String {
  var document = JSONDocument()
  try document.parse(Array(text.utf8).span)
  return document.octets.span[document.text(of: document.root)].text()
}

struct Missing: Error {}

/// A member that must be there.
func member(
  _ name: String, of object: JSONValue, in document: borrowing JSONDocument
) throws -> JSONValue {
  guard let value = document.member(Array(name.utf8).span, of: object) else { throw Missing() }
  return value
}

/// What the root is, in brief: its kind, its count, its text, its double.
struct Summary: Equatable {
  var kind: JSONDocument.Kind
  var count: Int
  var text: String
  var double: Double?

  init(_ value: JSONValue, in document: borrowing JSONDocument) {
    kind = document.kind(of: value)
    count = document.count(of: value)
    text = document.octets.span[document.text(of: value)].text()
    double = document.double(of: value)
  }

  init(_ kind: JSONDocument.Kind, count: Int = 0, text: String = "", double: Double? = nil) {
    self.kind = kind
    self.count = count
    self.text = text
    self.double = double
  }
}

/// What a text holds at its root, or the error.
func summary(_ text: String, _ settings: JSONSettings = JSONSettings()) throws -> Summary {
  var document = JSONDocument()
  try document.parse(Array(text.utf8).span, settings)
  return Summary(document.root, in: document)
}
