import Foundation
import Testing

/// The rules of this repository that no compiler checks.
struct TidyTests {
  private let files = Repository.files

  @Test func `the scan sees the repository`() {
    #expect(files.count > 100)
    #expect(files.contains { $0.path == "Sources/Server/Worker.swift" })
    #expect(Repository.package.contains("let package = Package("))
  }

  @Test func `comments and quoted text are told from code`() {
    #expect(SourceFile.code(of: "  let a = 1  // try! it") == "  let a = 1  ")
    #expect(SourceFile.code(of: "  say(\"try! \\\" http://x\")  // no") == "  say(\")  ")
    #expect(SourceFile.code(of: "/// fatalError(").isEmpty)
  }

  @Test func `no file is longer than 500 lines, and no line than 120 columns`() {
    for file in files {
      #expect(file.lines.count <= 501, "\(file.path) has \(file.lines.count) lines")
      for (index, line) in file.lines.enumerated() where line.count > 120 && !Self.isQuotedData(line) {
        Issue.record("\(file.path):\(index + 1) has \(line.count) columns")
      }
    }
  }

  /// Text of another format inside a literal, which cannot always be broken.
  private static func isQuotedData(_ line: Substring) -> Bool {
    let text = line.drop { $0 == " " }
    return text.hasPrefix("\"") || text.hasPrefix("{\"")
  }

  @Test func `nothing is left for later`() {
    let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
    for file in files {
      for (index, line) in file.lines.enumerated() where marks.contains(where: { line.contains($0) }) {
        Issue.record("\(file.path):\(index + 1): \(line)")
      }
    }
  }

  @Test func `products neither trap on purpose nor swallow errors by force`() {
    #expect(Repository.places(of: /try!|fatalError\(|preconditionFailure\(/) { $0.isSource } == [])
  }

  @Test func `every error has words of its own, so that no message shows a case and its payload`() throws {
    let declaration = /\b(?:enum|struct) (\w+)[^{]*:[^{]*\bError\b[^{]*\{?/
    var checked = 0
    for file in files where file.isSource {
      for (number, text) in file.code {
        guard let match = text.firstMatch(of: declaration), !text.contains("->") else { continue }
        checked += 1
        let conforms = try Regex(
          "extension (?:\\w+\\.)*\(match.1): [^{]*CustomStringConvertible", as: Substring.self)
        let isDescribed =
          text.contains("CustomStringConvertible")
          || files.contains { $0.target == file.target && $0.code.contains { $0.text.contains(conforms) } }
        #expect(isDescribed, "\(file.path):\(number): \(match.1) is an error without a description")
      }
    }
    #expect(checked > 20)
  }

  @Test func `products do not import Foundation`() {
    #expect(Repository.places(of: /import Foundation/) { $0.isSource } == [])
  }

  @Test func `nothing has package access, which is not inlined across targets`() {
    #expect(
      Repository.places(of: /^\s*package\s+(?:func|var|let|struct|enum|class|init|static|typealias)/) == [])
  }

  @Test func `unsafe constructs stay behind their fence`() {
    let fenced: Set = [
      "Bytes", "System", "EventLoop", "HTTP", "TLS", "Signatures", "Fetch", "YAML", "Metrics",
    ]
    let found = Repository.places(of: /\bunsafe\b/) { $0.isSource && !fenced.contains($0.target) }
    #expect(found == [])
  }

  @Test(arguments: [
    ("COpenSSL", ["Signatures", "TLS", "Fetch"]), ("CNghttp2", ["HTTP"]), ("CYAML", ["YAML"]),
    ("CJemalloc", ["Metrics"]),
    ("CLinux", ["System", "EventLoop"]), ("CCurl", ["Fetch"]),
  ])
  func `a C library is imported where its handles live alone`(module: String, targets: [String]) throws {
    let pattern = try Regex("import \(module)\\b", as: Substring.self)
    #expect(Repository.places(of: pattern) { $0.isSource && !targets.contains($0.target) } == [])
  }

  @Test func `the oracle shares nothing with what it is compared with`() {
    let isOracle = { (file: SourceFile) in file.target == "PolicyOracle" }
    #expect(files.contains(where: isOracle))
    #expect(Repository.places(of: /^(?:\w+ )?import (?!(?:Foundation|TestSupport)\b)/, where: isOracle) == [])
  }

  // MARK: The manifest

  private static let libraries = Repository.names(in: "Sources").filter {
    $0 != "countersign" && $0 != "countersign-load" && !isModuleMap($0)
  }

  /// Folders that hold a C library's module map and no Swift.
  private static func isModuleMap(_ name: String) -> Bool {
    Repository.names(in: "Sources/\(name)").contains("module.modulemap")
  }

  @Test func `the manifest is understood`() {
    #expect(Repository.dependencies(of: "Server").contains("EventLoop"))
    #expect(Repository.dependencies(of: "Policy").contains("Istio"))
    #expect(Repository.dependencies(of: "JSON") == ["Bytes"])
    for library in Self.libraries where library != "Bytes" {
      #expect(!Repository.dependencies(of: library).isEmpty, "\(library)")
    }
  }

  @Test func `the development issuer, which can sign, is linked into no library that serves`() {
    // The tests of policies mint tokens; only the command line may use them.
    let signing = ["Issuer", "PolicyTesting"]
    for library in Self.libraries {
      let dependencies = Repository.dependencies(of: library)
      if !signing.contains(library) { #expect(!dependencies.contains("Issuer"), "\(library)") }
      #expect(!dependencies.contains("PolicyTesting"), "\(library)")
    }
    #expect(
      Repository.places(of: /import Issuer\b/) {
        $0.isSource && !["countersign", "countersign-load", "PolicyTesting"].contains($0.target)
      } == [])
    #expect(
      Repository.places(of: /import PolicyTesting\b/) { $0.isSource && $0.target != "countersign" } == [])
  }

  @Test func `no arrow between targets leads back`() {
    var finished: Set<String> = []
    func walk(_ target: String, _ way: [String]) {
      if way.contains(target) {
        Issue.record("\((way + [target]).joined(separator: " -> "))")
        return
      }
      if finished.contains(target) { return }
      for next in Repository.dependencies(of: target) { walk(next, way + [target]) }
      finished.insert(target)
    }
    for library in Self.libraries { walk(library, []) }
  }

  @Test func `every library has tests of its own`() {
    for library in Self.libraries {
      let tests = files.filter { $0.path.hasPrefix("Tests/\(library)Tests/") }
      let count = tests.reduce(0) { $0 + $1.code.count { $0.text.contains("@Test") } }
      #expect(count > 0, "Tests/\(library)Tests has no test")
    }
  }
}
