import Bytes
import Foundation
import Signatures

/// What a verification costs here and by `EVP_DigestVerify` with a fresh context (`HMAC()` for HS…), on the
/// same key and message, in turn. CPU time of the thread; medians.
public struct SignatureMeasurement {
  private let runs: Int
  private let message = [UInt8]((0..<700).map { UInt8(truncatingIfNeeded: $0 &* 31) })

  public init(runs: Int) { self.runs = runs }

  public func table() throws -> String {
    var lines = ["algorithm   here us   libcrypto us   times"]
    for algorithm in Algorithm.allCases {
      let (ours, theirs) = try measure(algorithm)
      let name = "\(algorithm.name)".padding(toLength: 10, withPad: " ", startingAt: 0)
      lines.append(String(format: "%@ %8.2f %12.2f %10.2f", name, ours, theirs, theirs / ours))
    }
    return lines.joined(separator: "\n")
  }

  private func measure(_ algorithm: Algorithm) throws -> (ours: Double, theirs: Double) {
    let key = try SigningKey.generate(for: algorithm)
    let signature = try key.sign(message.span, algorithm: algorithm)
    var verifier = try Verifier(key: key.verificationKey, algorithm: algorithm)
    if let table = ECDSATable.build(for: key.verificationKey) { verifier.adopt(table) }
    let rival = try LibcryptoVerifier(key.verificationKey, algorithm, signature)
    let message = self.message
    // About 20 ms each, so that the clock's grain does not count.
    let once = Self.microseconds(1) { _ = rival.isValid(message) }
    let times = max(10, Int(20_000 / max(once, 0.5)))
    var ours: [Double] = []
    var theirs: [Double] = []
    var isRight = true
    for _ in 0..<runs {
      ours.append(
        Self.microseconds(times) {
          isRight = isRight && verifier.isValid(signature: signature.span, over: message.span)
        })
      theirs.append(Self.microseconds(times) { isRight = isRight && rival.isValid(message) })
    }
    precondition(isRight, "\(algorithm.name): a right signature was refused")
    return (ours.sorted()[runs / 2], theirs.sorted()[runs / 2])
  }

  /// Of one call.
  private static func microseconds(_ times: Int, _ body: () -> Void) -> Double {
    let start = now()
    for _ in 0..<times { body() }
    return (now() - start) / Double(times)
  }

  private static func now() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
  }
}
