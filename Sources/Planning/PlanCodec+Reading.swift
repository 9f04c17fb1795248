// The reader's steps with a plan's errors and limits: nothing read here can make later arithmetic
// overflow or a range end before it begins.
package import OrderedJSON
import Safetensors
import Storage

/// The members an object must have, crossed off as they are seen.
package struct RequiredMembers {
  private var names: [String]

  package init(_ names: [String]) { self.names = names }

  package mutating func saw(_ name: String) {
    if let index = names.firstIndex(of: name) { names.remove(at: index) }
  }

  /// Throws where a member is left.
  package func check() throws(PlanError) {
    if let name = names.first { throw .missing(member: name) }
  }
}

extension JSONReader {
  /// A reader of a whole text.
  package static func of(_ bytes: [UInt8]) throws(PlanError) -> JSONReader {
    do { return try JSONReader(bytes) } catch { throw PlanError(error) }
  }

  package mutating func text() throws(PlanError) -> String {
    do { return try string() } catch { throw PlanError(error) }
  }

  package mutating func tree() throws(PlanError) -> JSON {
    do { return try value() } catch { throw PlanError(error) }
  }

  package mutating func forget() throws(PlanError) {
    do { try skip() } catch { throw PlanError(error) }
  }

  package mutating func end() throws(PlanError) {
    do { try finish() } catch { throw PlanError(error) }
  }

  package mutating func whole() throws(PlanError) -> Int64 {
    do { return try integer() } catch { throw PlanError(error) }
  }

  /// A size or offset in bytes: at least 0.
  package mutating func size(_ member: String) throws(PlanError) -> Int64 {
    let value = try whole()
    guard value >= 0 else { throw .invalid(member: member, found: "\(value)") }
    return value
  }

  /// A count or index: at least 0.
  package mutating func count(_ member: String) throws(PlanError) -> Int {
    Int(try size(member))
  }

  package mutating func flag(_ member: String) throws(PlanError) -> Bool {
    let value = try tree()
    guard let flag = value.bool else { throw .invalid(member: member, found: value.compact) }
    return flag
  }

  /// A double as `PlanCodec.number` writes it.
  package mutating func double(_ member: String) throws(PlanError) -> Double {
    let value = try tree()
    let text: String? =
      switch value {
      case .number(let text), .string(let text): text
      default: nil
      }
    guard let number = text.flatMap(Double.init) else {
      throw .invalid(member: member, found: value.compact)
    }
    return number
  }

  /// A digest in the form `algorithm:digits`.
  package mutating func digest(_ member: String) throws(PlanError) -> String {
    let text = try text()
    guard Digest(text) != nil else { throw .invalid(member: member, found: "\"\(text)\"") }
    return text
  }

  /// One of an enum's raw values.
  package mutating func choice<Choice: RawRepresentable<String>>(
    _ member: String
  ) throws(PlanError) -> Choice {
    let text = try text()
    guard let choice = Choice(rawValue: text) else {
      throw .invalid(member: member, found: "\"\(text)\"")
    }
    return choice
  }

  package mutating func list<Element>(
    _ element: (inout JSONReader) throws(PlanError) -> Element
  ) throws(PlanError) -> [Element] {
    var elements: [Element] = []
    try array { reader throws(PlanError) in elements.append(try element(&reader)) }
    return elements
  }
}
