import Glibc

/// A folder whose files this process must be able to believe: nobody else may write them. It is the process's user's
/// own, with mode 0700, and so are its files, with mode 0600. Folders above it are not looked at.
public struct PrivateFolder: Sendable {
  /// What was wrong with the folder or one of its files, and what was done about it.
  public enum Finding: Sendable, Hashable, CustomStringConvertible {
    /// Others could look into the folder, or write it; it has mode 0700 now.
    case folderNarrowed(path: String, mode: UInt32)
    /// Others could read the file; it has mode 0600 now.
    case fileNarrowed(path: String, mode: UInt32)
    /// Others could have written the file; it was removed.
    case fileDiscarded(path: String, mode: UInt32)
    /// Another user owns the file; it is not read.
    case fileOfOtherUser(path: String, owner: UInt32, user: UInt32)
    /// A link, a folder or another thing stands where a file is expected; it is not read.
    case noFile(path: String)

    public var description: String {
      switch self {
      case .folderNarrowed(let path, let mode):
        "folder \(path) had mode \(Self.octal(mode)), which let others in; it has 0700 now"
      case .fileNarrowed(let path, let mode):
        "file \(path) had mode \(Self.octal(mode)), which let others read it; it has 0600 now"
      case .fileDiscarded(let path, let mode):
        "file \(path) had mode \(Self.octal(mode)): others could have written it, so it was removed unread; right is "
          + "0600. In Kubernetes fsGroup changes modes at each mount unless fsGroupChangePolicy is OnRootMismatch"
      case .fileOfOtherUser(let path, let owner, let user):
        "file \(path) belongs to user \(owner) and is not read; right is user \(user), who runs this process"
      case .noFile(let path): "\(path) is a link or no plain file, and is not read; remove it"
      }
    }

    private static func octal(_ mode: UInt32) -> String {
      let digits = String(mode, radix: 8)
      return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
  }

  private static let others: UInt32 = 0o077
  private static let othersWrite: UInt32 = 0o022

  public let path: String
  private let user: UInt32

  /// Makes the folder when it is not there, and looks at it and at the files in it whose names have this ending.
  /// - Parameters:
  ///   - user: whose the folder and its files must be; nil: the process's effective user.
  ///   - findings: what was wrong and has been put right, or is left aside.
  /// - Throws: the folder cannot be used; above all when it is another user's, who could write it.
  public init(
    _ path: String, filesEndingIn ending: String, user: UInt32? = nil, findings: inout [Finding]
  ) throws(SystemError) {
    self.path = path
    self.user = user ?? UInt32(geteuid())
    try Files.makeFolder(path, mode: 0o700)
    // First by its path: a folder of another user may not even be opened, and the owner is what must be said.
    try requireOwner(try named(Self.operation, path) { () throws(Errno) in try Files.status(path) })
    let folder = try Files.open(path, O_RDONLY | O_DIRECTORY, mode: 0, operation: Self.operation)
    let status = try Self.status(of: folder, path)
    try requireOwner(status)
    let mode = UInt32(status.st_mode) & 0o7777
    if mode & Self.others != 0 {
      try narrow(folder, to: 0o700, path)
      findings.append(.folderNarrowed(path: path, mode: mode))
    }
    for name in try Files.names(in: path).sorted() where name.hasSuffix(ending) {
      // What cannot be opened is reported by whoever reads it.
      do { _ = try inspect(place(name), &findings) } catch { continue }
    }
  }

  private func requireOwner(_ status: stat) throws(SystemError) {
    if UInt32(status.st_uid) == user { return }
    throw SystemError(
      Self.operation, .notPermitted, path,
      hint:
        "it belongs to user \(status.st_uid), who could write what is believed here, and not to user \(user), who "
        + "runs this process; name a folder below it, such as \(place("keys")), which is then made with mode 0700"
    )
  }

  private static let operation = "keep private files in"

  private func place(_ name: String) -> String { path.hasSuffix("/") ? path + name : path + "/" + name }

  /// What is in the file; nil when it is not there, or is none that may be believed: `init` has told why.
  /// - Parameter limit: bytes.
  public func read(_ name: String, limit: Int) throws(SystemError) -> [UInt8]? {
    var findings: [Finding] = []
    guard let file = try inspect(place(name), &findings), findings.isEmpty else { return nil }
    return try Files.read(file, place(name), limit: limit)
  }

  /// Writes the file whole and atomically, with mode 0600.
  public func write(_ bytes: Span<UInt8>, to name: String) throws(SystemError) {
    try Files.write(bytes, to: place(name), mode: 0o600)
  }

  /// The file, opened, when nobody else can have written it. Links are not followed.
  private func inspect(_ path: String, _ findings: inout [Finding]) throws(SystemError) -> FileDescriptor? {
    let file: FileDescriptor
    do {
      // A pipe must not make the process wait.
      file = try Files.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, mode: 0, operation: "read")
    } catch {
      if error.errno == .noSuchFile { return nil }
      if error.errno == .tooManyLinks {
        findings.append(.noFile(path: path))
        return nil
      }
      throw error
    }
    let status = try Self.status(of: file, path)
    guard status.st_mode & S_IFMT == S_IFREG else {
      findings.append(.noFile(path: path))
      return nil
    }
    guard UInt32(status.st_uid) == user else {
      findings.append(.fileOfOtherUser(path: path, owner: UInt32(status.st_uid), user: user))
      return nil
    }
    let mode = UInt32(status.st_mode) & 0o7777
    if mode & Self.othersWrite != 0 {
      // Narrowed and left there, it would be believed the next time.
      try Files.remove(path)
      findings.append(.fileDiscarded(path: path, mode: mode))
      return nil
    }
    if mode & Self.others != 0 {
      try narrow(file, to: 0o600, path)
      findings.append(.fileNarrowed(path: path, mode: mode))
    }
    return file
  }

  private func narrow(_ file: borrowing FileDescriptor, to mode: UInt32, _ path: String) throws(SystemError) {
    let number = file.rawValue
    try named("change the mode of", path) { () throws(Errno) in
      _ = try systemCall { fchmod(number, mode_t(mode)) }
    }
  }

  private static func status(of file: borrowing FileDescriptor, _ path: String) throws(SystemError) -> stat {
    let number = file.rawValue
    return try named("look at", path) { () throws(Errno) -> stat in
      var status = stat()
      _ = try systemCall { unsafe fstat(number, &status) }
      return status
    }
  }
}
