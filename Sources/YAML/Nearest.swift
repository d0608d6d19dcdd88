/// The candidate that was probably meant: the one with the least edit distance (letters added, dropped,
/// changed or swapped with their neighbour; case counts nothing), when at most about a third of the letters
/// differ.
/// - Returns: the first of equals; nil when none is near, or when the word is longer than 128 octets.
public func nearest(to word: String, in candidates: [String]) -> String? {
  let sought = Array(word.lowercased().utf8)
  guard !sought.isEmpty, sought.count <= 128 else { return nil }
  var best: (distance: Int, candidate: String)?
  for candidate in candidates {
    let known = Array(candidate.lowercased().utf8)
    let allowed = max(1, min(sought.count, known.count) / 3)
    if known.count > 128 || abs(known.count - sought.count) > allowed { continue }
    let distance = editDistance(sought, known)
    if distance <= allowed, distance < best?.distance ?? .max { best = (distance, candidate) }
  }
  return best?.candidate
}

/// The edit distance with swaps of neighbours (optimal string alignment). Costs the product of the lengths.
func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
  if left.isEmpty || right.isEmpty { return max(left.count, right.count) }
  var beforeLast = [Int](repeating: 0, count: right.count + 1)
  var last = Array(0...right.count)
  for row in 1...left.count {
    var current = [row]
    for column in 1...right.count {
      let change = last[column - 1] + (left[row - 1] == right[column - 1] ? 0 : 1)
      var least = min(change, last[column] + 1, current[column - 1] + 1)
      let swapped =
        row > 1 && column > 1 && left[row - 1] == right[column - 2] && left[row - 2] == right[column - 1]
      if swapped { least = min(least, beforeLast[column - 2] + 1) }
      current.append(least)
    }
    beforeLast = last
    last = current
  }
  return last[right.count]
}
