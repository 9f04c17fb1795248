// What a flag's value can be: how it is read, how its default is written, and what a shell may
// offer for it. One value for each kind; flags are declared with these.
import Planning

/// How the text after a flag becomes a value.
struct ValueKind<Value: Sendable>: Sendable {
  /// Stands for the value in help, e.g. `DIR`.
  var placeholder: String
  var completion: Completion = .none
  /// Reads a value; the second argument is the flag, dashes included, for the error.
  var read: @Sendable (String, String) throws(UsageError) -> Value
  /// The text that reads back as this value; shown as the default.
  var write: @Sendable (Value) -> String
}

/// What a shell may offer for a value.
enum Completion: Equatable, Sendable {
  case none
  case folders
  case files
  case words([String])
}

extension ValueKind<String> {
  /// A folder to read or to make.
  static let folder = text("DIR", .folders)
  /// A checkpoint or adapter: a folder, one file, or a name from the Hugging Face cache.
  static let source = text("PATH", .files)
  /// Where to wait for workers.
  static let listenEndpoint = endpoint("tcp://*:5555", isListening: true)
  /// Where the coordinator is.
  static let connectEndpoint = endpoint("tcp://HOST:5555", isListening: false)

  static func text(_ placeholder: String, _ completion: Completion = .none) -> ValueKind<String> {
    ValueKind(
      placeholder: placeholder, completion: completion,
      read: { text, flag throws(UsageError) in
        guard !text.isEmpty else { throw .emptyValue(flag: flag) }
        return text
      }, write: { $0 })
  }

  private static func endpoint(_ example: String, isListening: Bool) -> ValueKind<String> {
    ValueKind(
      placeholder: "ADDRESS",
      read: { text, flag throws(UsageError) in
        guard Endpoint.isValid(text, isListening: isListening) else {
          throw .badEndpoint(flag: flag, value: text, example: example)
        }
        return text
      }, write: { $0 })
  }
}

extension ValueKind<Int64> {
  static let byteCount = ValueKind(
    placeholder: "SIZE",
    read: { text, flag throws(UsageError) in
      guard let value = Quantity.byteCount(text) else { throw .badSize(flag: flag, value: text) }
      return value
    }, write: { Quantity.text($0) })

  /// Bytes a second.
  static let rate = ValueKind(
    placeholder: "RATE",
    read: { text, flag throws(UsageError) in
      guard let value = Quantity.rate(text) else { throw .badRate(flag: flag, value: text) }
      return value
    }, write: { Quantity.text($0) + "/s" })
}

extension ValueKind<Int> {
  static func count(_ range: ClosedRange<Int>) -> ValueKind<Int> {
    ValueKind(
      placeholder: "N",
      read: { text, flag throws(UsageError) in
        guard let value = Quantity.count(text), range.contains(value) else {
          throw .badCount(flag: flag, value: text, range: range)
        }
        return value
      }, write: { String($0) })
  }
}

extension ValueKind<Int> {
  static let wholePercent = ValueKind(
    placeholder: "PERCENT",
    read: { text, flag throws(UsageError) in
      let number = text.hasSuffix("%") ? text.dropLast() : text[...]
      guard let value = Quantity.count(String(number)), value <= 100 else {
        throw .badCount(flag: flag, value: text, range: 0...100)
      }
      return value
    }, write: { "\($0)%" })

  /// A span of time, in seconds.
  static let seconds = ValueKind(
    placeholder: "TIME",
    read: { text, flag throws(UsageError) in
      guard let value = Quantity.seconds(text) else {
        throw .badDuration(flag: flag, value: text)
      }
      return value
    }, write: { "\($0)s" })
}

extension ValueKind<Double> {
  static let percent = ValueKind(
    placeholder: "PERCENT",
    read: { text, flag throws(UsageError) in
      guard let value = Quantity.percent(text) else { throw .badPercent(flag: flag, value: text) }
      return value
    }, write: { "\($0)%" })
}

extension ValueKind<Double> {
  /// A part of 1.
  static let share = ValueKind(
    placeholder: "SHARE",
    read: { text, flag throws(UsageError) in
      guard let value = Quantity.share(text) else { throw .badShare(flag: flag, value: text) }
      return value
    }, write: { "\($0)" })
}

extension ValueKind<AdapterChoice> {
  static let adapter = ValueKind(
    placeholder: "DIR[=STRENGTH]", completion: .folders,
    read: { text, _ throws(UsageError) in try AdapterChoice(text) },
    write: { "\($0.path)=\($0.strength)" })
}

extension ValueKind<ModuleSelector> {
  static let modules = ValueKind(
    placeholder: "MODULES",
    read: { text, flag throws(UsageError) in
      do throws(SelectorFault) {
        return try ModuleSelector(text)
      } catch {
        throw .badSelector(flag: flag, text, error)
      }
    }, write: { $0.text })
}

extension ValueKind<ModuleScale> {
  static let moduleScale = ValueKind(
    placeholder: "MODULES=FACTOR",
    read: { text, flag throws(UsageError) in
      do throws(SelectorFault) {
        return try ModuleScale(text)
      } catch {
        throw .badSelector(flag: flag, text, error)
      }
    }, write: { $0.text })
}

extension ValueKind {
  /// One of an enum's words.
  static func choice<C: CaseIterable & RawRepresentable<String> & Sendable>(
    _: C.Type
  ) -> ValueKind<C> {
    let words = C.allCases.map(\.rawValue)
    return ValueKind<C>(
      placeholder: words.joined(separator: "|"), completion: .words(words),
      read: { text, flag throws(UsageError) in
        guard let value = C(rawValue: text) else {
          throw .unknownChoice(
            flag: flag, value: text, choices: words, nearest: Nearest.match(text, among: words))
        }
        return value
      }, write: { $0.rawValue })
  }

  /// The same kind, or the word `auto`, which gives nil.
  static func orAuto<Base: Sendable>(_ kind: ValueKind<Base>) -> ValueKind where Value == Base? {
    ValueKind(
      placeholder: kind.placeholder, completion: .words(["auto"]),
      read: { text, flag throws(UsageError) in
        text == "auto" ? nil : try kind.read(text, flag)
      }, write: { value in value.map(kind.write) ?? "auto" })
  }

  /// The same kind for a flag without a default: nil where it is not given.
  static func optional<Base: Sendable>(_ kind: ValueKind<Base>) -> ValueKind where Value == Base? {
    ValueKind(
      placeholder: kind.placeholder, completion: kind.completion,
      read: { text, flag throws(UsageError) in try kind.read(text, flag) },
      write: { value in value.map(kind.write) ?? "" })
  }
}
