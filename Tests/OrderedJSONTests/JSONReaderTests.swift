import OrderedJSON
import Testing

struct JSONReaderTests {
  private func parse(_ text: String) throws -> JSON { try JSON(parsing: Array(text.utf8)) }

  private func refusal(_ text: String) throws -> String {
    try #require(#expect(throws: JSONError.self) { _ = try parse(text) }?.sentence)
  }

  @Test func `a value keeps the order of its members and the text of its numbers`() throws {
    #expect(
      try parse(#" {"b": [1.50, -0, 2E+3], "a": {"x": null, "y": true}, "": false} "#)
        == .object([
          .init(key: "b", value: .array([.number("1.50"), .number("-0"), .number("2E+3")])),
          .init(
            key: "a",
            value: .object([.init(key: "x", value: .null), .init(key: "y", value: .bool(true))])),
          .init(key: "", value: .bool(false)),
        ]))
  }

  @Test(arguments: [
    (#""""#, ""), (#""a\"\\\/b""#, "a\"\\/b"), (#""\b\f\n\r\t""#, "\u{8}\u{C}\n\r\t"),
    (#""\u0041\u00e9\u5c42""#, "Aé层"), (#""\uD83D\uDE00""#, "😀"), (#""\u0000""#, "\0"),
    (#""x\ud83d""#, "x\u{FFFD}"), (#""\ude00\ud83d\u0041""#, "\u{FFFD}\u{FFFD}A"),
    (#""é层😀""#, "é层😀"), ("\"\u{7F}\"", "\u{7F}"),
  ]) func `escapes are undone`(text: String, value: String) throws {
    let read = try #require(try parse(text).text)
    #expect(Array(read.utf8) == Array(value.utf8))
  }

  @Test(arguments: [
    (#""\x""#, 2), (#""\u12g4""#, 3), (#""\u12"#, 3), ("\"\n\"", 1), ("\"a\\n\u{1}\"", 4),
    (#""\u+123""#, 3),
  ]) func `a wrong escape or a bare control character is refused`(text: String, at: Int) throws {
    #expect(try refusal(text).hasSuffix("expected at byte \(at)"))
  }

  @Test(arguments: [
    ("", "a value expected at byte 0"), ("{", "a string expected at byte 1"),
    ("[1", "\",\" or the end of the list expected at byte 2"),
    ("[1,]", "a value expected at byte 3"),
    ("[,1]", "a value expected at byte 1"), (#"{"a" 1}"#, "\":\" expected at byte 5"),
    (#"{"a":1,}"#, "a string expected at byte 7"), ("{a:1}", "a string expected at byte 1"),
    ("nul", "a value expected at byte 0"), ("truefalse", "the end of the text expected at byte 4"),
    ("01", "the end of the text expected at byte 1"), ("-", "a value expected at byte 1"),
    ("1.", "a value expected at byte 2"), (".5", "a value expected at byte 0"),
    ("1e", "a value expected at byte 2"), ("+1", "a value expected at byte 0"),
    ("'a'", "a value expected at byte 0"), ("[1] x", "the end of the text expected at byte 4"),
    (#""abc"#, "the end of a string expected at byte 4"), ("// c\n1", "a value expected at byte 0"),
    ("[1}", "\",\" or the end of the list expected at byte 2"),
    ("\u{FEFF}{}", "a value expected at byte 0"),
  ]) func `a text that is no JSON is refused where it differs`(text: String, why: String) throws {
    #expect(try refusal(text) == why)
  }

  @Test func `what is not UTF-8 is refused, also inside strings`() {
    for bytes: [UInt8] in [[0x22, 0xC3, 0x22], [0xFF], [0x22, 0xED, 0xA0, 0x80, 0x22]] {
      let error = #expect(throws: JSONError.self) { _ = try JSON(parsing: bytes) }
      #expect(error?.sentence.hasPrefix("not UTF-8 at byte ") == true)
    }
  }

  @Test func `a key that stands twice is refused where it stands again`() throws {
    #expect(
      try refusal(#"{"a": 1, "b": {"a": 2}, "a": 3}"#)
        == "key \"a\" stands twice, again at byte 24")
    #expect(try refusal(#"{"a":1,"\u0061":2}"#) == "key \"a\" stands twice, again at byte 7")
  }

  @Test func `128 levels are read, one more is refused`() throws {
    let deep = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
    #expect(try parse(deep).compact == deep)
    #expect(try refusal("[\(deep)]") == "nested deeper than 128 levels at byte 128")
    let wide = "[" + String(repeating: "[[]],", count: 300) + "{}]"
    #expect(try parse(wide).elements?.count == 301)
    var reader = try JSONReader(Array("[\(deep)]".utf8))
    #expect(throws: JSONError.tooDeep(offset: 128)) { try reader.skip() }
  }

  @Test(arguments: ["NaN", "Infinity", "-Infinity"])
  func `what Python writes for numbers that are none is read as such`(text: String) throws {
    let value = try parse("{\"a\": \(text)}")
    #expect(value["a"] == .number(text))
    #expect(value["a"]?.double?.isFinite == false)
    #expect(value["a"]?.int == nil)
    #expect(value.compact == "{\"a\":\(text)}")
  }

  @Test(arguments: [
    ("0", 0), ("-0", 0), ("7", 7), ("-12", -12), ("9223372036854775807", Int64.max),
    ("-9223372036854775808", Int64.min),
  ]) func `whole numbers of 64 bits are read`(text: String, value: Int64) throws {
    var reader = try JSONReader(Array(text.utf8))
    #expect(try reader.integer() == value)
    try reader.finish()
  }

  @Test(arguments: [
    "9223372036854775808", "-9223372036854775809", "1.0", "1e3", "0.5", "18446744073709551616",
    "99999999999999999999999999",
  ]) func `other numbers are no whole numbers`(text: String) throws {
    var reader = try JSONReader(Array(" \(text)".utf8))
    let error = #expect(throws: JSONError.self) { _ = try reader.integer() }
    #expect(error?.sentence == "a whole number of at most 63 bits expected at byte 1")
  }

  @Test func `an object and an array are walked in steps`() throws {
    var reader = try JSONReader(Array(#" {"a": [1, [], 2], "b": {}, "c": "x"} "#.utf8))
    var keys: [String] = []
    var numbers: [Int64] = []
    try reader.beginObject()
    while let key = try reader.nextKey() {
      keys.append(key)
      guard key == "a" else {
        try reader.skip()
        continue
      }
      try reader.beginArray()
      while try reader.nextElement() {
        if numbers == [1] { numbers.append(0) } else { numbers.append(try reader.integer()) }
        if numbers == [1, 0] { try reader.skip() }
      }
    }
    try reader.finish()
    #expect(keys == ["a", "b", "c"])
    #expect(numbers == [1, 0, 2])
  }

  @Test func `skipping checks the grammar and nothing else`() throws {
    var reader = try JSONReader(Array(#"{"a":1,"a":[true,null,-1.5e3,"x"]}"#.utf8))
    try reader.skip()
    try reader.finish()
    var broken = try JSONReader(Array(#"{"a":[1,}"#.utf8))
    #expect(throws: JSONError.syntax(offset: 8, expected: "a value")) { try broken.skip() }
  }

  @Test func `a null is read only where it stands`() throws {
    var reader = try JSONReader(Array(" null".utf8))
    let (first, second) = (reader.null(), reader.null())
    #expect(first && !second && reader.position == 5)
    var other = try JSONReader(Array(" nul".utf8))
    let third = other.null()
    #expect(!third)
  }
}
