import Istio

extension TestRun {
  /// A failure for a terminal: where, what was expected, what came, and why.
  public static func text(of failure: TestResult) -> String {
    var lines = ["\(failure.position): failed: \(failure.name)"]
    for difference in failure.differences {
      lines.append("    \(difference.what)")
      lines.append("      - expected  \(difference.expected)")
      lines.append("      + actual    \(difference.actual)")
    }
    for (index, word) in failure.words.enumerated() {
      lines.append((index == 0 ? "    why: " : "         ") + word)
    }
    return lines.joined(separator: "\n")
  }

  /// A line: `3 tests: 2 passed, 1 failed; 4 of 5 rules reached`.
  public var summary: String {
    let tests = "\(results.count) test\(results.count == 1 ? "" : "s")"
    let reached = coverage.count { $0.isReached }
    return "\(tests): \(results.count - failures) passed, \(failures) failed; "
      + "\(reached) of \(coverage.count) rule\(coverage.count == 1 ? "" : "s") reached"
  }

  /// The results as JUnit's XML, which CI systems show: one `testsuite` for each file.
  public var junit: String {
    var files: [String] = []
    for result in results where !files.contains(result.file) { files.append(result.file) }
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    text +=
      "<testsuites tests=\"\(results.count)\" failures=\"\(failures)\" time=\"\(Self.seconds(results))\">\n"
    for file in files {
      let own = results.filter { $0.file == file }
      text += "  <testsuite name=\"\(Self.escaped(file))\" tests=\"\(own.count)\" "
      text += "failures=\"\(own.count { !$0.passed })\" errors=\"0\" time=\"\(Self.seconds(own))\">\n"
      for result in own { text += Self.testcase(result) }
      text += "  </testsuite>\n"
    }
    return text + "</testsuites>\n"
  }

  private static func testcase(_ result: TestResult) -> String {
    let head =
      "    <testcase classname=\"\(escaped(result.file))\" name=\"\(escaped(result.name))\" "
      + "line=\"\(result.position.line)\" time=\"\(seconds([result]))\""
    if result.passed { return head + "/>\n" }
    let message = result.differences.map { "\($0.what): expected \($0.expected), actual \($0.actual)" }
      .joined(separator: "; ")
    return head + ">\n      <failure message=\"\(escaped(message))\">\(escaped(text(of: result)))</failure>\n"
      + "    </testcase>\n"
  }

  private static func seconds(_ results: [TestResult]) -> String {
    let microseconds = results.reduce(0) { $0 &+ $1.nanoseconds } / 1_000
    let digits = String(microseconds % 1_000_000)
    return "\(microseconds / 1_000_000)." + String(repeating: "0", count: 6 - digits.count) + digits
  }

  /// Text as XML 1.0 can hold it: what no document may hold becomes U+FFFD.
  private static func escaped(_ text: String) -> String {
    var output = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": output += "&amp;"
      case "<": output += "&lt;"
      case ">": output += "&gt;"
      case "\"": output += "&quot;"
      case "\n": output += "&#10;"
      case "\t": output += "&#9;"
      default:
        let isAllowed = scalar.value >= 0x20 && scalar.value != 0xFFFE && scalar.value != 0xFFFF
        output.unicodeScalars.append(isAllowed ? scalar : "\u{FFFD}")
      }
    }
    return output
  }
}
