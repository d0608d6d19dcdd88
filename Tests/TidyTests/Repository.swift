import Foundation
import TestSupport

/// One Swift file of the repository.
struct SourceFile {
  /// From the package's folder on.
  var path: String
  var lines: [Substring]

  var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
  var isSource: Bool { path.hasPrefix("Sources/") }

  /// The lines with their numbers, without comments and without what stands in double quotes.
  var code: [(number: Int, text: String)] {
    lines.enumerated().map { ($0.offset + 1, Self.code(of: $0.element)) }
  }

  /// A line that is a comment becomes empty. Nothing in this repository comments in blocks.
  static func code(of line: Substring) -> String {
    var text = ""
    var isQuoted = false
    var previous: Character = " "
    for character in line {
      if character == "\"" && previous != "\\" { isQuoted.toggle() }
      if !isQuoted && character == "/" && previous == "/" { return String(text.dropLast()) }
      if !isQuoted { text.append(character) }
      previous = character
    }
    return text
  }
}

/// What the checks look at.
enum Repository {
  static let folder = Vectors.packageFolder

  /// All Swift files below `Sources` and `Tests` but generated ones.
  static let files: [SourceFile] = ["Sources", "Tests"].flatMap { read(below: $0) }
    .filter { !$0.path.hasSuffix(".pb.swift") }

  static let package = text(of: "Package.swift")

  static func text(of path: String) -> String {
    (try? String(contentsOf: folder.appendingPathComponent(path), encoding: .utf8)) ?? ""
  }

  static func names(in path: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent(path).path)) ?? [])
      .filter { !$0.hasPrefix(".") }.sorted()
  }

  private static func read(below path: String) -> [SourceFile] {
    let found = FileManager.default.enumerator(atPath: folder.appendingPathComponent(path).path)
    let names = (found?.allObjects ?? []).compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }
    return names.sorted().map { name in
      let path = "\(path)/\(name)"
      return SourceFile(
        path: path, lines: text(of: path).split(separator: "\n", omittingEmptySubsequences: false))
    }
  }

  /// The places in code where a line holds `pattern`, as `file:line: text`.
  static func places(
    of pattern: Regex<Substring>, where isMeant: (SourceFile) -> Bool = { _ in true }
  ) -> [String] {
    files.filter(isMeant).flatMap { file in
      file.code.filter { $0.text.contains(pattern) }.map { "\(file.path):\($0.number): \($0.text)" }
    }
  }

  /// The names of the dependencies of a library target in the manifest.
  static func dependencies(of target: String) -> [String] {
    guard
      let list = try? Regex(
        "library\\(\\s*\"\(target)\",\\s*(\\[[^\\]]*\\])", as: (Substring, Substring).self),
      let match = package.firstMatch(of: list)
    else { return [] }
    return match.1.split(separator: "\"").map(String.init).filter { $0.allSatisfy(\.isLetter) }
  }
}
