import Bytes

/// What readers found in some texts, side by side: with the documents' octets, all that is needed to have
/// them again without reading (`JSONDocument.restore`). It takes 16 octets a value or member name.
public struct JSONNodeList: Sendable {
  var nodes: [JSONDocument.Node] = []

  public init() {}

  public var count: Int { nodes.count }

  /// What a node takes.
  public static let nodeOctets = MemoryLayout<JSONDocument.Node>.stride

  /// Makes room for so many, and no more.
  public mutating func reserve(_ count: Int) { nodes.reserveCapacity(count) }

  /// Puts a document's nodes behind the present ones.
  public mutating func append(_ document: borrowing JSONDocument) { nodes.append(contentsOf: document.nodes) }
}

extension JSONDocument {
  /// How many nodes it appends to a list.
  public var nodeCount: Int { nodes.count }

  /// Makes this again the document that had these octets and these nodes. Cost: a copy of both.
  /// - Parameters:
  ///   - octets: `document.octets` as they were.
  ///   - range: where its nodes stand in `list`.
  /// - Precondition: both are of one document; of two, what it says is meaningless, though never out of
  ///   bounds.
  public mutating func restore(_ octets: Span<UInt8>, _ list: JSONNodeList, _ range: Range<Int>) {
    self.octets.removeAll()
    self.octets.append(octets)
    nodes.clear()
    nodes.append(contentsOf: list.nodes[range])
  }

  /// Makes this the same document as another. Cost: a copy of its bytes and nodes; no allocation once the storage has
  /// grown to it.
  public mutating func copy(_ other: borrowing JSONDocument) {
    octets.removeAll()
    octets.append(other.octets.span)
    nodes.clear()
    nodes.append(contentsOf: other.nodes)
  }
}
