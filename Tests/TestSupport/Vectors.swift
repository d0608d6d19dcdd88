public import Foundation

/// Test data made by others. It lives outside the project: in `$COUNTERSIGN_VECTORS`, else in `../shared/vectors`
/// beside the package. A test that needs it asks `Vectors.available` in an `.enabled(if:)` trait: it skips with that
/// reason where the data is missing, and fails in CI (`CI=true`), where a silent skip would be a lie.
public enum Vectors {
  /// The folder, or nil when it is not there.
  public static let folder: URL? = {
    let named = ProcessInfo.processInfo.environment["COUNTERSIGN_VECTORS"]
    let folder =
      named.map { URL(fileURLWithPath: $0) }
      ?? packageFolder.deletingLastPathComponent().appendingPathComponent("shared/vectors")
    var isFolder: ObjCBool = false
    let exists = unsafe FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder)
    return exists && isFolder.boolValue ? folder : nil
  }()

  /// The package's own folder.
  public static let packageFolder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  public static var isCI: Bool { ProcessInfo.processInfo.environment["CI"] == "true" }

  /// True when the data is there, and in CI always, so that a missing folder fails there.
  public static var available: Bool {
    if folder != nil || isCI { return true }
    print("skipped: no test vectors in $COUNTERSIGN_VECTORS or ../shared/vectors")
    return false
  }

  /// The octets of a file below the folder.
  public static func read(_ path: String) throws -> [UInt8] {
    guard let folder else { throw VectorsMissing() }
    return [UInt8](try Data(contentsOf: folder.appendingPathComponent(path)))
  }

  /// The names of the files directly in a folder below it, sorted.
  public static func list(_ path: String) throws -> [String] {
    guard let folder else { throw VectorsMissing() }
    return try FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent(path).path)
      .sorted()
  }
}

/// The data is missing although it must be there.
public struct VectorsMissing: Error, CustomStringConvertible {
  public var description: String { "no test vectors in $COUNTERSIGN_VECTORS or ../shared/vectors" }
}
