import Bytes
import System

/// One key of the configuration file: its name, how its value is read, what it writes, and when another value takes
/// effect. The table of all keys (`ServiceConfiguration.settings`) is the only place that knows: the reader of the
/// file, the JSON Schema, the reload and its report are loops over it.
struct Setting {
  typealias Target = ServiceConfiguration

  /// How a value is read.
  enum Grammar {
    case text((inout Target, String) -> Void)
    case boolean((inout Target, Bool) -> Void)
    /// A whole number within bounds.
    case integer(ClosedRange<Int>, (inout Target, Int) -> Void)
    case texts((inout Target, [String]) -> Void)
    /// A time such as `60s`, `500ms`, `5m`, in nanoseconds within bounds.
    case duration(ClosedRange<UInt64>, (inout Target, UInt64) -> Void)
    /// A time of whole seconds, in seconds within bounds.
    case seconds(ClosedRange<UInt64>, (inout Target, UInt64) -> Void)
    /// Text that must be understood; nil when it is, else what would be right.
    case parsed((inout Target, String) -> String?)
    /// A list of texts that must be understood.
    case parsedTexts((inout Target, [String]) -> String?)
    /// Address blocks, such as 10.0.0.0/8.
    case prefixes((inout Target, [IPPrefix]) -> Void)
    case section([Setting])
    case workloads
  }

  /// When a changed value takes effect.
  enum Effect {
    case atReload
    /// A running service keeps its value.
    case atRestart
    /// At a reload that leaves this fact as it is, else at a restart.
    case atReloadWhileUnchanged(KeyPath<Target, Bool>)

    func needsRestart(_ new: Target, running: Target) -> Bool {
      switch self {
      case .atReload: false
      case .atRestart: true
      case .atReloadWhileUnchanged(let fact): new[keyPath: fact] != running[keyPath: fact]
      }
    }
  }

  /// A property that a key writes.
  struct Property {
    let isSame: (Target, Target) -> Bool
    let copy: (Target, inout Target) -> Void

    init<Value: Equatable>(_ path: WritableKeyPath<Target, Value>) {
      isSame = { $0[keyPath: path] == $1[keyPath: path] }
      copy = { $1[keyPath: path] = $0[keyPath: path] }
    }
  }

  let name: String
  let grammar: Grammar
  /// When a change takes effect. Of a section its keys say so.
  let effect: Effect
  /// What the key writes; empty for a section.
  let properties: [Property]

  init(_ name: String, _ grammar: Grammar, writes properties: [Property], _ effect: Effect) {
    self.name = name
    self.grammar = grammar
    self.effect = effect
    self.properties = properties
  }

  func isSame(_ one: Target, _ other: Target) -> Bool { properties.allSatisfy { $0.isSame(one, other) } }

  func copy(from source: Target, to target: inout Target) {
    for property in properties { property.copy(source, &target) }
  }
}

extension Setting {
  static func section(_ name: String, _ keys: [Setting]) -> Setting {
    Setting(name, .section(keys), writes: [], .atReload)
  }

  static func text(_ name: String, _ path: WritableKeyPath<Target, String>, _ effect: Effect) -> Setting {
    Setting(name, .text { $0[keyPath: path] = $1 }, writes: [Property(path)], effect)
  }

  static func text(_ name: String, _ path: WritableKeyPath<Target, String?>, _ effect: Effect) -> Setting {
    Setting(name, .text { $0[keyPath: path] = $1 }, writes: [Property(path)], effect)
  }

  static func boolean(_ name: String, _ path: WritableKeyPath<Target, Bool>, _ effect: Effect) -> Setting {
    Setting(name, .boolean { $0[keyPath: path] = $1 }, writes: [Property(path)], effect)
  }

  static func texts(_ name: String, _ path: WritableKeyPath<Target, [String]>, _ effect: Effect) -> Setting {
    Setting(name, .texts { $0[keyPath: path] = $1 }, writes: [Property(path)], effect)
  }

  /// - Precondition: `Number` holds every number within `bounds`.
  static func integer<Number: FixedWidthInteger>(
    _ name: String, _ path: WritableKeyPath<Target, Number>, _ bounds: ClosedRange<Int>, _ effect: Effect
  ) -> Setting {
    Setting(
      name, .integer(bounds) { $0[keyPath: path] = Number(clamping: $1) }, writes: [Property(path)], effect)
  }

  /// - Parameter bounds: nanoseconds.
  static func duration(
    _ name: String, _ path: WritableKeyPath<Target, UInt64>, _ bounds: ClosedRange<UInt64>, _ effect: Effect
  ) -> Setting {
    Setting(name, .duration(bounds) { $0[keyPath: path] = $1 }, writes: [Property(path)], effect)
  }

  /// - Parameter bounds: seconds.
  static func seconds(
    _ name: String, _ path: WritableKeyPath<Target, UInt64>, _ bounds: ClosedRange<UInt64>, _ effect: Effect
  ) -> Setting {
    Setting(name, .seconds(bounds) { $0[keyPath: path] = $1 }, writes: [Property(path)], effect)
  }

  /// One of a few words.
  /// - Parameter what: what it is, for messages.
  static func word<Word: RawRepresentable<String> & CaseIterable & Equatable>(
    _ name: String, _ path: WritableKeyPath<Target, Word>, _ what: String, _ effect: Effect
  ) -> Setting {
    .parsed(name, path, effect) { target, text in
      guard let word = Word(rawValue: text) else {
        return "`\(text)` is no \(what); known: \(Word.allCases.map(\.rawValue).joined(separator: ", "))"
      }
      target[keyPath: path] = word
      return nil
    }
  }

  /// Text that must be understood.
  static func parsed<Value: Equatable>(
    _ name: String, _ path: WritableKeyPath<Target, Value>, _ effect: Effect,
    _ parse: @escaping (inout Target, String) -> String?
  ) -> Setting {
    Setting(name, .parsed(parse), writes: [Property(path)], effect)
  }

  static func address(
    _ name: String, _ path: WritableKeyPath<Target, ListenAddress>, _ effect: Effect
  ) -> Setting {
    .parsed(name, path, effect) { target, text in
      do throws(ListenAddressError) {
        target[keyPath: path] = try ListenAddress(text)
        return nil
      } catch {
        return error.description
      }
    }
  }
}
