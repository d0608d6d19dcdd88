public import Istio
public import System

/// The files that resources are read from.
public enum PolicyFiles {
  /// Octets of one file: more is surely not a policy.
  public static let maximumFileBytes = 16 << 20

  /// Reads all resources below the given files and folders.
  ///
  /// - Parameter paths: files as they are; of folders every `.yaml`, `.yml` and `.json` file below them,
  ///   sorted.
  /// - Throws: a path that cannot be read. What is wrong inside the files is among the diagnostics.
  public static func load(
    _ paths: [String], settings: LoaderSettings = LoaderSettings()
  ) throws(SystemError) -> LoadedResources {
    ResourceLoader(settings).load(try read(paths))
  }

  /// The folders in which a change may change what `read` gives.
  /// - Throws: a folder that cannot be looked into.
  public static func folders(_ paths: [String]) throws(SystemError) -> [String] {
    var folders: [String] = []
    for path in paths {
      if try Files.kind(path) == .folder {
        folders += try Files.folders(path)
      } else {
        folders += Self.folders(holding: path)
      }
    }
    return folders
  }

  /// The folder of a file, and that of the file that it links to.
  public static func folders(holding path: String) -> [String] {
    [folder(of: path)] + (Files.linkedFolder(of: path).map { [$0] } ?? [])
  }

  /// The folder that holds a file, as the file's path names it.
  public static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// What is below files and folders.
  public struct Found: Sendable {
    /// The texts of all resources.
    public var texts: [ResourceText] = []
    /// Files of folders that by their names are no resources: how many, by name without folder.
    public var passedOver: [String: Int] = [:]
  }

  /// Names of files that stand beside resources and are none: what builds them from templates and overlays.
  private static let noResources: Set<String> = [
    "kustomization.yaml", "kustomization.yml", "Chart.yaml", "Chart.yml", "values.yaml", "values.yml",
  ]

  /// The texts of all resources below the given files and folders, as `load` reads them.
  public static func read(_ paths: [String]) throws(SystemError) -> [ResourceText] { try find(paths).texts }

  /// The same, with what was passed over. A file that a path names is never passed over, and neither is one that
  /// has a policy at its outermost level, whatever its name.
  /// - Throws: a path that cannot be read.
  public static func find(_ paths: [String]) throws(SystemError) -> Found {
    var found = Found()
    for path in paths {
      switch try Files.kind(path) {
      case nil: throw SystemError("read policies", .noSuchFile, path)
      case .folder:
        for name in try Files.list(path) {
          let octets = try Files.read(name, limit: maximumFileBytes)
          let base = name.lastIndex(of: "/").map { String(name[name.index(after: $0)...]) } ?? name
          if noResources.contains(base), !holdsPolicy(octets) {
            found.passedOver[base, default: 0] += 1
          } else {
            found.texts.append(ResourceText(name: name, octets: octets))
          }
        }
      case .file, .other:
        found.texts.append(ResourceText(name: path, octets: try Files.read(path, limit: maximumFileBytes)))
      }
    }
    return found
  }

  /// Whether a line begins with `apiVersion: security.istio.io`. A policy in a file of such a name must not be lost.
  private static func holdsPolicy(_ octets: [UInt8]) -> Bool {
    let quotes: Set<UInt8> = [0x22, 0x27, 0x7B, 0x20]
    return octets.split(separator: 0x0A).contains { line in
      let bare = line.first == 0x20 ? [] : line.prefix(64).filter { !quotes.contains($0) }
      return bare.starts(with: "apiVersion:security.istio.io/".utf8)
    }
  }
}
