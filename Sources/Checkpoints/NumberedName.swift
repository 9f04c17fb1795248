// Names of shards that count themselves, as they occur without an index:
//
//   model-00001-of-00004.safetensors              most
//   model-00001-of-000163.safetensors             DeepSeek
//   model-00000-of-00014.safetensors              gpt-oss: from 0 to 14, fifteen files
//   model-1-of-61.safetensors                     Kimi-K2
//   model.safetensors-00001-of-00014.safetensors  Qwen3.5
//   pytorch_model-00001-of-00002.bin              what torch saved

/// A shard's name, taken apart.
package struct NumberedName: Equatable {
  /// What comes before the number, e.g. `model`.
  package var prefix: String
  package var number: Int
  /// Digits the number is written with.
  package var width: Int
  /// The last number (or the count), as it is written.
  package var totalText: String
  package var total: Int
  /// `.safetensors`, or that of a file that torch saved.
  package var ending: String

  /// Takes a name apart; nil where it does not count itself.
  package init?(_ name: String) {
    let endings = WeightFormat.all.flatMap(\.endings)
    guard let ending = endings.first(where: { name.hasSuffix($0) }) else { return nil }
    let stem = name.dropLast(ending.count).utf8
    let tail = stem.reversed().prefix(while: NaturalOrder.isDigit)
    let rest = stem.dropLast(tail.count)
    guard !tail.isEmpty, rest.reversed().starts(with: "-of-".utf8.reversed()) else { return nil }
    let front = rest.dropLast(4)
    let digits = front.reversed().prefix(while: NaturalOrder.isDigit)
    guard !digits.isEmpty, front.dropLast(digits.count).last == UInt8(ascii: "-") else {
      return nil
    }
    let text = String(decoding: digits.reversed(), as: UTF8.self)
    let totalText = String(decoding: tail.reversed(), as: UTF8.self)
    guard let number = Int(text), let total = Int(totalText) else { return nil }
    self.prefix = String(decoding: front.dropLast(digits.count + 1), as: UTF8.self)
    self.number = number
    width = digits.count
    self.totalText = totalText
    self.total = total
    self.ending = ending
  }

  /// The name of another shard of the same set.
  package func name(of number: Int) -> String {
    let digits = String(number)
    let zeros = String(repeating: "0", count: max(0, width - digits.count))
    return "\(prefix)-\(zeros)\(digits)-of-\(totalText)\(ending)"
  }

  /// Shards with an equal key form one set.
  package var set: String { "\(prefix)-*-of-\(totalText)\(ending)" }
}
