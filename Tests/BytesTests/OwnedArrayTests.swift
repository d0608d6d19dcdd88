import Bytes
import Testing

/// Counts the ends of the elements below. One test's own: tests run beside each other.
private final class Ends {
  var count = 0
}

private struct Element: ~Copyable {
  var number: Int
  let ends: Ends
  deinit { ends.count += 1 }
}

/// The numbers that a list holds. (The checking macros take no value that cannot be copied.)
private func numbers(_ list: borrowing OwnedArray<Element>) -> [Int] {
  var numbers: [Int] = []
  for index in list.indices { numbers.append(list[index].number) }
  return numbers
}

struct OwnedArrayTests {
  @Test(arguments: [0, 1, 4, 5, 100])
  func `every element ends once, when the list goes`(_ count: Int) {
    let ends = Ends()
    do {
      var list = OwnedArray<Element>(capacity: 2)
      for number in 0..<count { list.append(Element(number: number, ends: ends)) }
      let (held, isEmpty, indices) = (list.count, list.isEmpty, list.indices)
      #expect(held == count && isEmpty == (count == 0) && indices == 0..<count)
      // Growing moves elements: none ends by it.
      #expect(ends.count == 0)
      #expect(numbers(list) == Array(0..<count))
    }
    #expect(ends.count == count)
  }

  @Test func `an element that is given away ends with its taker`() {
    let ends = Ends()
    do {
      var list = OwnedArray<Element>(capacity: 1)
      for number in 0..<3 { list.append(Element(number: number, ends: ends)) }
      if let last = list.popLast() {
        let number = last.number
        #expect(number == 2)
        #expect(ends.count == 0)
      } else {
        Issue.record("nothing given away")
      }
      #expect(ends.count == 1)
      #expect(numbers(list) == [0, 1])
      list.append(Element(number: 7, ends: ends))
      #expect(numbers(list) == [0, 1, 7])
    }
    #expect(ends.count == 4)
  }

  @Test func `elements that are given up end, and the list takes new ones`() {
    let ends = Ends()
    do {
      var list = OwnedArray<Element>(capacity: 2)
      for number in 0..<5 { list.append(Element(number: number, ends: ends)) }
      list.removeAll()
      let isEmpty = list.isEmpty
      #expect(isEmpty && ends.count == 5)
      list.append(Element(number: 9, ends: ends))
      #expect(numbers(list) == [9])
    }
    #expect(ends.count == 6)
  }

  @Test func `an empty list gives nothing away`() {
    var list = OwnedArray<Element>()
    let isNothing = list.popLast() == nil
    #expect(isNothing)
  }

  @Test func `elements are changed in place`() {
    let ends = Ends()
    var list = OwnedArray<Element>()
    list.append(Element(number: 1, ends: ends))
    list[0].number += 41
    #expect(numbers(list) == [42])
    #expect(ends.count == 0)
  }

  @Test func `copyable elements are held too`() {
    var list = OwnedArray<[Int]>(capacity: 1)
    for number in 0..<20 { list.append(Array(repeating: number, count: number)) }
    list[3].append(9)
    #expect(list[3] == [3, 3, 3, 9])
    #expect(list.popLast()?.count == 19)
  }

  @Test func `an index beyond the elements stops the process`() async {
    await #expect(processExitsWith: .failure) {
      var list = OwnedArray<Int>(capacity: 8)
      list.append(1)
      _ = list[1]
    }
    await #expect(processExitsWith: .failure) {
      let list = OwnedArray<Int>(capacity: 8)
      _ = list[-1]
    }
    await #expect(processExitsWith: .failure) {
      var list = OwnedArray<Int>(capacity: 8)
      list.append(1)
      list[1] = 2
    }
  }
}
