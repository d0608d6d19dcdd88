import Glibc

/// What the process was started with.
public enum Surroundings {
  /// Whether standard output is a terminal, so that a person reads it.
  public static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Whether standard error is one: what is logged is read by a person.
  public static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  /// A variable of the environment; nil when it is not set. Only before threads are started.
  public static func variable(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }
}
