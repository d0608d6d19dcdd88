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
