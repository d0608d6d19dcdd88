import Benchmark
import Bytes
import SignatureDifferential
import Signatures

// Verifications of each algorithm, and beside each libcrypto's `EVP_DigestVerify` with a fresh context (`HMAC()` for
// HS…) on the same key, message and signature. The message has 550 octets: a token of 700.

/// A key and a signature of its own, and both ways to check it.
final class Subject: @unchecked Sendable {
  private var verifier: Verifier
  private let rival: LibcryptoVerifier
  private let signature: [UInt8]
  private let message = [UInt8]((0..<550).map { UInt8(truncatingIfNeeded: $0 &* 31) })

  init(_ algorithm: Algorithm) throws {
    let key = try SigningKey.generate(for: algorithm)
    let message = self.message
    signature = try key.sign(message.span, algorithm: algorithm)
    var made = try Verifier(key: key.verificationKey, algorithm: algorithm)
    if let table = ECDSATable.build(for: key.verificationKey) { made.adopt(table) }
    verifier = made
    rival = try LibcryptoVerifier(key.verificationKey, algorithm, signature)
  }

  func verify() {
    let (signature, message) = (self.signature, self.message)
    let isValid = verifier.isValid(signature: signature.span, over: message.span)
    precondition(isValid)
  }

  func verifyByLibcrypto() { precondition(rival.isValid(message)) }
}

let benchmarks: @Sendable () -> Void = {
  Benchmark.defaultConfiguration = .init(
    metrics: [.cpuTotal, .throughput], timeUnits: .microseconds, warmupIterations: 10,
    scalingFactor: .one, maxDuration: .seconds(1), maxIterations: 200_000)
  for algorithm in Algorithm.allCases {
    guard let subject = try? Subject(algorithm) else { fatalError("no key for \(algorithm.name)") }
    Benchmark("\(algorithm.name) verify") { benchmark in
      for _ in benchmark.scaledIterations { subject.verify() }
    }
    Benchmark("\(algorithm.name) verify by libcrypto alone") { benchmark in
      for _ in benchmark.scaledIterations { subject.verifyByLibcrypto() }
    }
  }
}
