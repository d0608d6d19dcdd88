import Bytes
import Check
import Istio

/// Which workload a check is about, and what said so.
public struct WorkloadChoice: Sendable, Equatable {
  public enum Way: UInt8, Sendable {
    /// `context_extensions` of the proxy's configuration: `countersign.workload`.
    case name
    /// The destination's principal.
    case serviceAccount
    /// The request's host.
    case host
    /// Nothing else decided.
    case `default`
  }

  /// Nil: none, and the check is denied.
  public var workload: Int?
  public var by: Way
}

/// Which workload a check is about (design, section 2): the one that the proxy's configuration names, else
/// the one whose service account is the destination's, else the one whose hosts match, else the default. A
/// name that nobody has is never given the default.
struct WorkloadFinder: Sendable {
  private struct Account: Sendable {
    var namespace: [UInt8]
    var serviceAccount: [UInt8]
    var workload: Int
  }

  private struct HostPattern: Sendable {
    /// In lower case, without the `*`.
    var text: [UInt8]
    var isSuffix: Bool
    var workload: Int
  }

  private let names: [[UInt8]]
  private let accounts: [Account]
  /// Exact names first, then suffixes from the longest.
  private let hosts: [HostPattern]
  private let defaultWorkload: Int?

  init(_ workloads: [Workload], defaultWorkload: String?) {
    names = workloads.map { Array($0.name.utf8) }
    accounts = workloads.indices.compactMap { index in
      workloads[index].serviceAccount.map {
        Account(
          namespace: Array(workloads[index].namespace.utf8), serviceAccount: Array($0.utf8), workload: index)
      }
    }
    var hosts: [HostPattern] = []
    for index in workloads.indices {
      for host in workloads[index].hosts {
        let isSuffix = host.hasPrefix("*")
        let text = Array(host.lowercased().utf8).dropFirst(isSuffix ? 1 : 0)
        hosts.append(HostPattern(text: Array(text), isSuffix: isSuffix, workload: index))
      }
    }
    self.hosts = hosts.sorted {
      $0.isSuffix == $1.isSuffix ? $0.text.count > $1.text.count : !$0.isSuffix
    }
    self.defaultWorkload = workloads.firstIndex { $0.name == defaultWorkload }
  }

  /// The index of the check's workload; nil when it names an unknown one, or when nothing fits and there is
  /// no default.
  func workload(of check: borrowing Check, in message: Span<UInt8>) -> Int? {
    choice(for: check, in: message).workload
  }

  func choice(for check: borrowing Check, in message: Span<UInt8>) -> WorkloadChoice {
    // Of two entries with one key, protobuf's maps keep the last.
    for pair in check.contextExtensions.reversed() where message[pair.name].equals("countersign.workload") {
      return WorkloadChoice(workload: named(message[pair.value]), by: .name)
    }
    if !accounts.isEmpty, let found = byPrincipal(message[check.destination.principal]) {
      return WorkloadChoice(workload: found, by: .serviceAccount)
    }
    if !hosts.isEmpty, let found = byHost(message[check.host]) {
      return WorkloadChoice(workload: found, by: .host)
    }
    return WorkloadChoice(workload: defaultWorkload, by: .default)
  }

  private func named(_ name: Span<UInt8>) -> Int? {
    for index in names.indices {
      let known = names[index]
      if known.span.equals(name) { return index }
    }
    return nil
  }

  /// `spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT`
  private func byPrincipal(_ principal: Span<UInt8>) -> Int? {
    guard principal.hasPrefix("spiffe://"), let domainEnd = principal.firstIndex(of: 0x2F, from: 9) else {
      return nil
    }
    let path = principal[domainEnd..<principal.count]
    for account in accounts {
      let size = 4 + account.namespace.count + 4 + account.serviceAccount.count
      guard path.count == size, path.hasPrefix("/ns/") else { continue }
      let namespaceEnd = 4 + account.namespace.count
      if path[4..<namespaceEnd].equals(account.namespace.span),
        path[namespaceEnd..<(namespaceEnd + 4)].equals("/sa/"),
        path[(namespaceEnd + 4)..<path.count].equals(account.serviceAccount.span)
      {
        return account.workload
      }
    }
    return nil
  }

  private func byHost(_ authority: Span<UInt8>) -> Int? {
    let host = authority[0..<Self.portStart(authority)]
    for pattern in hosts {
      if pattern.isSuffix {
        guard host.count > pattern.text.count || pattern.text.isEmpty else { continue }
        let tail = host[(host.count - pattern.text.count)..<host.count]
        if tail.equalsIgnoringCase(pattern.text.span) { return pattern.workload }
      } else if host.equalsIgnoringCase(pattern.text.span) {
        return pattern.workload
      }
    }
    return nil
  }

  /// Where `:port` begins: behind an IPv6 literal's bracket or at the only colon.
  private static func portStart(_ authority: Span<UInt8>) -> Int {
    if !authority.isEmpty, authority[0] == 0x5B {
      return authority.firstIndex(of: 0x5D).map { $0 + 1 } ?? authority.count
    }
    return authority.firstIndex(of: 0x3A) ?? authority.count
  }
}
