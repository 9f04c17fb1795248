// Typed looks into adapter_config.json. A member of the wrong kind is refused by name; null is as
// good as absent.
import OrderedJSON

/// Reads members of one config.
struct MemberReader {
  let path: String
  let json: JSON

  func member(_ key: String) -> JSON? {
    guard let value = json[key], value != .null else { return nil }
    return value
  }

  func wrong(_ key: String, _ expected: String) -> AdapterError {
    .badMember(path: path, key: key, expected: expected)
  }

  func text(_ key: String) throws(AdapterError) -> String? {
    guard let value = member(key) else { return nil }
    guard let text = value.text else { throw wrong(key, "a text") }
    return text
  }

  func int(_ key: String) throws(AdapterError) -> Int? {
    guard let value = member(key) else { return nil }
    guard let number = value.int else { throw wrong(key, "a whole number") }
    return number
  }

  func double(_ key: String) throws(AdapterError) -> Double? {
    guard let value = member(key) else { return nil }
    guard let number = value.double else { throw wrong(key, "a number") }
    return number
  }

  func bool(_ key: String) throws(AdapterError) -> Bool {
    guard let value = member(key) else { return false }
    guard let flag = value.bool else { throw wrong(key, "true or false") }
    return flag
  }

  func texts(_ key: String) throws(AdapterError) -> [String] {
    guard let value = member(key) else { return [] }
    if let text = value.text { return [text] }
    guard let elements = value.elements else { throw wrong(key, "a list of texts") }
    return try elements.map { element throws(AdapterError) in
      guard let text = element.text else { throw wrong(key, "a list of texts") }
      return text
    }
  }

  /// Pairs [from, to) of whole numbers.
  func ranges(_ key: String) throws(AdapterError) -> [Range<Int>] {
    guard let value = member(key) else { return [] }
    return try (value.elements ?? [.null]).map { pair throws(AdapterError) in
      guard let ends = pair.elements?.compactMap(\.int), ends.count == 2,
        pair.elements?.count == 2, 0 <= ends[0], ends[0] < ends[1]
      else { throw wrong(key, "a list of pairs of layers, from and to") }
      return ends[0]..<ends[1]
    }
  }

  func numbers(_ key: String) throws(AdapterError) -> [(key: String, value: Double)] {
    guard let value = member(key) else { return [] }
    guard let members = value.members else { throw wrong(key, "an object of numbers") }
    return try members.map { member throws(AdapterError) in
      guard let number = member.value.double, number.isFinite else {
        throw wrong(key, "an object of numbers")
      }
      return (member.key, number)
    }
  }

  /// A list of rows for the input embedding, or an object of module name → list.
  func tokenRows(_ key: String) throws(AdapterError) -> [(module: String?, rows: [Int])] {
    func rows(_ value: JSON) throws(AdapterError) -> [Int] {
      guard let elements = value.elements else { throw wrong(key, "lists of token numbers") }
      return try elements.map { element throws(AdapterError) in
        guard let row = element.int, row >= 0 else { throw wrong(key, "lists of token numbers") }
        return row
      }
    }
    guard let value = member(key) else { return [] }
    if let members = value.members {
      return try members.map { member throws(AdapterError) in
        (member.key, try rows(member.value))
      }
    }
    return [(nil, try rows(value))]
  }
}
