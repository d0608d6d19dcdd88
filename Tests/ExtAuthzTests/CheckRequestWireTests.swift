import Check
import ExtAuthz
import ExtAuthzTestMessages
import SwiftProtobuf
import TestSupport
import Testing

/// Our reader against swift-protobuf's, on messages that nobody wrote by hand.
struct CheckRequestWireTests {
  /// What a check that swift-protobuf wrote must read as.
  private func expected(_ check: WireCheckRequest) throws -> Taken {
    let attributes = check.attributes
    func peer(_ peer: WirePeer) -> Taken.Peer {
      let socket = peer.address.socketAddress
      return Taken.Peer(
        address: Array(socket.address.utf8), port: socket.portValue, principal: Array(peer.principal.utf8))
    }
    var taken = Taken()
    taken.source = peer(attributes.source)
    taken.destination = peer(attributes.destination)
    let http = attributes.request.http
    taken.hasHTTP = attributes.request.hasHTTP
    taken.method = Array(http.method.utf8)
    taken.path = Array(http.path.utf8)
    taken.host = Array(http.host.utf8)
    taken.scheme = Array(http.scheme.utf8)
    taken.serverName = attributes.hasTlsSession ? Array(attributes.tlsSession.sni.utf8) : nil
    taken.isRaw = !http.headerMap.headers.isEmpty
    taken.headers =
      taken.isRaw
      ? http.headerMap.headers.map {
        Taken.Pair(Array($0.key.utf8), $0.rawValue.isEmpty ? Array($0.value.utf8) : Array($0.rawValue))
      }
      : http.headers.map { Taken.Pair($0.key, $0.value) }
    taken.takeRawPath()
    taken.contextExtensions = attributes.contextExtensions.map { Taken.Pair($0.key, $0.value) }
    taken.filterMetadata = try attributes.metadataContext.filterMetadata.map {
      Taken.Pair(Array($0.key.utf8), try $0.value.serializedBytes())
    }
    return taken
  }

  @Test func `what another library wrote is read with the same values`() throws {
    var random = RandomMessages(SeededGenerator(announcing: #function))
    for _ in 0..<7_000 {
      let check = random.check()
      let message: [UInt8] = try check.serializedBytes()
      var mine = try take(message).sorted
      var theirs = try expected(check).sorted
      // Structs are maps: written twice they may differ in order. Their meaning must not.
      for (a, b) in zip(mine.filterMetadata, theirs.filterMetadata) {
        #expect(a.name == b.name)
        let left = try Google_Protobuf_Struct(serializedBytes: a.value)
        #expect(try left == Google_Protobuf_Struct(serializedBytes: b.value))
      }
      #expect(mine.filterMetadata.count == theirs.filterMetadata.count)
      mine.filterMetadata = []
      theirs.filterMetadata = []
      #expect(mine == theirs)
    }
  }

  @Test func `any legal spelling of a message is read as protobuf says`() throws {
    var random = RandomMessages(SeededGenerator(announcing: #function))
    for _ in 0..<5_000 {
      let message = random.respelled(try random.check().serializedBytes())
      let theirs = try #require(view(message))
      #expect(try take(message) == theirs)
    }
  }

  @Test func `a message cut anywhere is read as another library reads it`() throws {
    var random = RandomMessages(SeededGenerator(announcing: #function))
    for _ in 0..<40 {
      let message = random.respelled(try random.check().serializedBytes())
      for count in 0...message.count {
        let cut = Array(message[..<count])
        #expect((try? take(cut)) == view(cut), "\(count) of \(message)")
      }
    }
  }

  /// The differences that are meant: where protobuf takes a message that we refuse.
  private func isStricterOnPurpose(_ error: WireError, _ message: [UInt8]) -> Bool {
    switch error {
    case .number(let offset):
      // The tenth octet may carry one bit. Nine with the high bit set, then one above 1.
      guard offset + 9 < message.count else { return false }
      return message[offset..<(offset + 9)].allSatisfy { $0 >= 0x80 }
        && (2...127).contains(message[offset + 9])
    case .splitMetadata, .headers, .contextExtensions, .metadataNamespaces, .groupDepth: return true
    case .length, .fieldNumber, .wireType, .group, .text, .messageSize: return false
    }
  }

  @Test func `no damaged message is read otherwise than by another library`() throws {
    var random = RandomMessages(SeededGenerator(announcing: #function))
    var read = 0
    var refused = 0
    for _ in 0..<400 {
      let original = random.respelled(try random.check().serializedBytes())
      for _ in 0..<50 {
        let message = Mutation.mutated(original, using: &random.generator)
        let theirs = view(message)
        do throws(WireError) {
          let mine = try take(message)
          read += 1
          #expect(mine == theirs, "\(message)")
        } catch {
          refused += 1
          #expect(error.offset >= 0 && error.offset <= message.count)
          #expect(theirs == nil || isStricterOnPurpose(error, message), "\(error) \(message)")
        }
      }
    }
    // Else the test has tested nothing.
    #expect(read > 1_000 && refused > 1_000)
  }

  @Test func `noise is read as another library reads it`() {
    var random = RandomMessages(SeededGenerator(announcing: #function))
    for _ in 0..<20_000 {
      let noise = random.octets(40)
      do throws(WireError) {
        #expect(try take(noise) == view(noise), "\(noise)")
      } catch {
        #expect(view(noise) == nil || isStricterOnPurpose(error, noise), "\(error) \(noise)")
      }
    }
  }
}

/// Damage.
enum Mutation {
  static func mutated(_ original: [UInt8], using generator: inout SeededGenerator) -> [UInt8] {
    var octets = original
    for _ in 0..<Int.random(in: 1...3, using: &generator) {
      let at = Int.random(in: 0...octets.count, using: &generator)
      let end = min(octets.count, at + Int.random(in: 0...12, using: &generator))
      switch Int.random(in: 0..<7, using: &generator) {
      case 0 where at < octets.count: octets[at] ^= 1 << UInt8.random(in: 0...7, using: &generator)
      case 1 where at < octets.count: octets[at] = UInt8.random(in: 0...255, using: &generator)
      case 2: octets.removeSubrange(at..<end)
      case 3: octets.insert(contentsOf: Array(octets[at..<end]), at: at)
      case 4:
        octets.insert(contentsOf: (0..<3).map { _ in UInt8.random(in: 0...255, using: &generator) }, at: at)
      case 5: octets.insert(contentsOf: [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], at: at)
      default: octets.removeSubrange(at..<octets.count)
      }
    }
    return octets
  }
}
