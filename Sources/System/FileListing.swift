import Glibc

/// What `Files.list` looks for and how far it goes.
public struct FileListingSettings: Sendable, Hashable {
  /// The endings of wanted names, compared exactly.
  public var endings = [".yaml", ".yml", ".json"]
  /// Folders below the first. A policy folder is two or three deep; 16 stops a runaway mount.
  public var maximumDepth = 16
  /// Files found. Far above any policy set; it stops a listing of a whole disk by mistake.
  public var maximumFiles = 100_000

  public init() {}
}

extension Files {
  /// The wanted files in a folder and all below it, sorted by the octets of their paths. Each path starts
  /// with `folder` as given. Names that begin with a dot are left out, links are followed, a folder is
  /// visited once: a mounted Kubernetes ConfigMap (`..data`, and links into it) gives each file once, by its
  /// plain name.
  /// - Throws: also for a wanted file that cannot be looked at (a broken link): a policy that is silently
  ///   left out would be an open gate.
  public static func list(
    _ folder: String, settings: FileListingSettings = FileListingSettings()
  ) throws(SystemError) -> [String] {
    var listing = Listing(settings: settings)
    try listing.visit(folder)
    return listing.files.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// The folder of the file that a link leads to in the end; nil when the path is no link, or leads nowhere.
  public static func linkedFolder(of path: String) -> String? {
    var status = stat()
    guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK,
      let real = unsafe realpath(path, nil)
    else { return nil }
    defer { unsafe free(real) }
    return folder(of: unsafe String(cString: real))
  }

  /// A folder and all below it that `list` looks into, and those that its links lead to: what must be watched to see
  /// a change of its answer.
  public static func folders(
    _ folder: String, settings: FileListingSettings = FileListingSettings()
  ) throws(SystemError) -> [String] {
    var listing = Listing(settings: settings)
    try listing.visit(folder)
    return listing.folders
  }
}

private struct Listing {
  private struct Identity: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  let settings: FileListingSettings
  var files: [String] = []
  var folders: [String] = []
  private var visited: Set<Identity> = []
  private var linked: Set<String> = []

  init(settings: FileListingSettings) { self.settings = settings }

  /// Walks the tree with a stack of its own: depth costs memory, never the thread's stack.
  mutating func visit(_ root: String) throws(SystemError) {
    var pending = [(path: root, depth: 0)]
    while let (folder, depth) = pending.popLast() {
      let status = try named("look at", folder) { () throws(Errno) in try Files.status(folder) }
      let identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
      guard visited.insert(identity).inserted else { continue }
      folders.append(folder)
      for name in try Files.names(in: folder) where !name.hasPrefix(".") {
        let path = folder.hasSuffix("/") ? folder + name : folder + "/" + name
        if try take(path, name) { continue }
        if depth == settings.maximumDepth {
          throw SystemError(
            "list", .tooManyLinks, path, hint: "folders nest deeper than \(settings.maximumDepth)")
        }
        pending.append((path, depth + 1))
      }
    }
  }

  /// Takes a wanted file, leaves any other thing.
  /// - Returns: false for a folder to visit.
  private mutating func take(_ path: String, _ name: String) throws(SystemError) -> Bool {
    let isWanted = settings.endings.contains { name.hasSuffix($0) }
    let kind: UInt32
    do {
      kind = UInt32(try Files.status(path).st_mode & S_IFMT)
    } catch {
      if !isWanted { return true }
      throw SystemError("look at", error, path)
    }
    if kind == S_IFDIR { return false }
    if !isWanted || kind != S_IFREG { return true }
    if files.count == settings.maximumFiles {
      throw SystemError("list", .overflow, path, hint: "more than \(settings.maximumFiles) files")
    }
    files.append(path)
    if let folder = Files.linkedFolder(of: path), linked.insert(folder).inserted { folders.append(folder) }
    return true
  }
}

extension Files {
  /// The names of all things in a folder, hidden ones too, in no order.
  static func names(in folder: String) throws(SystemError) -> [String] {
    guard let stream = unsafe opendir(folder) else {
      throw SystemError("list", Errno(rawValue: errno), folder)
    }
    defer { _ = unsafe closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else {
        let number = errno
        if number != 0 { throw SystemError("list", Errno(rawValue: number), folder) }
        return names
      }
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { raw in
        unsafe String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
  }
}
