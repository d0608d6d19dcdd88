import Foundation

/// A reader of the text exposition format, written from its description and from nothing of ours: it walks
/// lines and characters, and refuses whatever the description does not allow.
struct ExpositionReader {
  struct Sample: Equatable {
    let name: String
    let labels: [String: String]
    let value: Double
  }

  struct Bad: Error, CustomStringConvertible {
    let description: String
  }

  private(set) var samples: [Sample] = []
  private(set) var types: [String: String] = [:]
  private(set) var helps: [String: String] = [:]

  init(_ text: String) throws {
    guard text.isEmpty || text.unicodeScalars.last == "\n" else {
      throw Bad(description: "no final line end")
    }
    var family = ""
    var closed: Set<String> = []
    for line in text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
      var rest = Array(line)
      if rest.starts(with: "# HELP ".unicodeScalars) {
        rest.removeFirst(7)
        let name = try Self.name(&rest)
        guard helps[name] == nil, rest.first == " " else { throw Bad(description: "HELP \(name)") }
        helps[name] = try Self.unescape(Array(rest.dropFirst()), quotes: false)
      } else if rest.starts(with: "# TYPE ".unicodeScalars) {
        rest.removeFirst(7)
        let name = try Self.name(&rest)
        let type = String(String.UnicodeScalarView(rest.dropFirst()))
        guard types[name] == nil, ["counter", "gauge", "histogram"].contains(type) else {
          throw Bad(description: "TYPE \(name)")
        }
        types[name] = type
        closed.insert(family)
        family = name
      } else {
        let sample = try Self.sample(&rest)
        let base = ["_bucket", "_sum", "_count"].reduce(sample.name) { name, suffix in
          types[name] == nil && name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : name
        }
        guard base == family, !closed.contains(base) else {
          throw Bad(description: "\(sample.name) out of place")
        }
        guard !samples.contains(where: { $0.name == sample.name && $0.labels == sample.labels }) else {
          throw Bad(description: "\(sample.name) twice")
        }
        samples.append(sample)
      }
    }
  }

  func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
    samples.first { $0.name == name && $0.labels == labels }?.value
  }

  private static func sample(_ rest: inout [Unicode.Scalar]) throws -> Sample {
    let name = try name(&rest)
    var labels: [String: String] = [:]
    if rest.first == "{" {
      rest.removeFirst()
      while rest.first != "}" {
        let label = try self.name(&rest)
        guard !label.contains(":"), rest.starts(with: "=\"".unicodeScalars) else {
          throw Bad(description: label)
        }
        rest.removeFirst(2)
        var raw: [Unicode.Scalar] = []
        while let next = rest.first, next != "\"" {
          raw.append(next)
          rest.removeFirst()
          if next == "\\", let escaped = rest.first {
            raw.append(escaped)
            rest.removeFirst()
          }
        }
        guard !rest.isEmpty, labels[label] == nil else { throw Bad(description: "label \(label)") }
        rest.removeFirst()
        labels[label] = try unescape(raw, quotes: true)
        if rest.first == "," {
          rest.removeFirst()
        } else if rest.first != "}" {
          throw Bad(description: "labels")
        }
      }
      rest.removeFirst()
    }
    guard rest.first == " " else { throw Bad(description: "no value of \(name)") }
    let text = String(String.UnicodeScalarView(rest.dropFirst()))
    let special = ["NaN": Double.nan, "+Inf": .infinity, "-Inf": -.infinity]
    guard let value = special[text] ?? (text.first?.isLetter == true ? nil : Double(text)) else {
      throw Bad(description: "value \(text)")
    }
    return Sample(name: name, labels: labels, value: value)
  }

  private static func name(_ rest: inout [Unicode.Scalar]) throws -> String {
    let allowed = CharacterSet(
      charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:")
    let name = rest.prefix { allowed.contains($0) }
    guard let first = name.first, !("0"..."9").contains(first) else { throw Bad(description: "no name") }
    rest.removeFirst(name.count)
    return String(String.UnicodeScalarView(name))
  }

  private static func unescape(_ raw: [Unicode.Scalar], quotes: Bool) throws -> String {
    var text = String.UnicodeScalarView()
    var index = 0
    while index < raw.count {
      if raw[index] == "\\" {
        index += 1
        guard index < raw.count else { throw Bad(description: "cut escape") }
        switch raw[index] {
        case "\\": text.append("\\")
        case "n": text.append("\n")
        case "\"" where quotes: text.append("\"")
        default: throw Bad(description: "unknown escape")
        }
      } else {
        text.append(raw[index])
      }
      index += 1
    }
    return String(text)
  }
}
