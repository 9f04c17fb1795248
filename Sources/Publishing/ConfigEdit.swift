package import OrderedJSON
package import Planning

/// Sets or removes members of a config.json and leaves the rest as it was.
package enum ConfigEdit {
  /// Why a config cannot be changed.
  package enum Fault: Error, Equatable, ConvertibleFromJSONError {
    case json(JSONError)
    /// A member on the way to the one to be set is no object; `.` between keys.
    case notAnObject(member: String)

    package init(_ error: JSONError) { self = .json(error) }
  }

  /// The config with the changes made, indented by 2, members in their order, new ones behind.
  /// Without changes, or where all of them hold already, the very same bytes.
  package static func apply(
    _ changes: [ConfigChange], to config: [UInt8]
  ) throws(Fault) -> [UInt8] {
    guard !changes.isEmpty else { return config }
    let before = try parse(config)
    var after = before
    for change in changes {
      guard let value = change.value else {
        after = removing(change.path[...], from: after)
        continue
      }
      after = try set(change.path[...], to: try parse(Array(value.utf8)), in: after, above: "")
    }
    return after == before ? config : Array(after.indented.utf8)
  }

  private static func parse(_ bytes: [UInt8]) throws(Fault) -> JSON {
    do { return try JSON(parsing: bytes) } catch { throw Fault(error) }
  }

  /// The config without a member; as it was where there is none.
  private static func removing(_ path: ArraySlice<String>, from json: JSON) -> JSON {
    guard let key = path.first, let inner = json[key] else { return json }
    var json = json
    json[key] = path.count == 1 ? nil : removing(path.dropFirst(), from: inner)
    return json
  }

  private static func set(
    _ path: ArraySlice<String>, to value: JSON, in json: JSON, above: String
  ) throws(Fault) -> JSON {
    guard let key = path.first else { return value }
    guard case .object = json else {
      throw .notAnObject(member: above.isEmpty ? "the whole" : above)
    }
    var json = json
    let inner = json[key] ?? (path.count > 1 ? .object([]) : .null)
    json[key] = try set(
      path.dropFirst(), to: value, in: inner, above: above.isEmpty ? key : above + "." + key)
    return json
  }
}
