extension ServiceConfiguration {
  /// Every key with its name as operators write it: `limits.connections`.
  static var keys: [(name: String, setting: Setting)] {
    settings.flatMap { setting -> [(name: String, setting: Setting)] in
      guard case .section(let keys) = setting.grammar else { return [(setting.name, setting)] }
      return keys.map { ("\(setting.name).\($0.name)", $0) }
    }
  }

  /// Takes back what a running service cannot change at a reload: it goes on with the values of `running`.
  /// - Returns: the names of the keys whose value was taken back, in the order of the table. Their new values take a
  ///   restart.
  public mutating func keepWhatNeedsRestart(of running: ServiceConfiguration) -> [String] {
    // All are compared before any is taken back: whether one needs a restart may depend on another.
    let kept = Self.keys.filter { _, setting in
      !setting.isSame(self, running) && setting.effect.needsRestart(self, running: running)
    }
    for (_, setting) in kept { setting.copy(from: running, to: &self) }
    return kept.map(\.name)
  }
}
