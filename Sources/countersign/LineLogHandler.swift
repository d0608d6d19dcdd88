import Configuration
import JSON
import Logging
import System

/// Writes log lines to standard error: text that people read on a terminal, or a JSON object a line.
struct LineLogHandler: LogHandler {
  private let isJSON: Bool
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]

  init(_ format: LogFormat, _ level: LogLevel) {
    isJSON = format == .json || format == .automatic && !Surroundings.errorIsTerminal
    logLevel =
      switch level {
      case .debug: .debug
      case .info: .info
      case .warning: .warning
      case .error: .error
      }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
    let time = CivilTime.rfc3339(nanoseconds: Clock.system.wallNanoseconds())
    let write = isJSON ? Self.json : Self.text
    StandardError.write(write(time, event.level, "\(event.message)", fields) + "\n")
  }

  static func text(
    _ time: String, _ level: Logger.Level, _ message: String,
    _ fields: [(key: String, value: Logger.MetadataValue)]
  ) -> String {
    ([time, "\(level)", plain(message)] + fields.map { "\($0.key)=\(plain("\($0.value)"))" }).joined(
      separator: " ")
  }

  static func json(
    _ time: String, _ level: Logger.Level, _ message: String,
    _ fields: [(key: String, value: Logger.MetadataValue)]
  ) -> String {
    JSONTree.object(
      [("time", .text(time)), ("level", .text("\(level)")), ("message", .text(message))]
        + fields.map { ($0.key, .text("\($0.value)")) }
    ).line
  }

  /// One line: what a provider or a file made of text must not make another.
  private static func plain(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
  }
}
