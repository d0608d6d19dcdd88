import Bytes
import Signatures

/// A key set on disk, so that a restart during a provider's outage opens with keys: a line with a checksum, the
/// address, the entity tag, and the set's text as it came. Whoever can write the file can sign tokens: its folder
/// is the operator's alone.
struct SavedKeys: Equatable {
  var url: String
  var entityTag: String?
  /// Wall clock seconds.
  var confirmedAt: UInt64
  /// The text of the JWK Set.
  var text: [UInt8]

  enum Fault: Error, Equatable, CustomStringConvertible {
    case notSavedKeys
    case checksum
    case anotherAddress(String)

    var description: String {
      switch self {
      case .notSavedKeys: "no saved keys of this version"
      case .checksum: "the checksum does not fit: the file is damaged, or somebody has changed it"
      case .anotherAddress(let url): "keys of another address, `\(url)`"
      }
    }
  }

  private static let mark = "countersign-keys 1 "

  static let fileEnding = ".keys"

  /// The name of the file of an address: nothing of the address can lead out of the folder.
  static func fileName(for url: String) -> String {
    hex(HashFunction.sha256.digest(of: Array(url.utf8))) + fileEnding
  }

  var octets: [UInt8] {
    let content = Array("\(confirmedAt)\n\(url)\n\(entityTag ?? "")\n".utf8) + text
    return Array((Self.mark + Self.hex(HashFunction.sha256.digest(of: content)) + "\n").utf8) + content
  }

  init(url: String, entityTag: String?, confirmedAt: UInt64, text: [UInt8]) {
    self.url = url
    // A tag with a line end would end its line; no server may send one.
    self.entityTag = entityTag.flatMap { $0.utf8.contains(0x0A) ? nil : $0 }
    self.confirmedAt = confirmedAt
    self.text = text
  }

  /// - Parameter url: the address whose keys these must be.
  init(reading octets: [UInt8], of url: String) throws(Fault) {
    var lines = octets[...]
    func line() -> String? {
      guard let end = lines.firstIndex(of: 0x0A) else { return nil }
      defer { lines = lines[(end + 1)...] }
      return String(decoding: lines[..<end], as: UTF8.self)
    }
    guard let head = line(), head.hasPrefix(Self.mark) else { throw .notSavedKeys }
    guard head.dropFirst(Self.mark.count) == Self.hex(HashFunction.sha256.digest(of: Array(lines))) else {
      throw .checksum
    }
    guard let confirmedAt = line().flatMap({ UInt64($0) }), let saved = line(), let tag = line() else {
      throw .notSavedKeys
    }
    guard saved == url else { throw .anotherAddress(saved) }
    self.init(url: url, entityTag: tag.isEmpty ? nil : tag, confirmedAt: confirmedAt, text: Array(lines))
  }

  private static func hex(_ octets: [UInt8]) -> String {
    octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
