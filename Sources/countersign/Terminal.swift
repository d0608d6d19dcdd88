import System

/// Lines for the person at the terminal, and the end of the process.
enum Terminal {
  /// A line on standard error: diagnostics and failures. Results go to standard output by `print`.
  static func error(_ text: String) {
    StandardError.write(text + "\n")
  }

  /// Whether results may be coloured: a person reads them, and has not declined (no-color.org).
  static var isColoured: Bool {
    Surroundings.outputIsTerminal && (Surroundings.variable("NO_COLOR") ?? "").isEmpty
      && Surroundings.variable("TERM") != "dumb"
  }
}
