/// Makes the tree from events, with its own stack: no call is nested however the text is.
struct TreeBuilder {
  private struct Frame {
    var isMapping: Bool
    var position: YAMLPosition
    var anchor: String?
    var elements: [YAMLNode] = []
    var members: [YAMLMember] = []
    var names: [[UInt8]: YAMLPosition] = [:]
    var key: (name: String, position: YAMLPosition)?
    /// Nodes within, aliases unfolded, and levels of containers, this one included.
    var weight = 1
    var height = 1
  }

  /// What an alias stands for, and what a walk over it costs.
  private struct Anchored {
    var node: YAMLNode
    var weight: Int
    var height: Int
  }

  private let settings: YAMLSettings
  private var frames: [Frame] = []
  private var anchors: [String: Anchored] = [:]
  private var nodes = 0
  private(set) var documents: [YAMLNode] = []
  private(set) var isFinished = false

  init(_ settings: YAMLSettings) { self.settings = settings }

  mutating func take(_ event: Event) throws(YAMLError) {
    let position = event.position
    switch event.kind {
    case .streamEnd: isFinished = true
    case .documentStart: anchors.removeAll()
    case .documentEnd, .other: break
    case .alias(let name): try takeAlias(name, at: position)
    case .scalar(let text, let isPlain, let properties):
      try takeScalar(text, isPlain: isPlain, properties, at: position)
    case .sequenceStart(let properties):
      try open(isMapping: false, properties, at: position)
    case .mappingStart(let properties):
      try open(isMapping: true, properties, at: position)
    case .sequenceEnd, .mappingEnd: try close()
    }
  }

  private mutating func takeAlias(_ name: String, at position: YAMLPosition) throws(YAMLError) {
    if frames.contains(where: { $0.anchor == name }) { throw YAMLError(.recursiveAlias(name), at: position) }
    guard let anchored = anchors[name] else { throw YAMLError(.unknownAlias(name), at: position) }
    if isKeyExpected { throw YAMLError(.unsupportedKey, at: position) }
    if frames.count + anchored.height > settings.maximumDepth {
      throw YAMLError(.tooDeep(limit: settings.maximumDepth), at: position)
    }
    try count(anchored.weight, at: position)
    var node = anchored.node
    node.position = position
    add(node, weight: anchored.weight, height: anchored.height)
  }

  private mutating func takeScalar(
    _ text: String, isPlain: Bool, _ properties: Event.Properties, at position: YAMLPosition
  ) throws(YAMLError) {
    try count(1, at: position)
    if isKeyExpected, isPlain, properties.tag == nil, text == "<<" {
      throw YAMLError(.mergeKey, at: position)
    }
    let node = YAMLNode(try Self.content(text, isPlain: isPlain, properties.tag, at: position), at: position)
    if let anchor = properties.anchor { anchors[anchor] = Anchored(node: node, weight: 1, height: 0) }
    if isKeyExpected {
      if node.isNull { throw YAMLError(.unsupportedKey, at: position) }
      try setKey(text, at: position)
    } else {
      add(node, weight: 1, height: 0)
    }
  }

  private static func content(
    _ text: String, isPlain: Bool, _ tag: String?, at position: YAMLPosition
  ) throws(YAMLError) -> YAMLNode.Content {
    guard let tag else { return isPlain ? CoreSchema.resolve(plain: text) : .text(text) }
    let short = try coreTag(tag, of: ["str", "null", "bool", "int", "float"], at: position)
    guard let content = CoreSchema.resolve(text, tag: short) else {
      throw YAMLError(.tagMismatch(tag: tag, text: text), at: position)
    }
    return content
  }

  private static func coreTag(
    _ tag: String, of known: [Substring], at position: YAMLPosition
  ) throws(YAMLError) -> Substring {
    let short = tag.dropFirst(CoreSchema.tagPrefix.count)
    guard tag.hasPrefix(CoreSchema.tagPrefix), known.contains(short) else {
      throw YAMLError(.unsupportedTag(tag), at: position)
    }
    return short
  }

  private mutating func open(
    isMapping: Bool, _ properties: Event.Properties, at position: YAMLPosition
  ) throws(YAMLError) {
    if isKeyExpected { throw YAMLError(.unsupportedKey, at: position) }
    // A lone `!` is the non-specific tag: the node's own kind.
    if let tag = properties.tag, tag != "!" {
      _ = try Self.coreTag(tag, of: [isMapping ? "map" : "seq"], at: position)
    }
    guard frames.count < settings.maximumDepth else {
      throw YAMLError(.tooDeep(limit: settings.maximumDepth), at: position)
    }
    try count(1, at: position)
    frames.append(Frame(isMapping: isMapping, position: position, anchor: properties.anchor))
  }

  private mutating func close() throws(YAMLError) {
    guard let frame = frames.popLast() else { return }
    let content: YAMLNode.Content = frame.isMapping ? .mapping(frame.members) : .sequence(frame.elements)
    let node = YAMLNode(content, at: frame.position)
    if let anchor = frame.anchor {
      anchors[anchor] = Anchored(node: node, weight: frame.weight, height: frame.height)
    }
    add(node, weight: frame.weight, height: frame.height)
  }

  private var isKeyExpected: Bool {
    guard let frame = frames.last else { return false }
    return frame.isMapping && frame.key == nil
  }

  private mutating func setKey(_ name: String, at position: YAMLPosition) throws(YAMLError) {
    let index = frames.count - 1
    let octets = Array(name.utf8)
    if let first = frames[index].names[octets] {
      throw YAMLError(.duplicateKey(name, first: first), at: position)
    }
    frames[index].names[octets] = position
    frames[index].key = (name, position)
  }

  private mutating func add(_ node: YAMLNode, weight: Int, height: Int) {
    guard !frames.isEmpty else {
      documents.append(node)
      return
    }
    let index = frames.count - 1
    frames[index].weight += weight
    frames[index].height = max(frames[index].height, height + 1)
    if let key = frames[index].key {
      frames[index].members.append(YAMLMember(name: key.name, position: key.position, value: node))
      frames[index].key = nil
    } else {
      frames[index].elements.append(node)
    }
  }

  /// - Parameter weight: at most the limit, since what it counts was counted before.
  private mutating func count(_ weight: Int, at position: YAMLPosition) throws(YAMLError) {
    nodes += weight
    if nodes > settings.maximumNodes {
      throw YAMLError(.tooManyNodes(limit: settings.maximumNodes), at: position)
    }
  }
}
