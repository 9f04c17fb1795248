// Why a quantised weight cannot be read, as facts; `sentence` is the prose.
package import Safetensors

package enum QuantizedFault: Error, Equatable, Sendable {
  /// A tensor that the form needs is not in the base.
  case lacks(tensor: String, form: String, companion: String)
  /// A tensor of the form has a shape or a type that does not fit the others.
  case unfit(tensor: String, form: String, expected: String, found: String)
  /// The config lacks a parameter, or gives one that this form cannot have.
  case parameter(tensor: String, form: String, key: String, found: String)
  /// A method or layout that is known by name and not read.
  case notRead(tensor: String?, method: String, advice: String)
  /// A tensor of a type that only quantised weights have, in a base that its config calls
  /// quantised, of no form that is known.
  case unknown(tensor: String, dtype: DType, shape: [Int], method: String)
  /// The config calls the base quantised, and none of its tensors is.
  case noneIsQuantized(method: String)

  package var sentence: String {
    switch self {
    case .lacks(let tensor, let form, let companion):
      "\"\(tensor)\" is stored as \(form), but \"\(companion)\" is in no file of the base; "
        + "fetch the checkpoint again"
    case .unfit(let tensor, let form, let expected, let found):
      "\"\(tensor)\" is stored as \(form): \(expected) expected, \(found) found; "
        + "fetch the checkpoint again, or use the unquantised base"
    case .parameter(let tensor, let form, let key, let found):
      "\"\(tensor)\" is stored as \(form), which \(key) \(found) does not fit; "
        + "mend the quantisation config, or use the unquantised base"
    case .notRead(let tensor, let method, let advice):
      (tensor.map { "\"\($0)\" is" } ?? "the base's weights are")
        + " stored as \(method), which is not read; \(advice)"
    case .unknown(let tensor, let dtype, let shape, let method):
      "\"\(tensor)\" is \(dtype.rawValue) of shape \(shape), a form of \(method) that is not "
        + "known; use the unquantised base"
    case .noneIsQuantized(let method):
      "the base's config says that its weights are quantised (\(method)), but none of its tensors "
        + "is; remove the quantisation from its config, or fetch the checkpoint again"
    }
  }
}
