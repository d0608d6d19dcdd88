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

  /// The texts of all resources below the given files and folders, as `load` reads them.
  public static func read(_ paths: [String]) throws(SystemError) -> [ResourceText] {
    var files: [ResourceText] = []
    for path in paths {
      switch try Files.kind(path) {
      case nil: throw SystemError("read policies", .noSuchFile, path)
      case .folder:
        for name in try Files.list(path) {
          files.append(ResourceText(name: name, octets: try Files.read(name, limit: maximumFileBytes)))
        }
      case .file, .other:
        files.append(ResourceText(name: path, octets: try Files.read(path, limit: maximumFileBytes)))
      }
    }
    return files
  }
}
