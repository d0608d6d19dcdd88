/// Why a message was not read. Every case carries the offset, in octets from the start of the message, of the
/// field or number that is wrong. A message that was not read never becomes a verdict that allows.
public enum WireError: Error, Equatable, Sendable {
  /// A base-128 number is cut, longer than ten octets or above 64 bits.
  case number(at: Int)
  /// A length reaches beyond the message, or beyond the sub-message that it stands in.
  case length(at: Int)
  /// Field number 0, or a tag of more than 32 bits.
  case fieldNumber(at: Int)
  /// Wire type 6 or 7.
  case wireType(at: Int)
  /// A group ends that was not begun, or is not ended within its message.
  case group(at: Int)
  /// Text that is not UTF-8 (proto3 demands it of every `string`).
  case text(at: Int)
  /// One metadata namespace in two pieces: legal on the wire, not readable as one range, and sent by nobody.
  case splitMetadata(at: Int)
  /// Groups nested deeper than `CheckRequestReader.maximumGroupDepth`.
  case groupDepth(at: Int)
  /// More octets than a range can name (2 GiB).
  case messageSize
  /// More header lines than `CheckRequestSettings.maximumHeaders`.
  case headers(at: Int)
  /// More entries than `CheckRequestSettings.maximumContextExtensions`.
  case contextExtensions(at: Int)
  /// More entries than `CheckRequestSettings.maximumMetadataNamespaces`.
  case metadataNamespaces(at: Int)

  /// RESOURCE_EXHAUSTED beyond a limit, else INTERNAL, as gRPC libraries answer a message that they cannot parse. The
  /// call ends so only where the operator asked for gRPC errors: the server denies by default.
  public var statusCode: StatusCode {
    switch self {
    case .groupDepth, .messageSize, .headers, .contextExtensions, .metadataNamespaces: .resourceExhausted
    case .number, .length, .fieldNumber, .wireType, .group, .text, .splitMetadata: .internal
    }
  }

  /// What went wrong, for `grpc-message` and the operator; without the offset.
  public var text: StaticString {
    switch self {
    case .number: "the message holds a number that is cut or too long"
    case .length: "the message holds a length that reaches beyond its end"
    case .fieldNumber: "the message holds an impossible field number"
    case .wireType: "the message holds an unknown wire type"
    case .group: "the message holds an unbalanced group"
    case .text: "the message holds text that is not UTF-8"
    case .splitMetadata: "the message holds a metadata namespace in two pieces"
    case .groupDepth: "the message nests groups too deep"
    case .messageSize: "the message is too large"
    case .headers: "the message holds too many headers"
    case .contextExtensions: "the message holds too many context extensions"
    case .metadataNamespaces: "the message holds too many metadata namespaces"
    }
  }

  /// Octets from the start of the message to the place.
  public var offset: Int {
    switch self {
    case .number(let offset), .length(let offset), .fieldNumber(let offset), .wireType(let offset),
      .group(let offset), .text(let offset), .splitMetadata(let offset), .groupDepth(let offset),
      .headers(let offset), .contextExtensions(let offset), .metadataNamespaces(let offset):
      offset
    case .messageSize: 0
    }
  }
}

extension WireError: CustomStringConvertible {
  /// What went wrong and where, for the operator.
  public var description: String { self == .messageSize ? "\(text)" : "\(text), at byte \(offset)" }
}
