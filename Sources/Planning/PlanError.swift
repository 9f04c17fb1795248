// What can be wrong with the text of a plan, of a job's slice of it, or of an attempt's record. The
// caller knows the file and says so when it wraps these.
package import OrderedJSON

/// Why a plan's text cannot be used.
package enum PlanError: Error, Equatable, ConvertibleFromJSONError {
  /// The text is not the JSON that was expected.
  case malformed(JSONError)
  /// A member that must be there is not.
  case missing(member: String)
  /// A member of a name that this version does not know.
  case unknown(member: String)
  /// A member has a value that it cannot have.
  case invalid(member: String, found: String)
  /// The text was written by another version of the format.
  case version(found: Int, expected: Int)

  package init(_ error: JSONError) { self = .malformed(error) }

  /// What is wrong, where; fits after the name of the file and a colon.
  package var sentence: String {
    switch self {
    case .malformed(let error): error.sentence
    case .missing(let member): "member \"\(member)\" is missing"
    case .unknown(let member): "member \"\(member)\" is unknown"
    case .invalid(let member, let found): "member \"\(member)\" cannot be \(found)"
    case .version(let found, let expected):
      "written in format \(found), this shardweld reads format \(expected); "
        + "use the same version of shardweld everywhere"
    }
  }
}
