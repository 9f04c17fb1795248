import OrderedJSON
import Testing

struct JSONWriterTests {
  private func parse(_ text: String) throws -> JSON { try JSON(parsing: Array(text.utf8)) }

  /// A config as transformers' `to_json_string` writes it.
  private static let config = """
    {
      "architectures": [
        "Qwen2ForCausalLM"
      ],
      "attention_dropout": 0.0,
      "auto_map": {},
      "bos_token_id": 151643,
      "eos_token_id": [
        151645,
        151643
      ],
      "hidden_act": "silu",
      "initializer_range": 0.02,
      "pad_token_id": null,
      "pruned_heads": {},
      "rms_norm_eps": 1e-06,
      "rope_scaling": {
        "factor": 8.0,
        "long_factor": [],
        "rope_type": "llama3"
      },
      "rope_theta": 1000000.0,
      "tie_word_embeddings": true,
      "torch_dtype": "bfloat16",
      "transformers_version": "4.51.0",
      "use_cache": true
    }

    """

  @Test func `a config as transformers writes it comes out byte for byte`() throws {
    #expect(try parse(Self.config).indented == Self.config)
  }

  @Test func `a changed member leaves all others as they were`() throws {
    var json = try parse(Self.config)
    json["tie_word_embeddings"] = .bool(false)
    json["pad_token_id"] = nil
    json["vocab_size"] = .integer(151_936)
    #expect(
      json.indented
        == Self.config
        .replacing("\"tie_word_embeddings\": true", with: "\"tie_word_embeddings\": false")
        .replacing("  \"pad_token_id\": null,\n", with: "")
        .replacing("\"use_cache\": true", with: "\"use_cache\": true,\n  \"vocab_size\": 151936"))
  }

  @Test(arguments: [
    "{}", "[]", "[[],{}]", #"{"a":[1,{"b":null}],"c":"d"}"#, "1e400", "\"\"",
    #"["\"\\\b\f\n\r\t\u0000\u001f\u007f",true,false]"#, #"["é层😀/"]"#,
  ]) func `a compact text comes out as it went in`(text: String) throws {
    let value = try parse(text)
    #expect(value.compact == text)
    #expect(try parse(value.indented) == value)
  }

  @Test func `whole numbers of every size and kind are written in full`() {
    var writer = JSONWriter(indent: nil)
    writer.array { writer in
      for number in [0, 7, 10, -1, .max, .min] { writer.integer(number) }
      writer.integer(UInt64.max)
      writer.integer(Int8.min)
    }
    #expect(
      writer.text
        == "[0,7,10,-1,9223372036854775807,-9223372036854775808,18446744073709551615,-128]")
  }

  @Test func `pieces make the same text as a tree`() {
    var writer = JSONWriter(indent: 2)
    writer.object { writer in
      writer.member("name", "a")
      writer.member("count", 3)
      writer.key("list")
      writer.array { writer in
        writer.integer(-1)
        writer.string("x")
        writer.object { $0.member("deep", JSON.null) }
      }
      writer.key("empty")
      writer.array { _ in }
    }
    let tree = JSON.object([
      .init(key: "name", value: .string("a")), .init(key: "count", value: .integer(3)),
      .init(
        key: "list",
        value: .array([
          .integer(-1), .string("x"), .object([.init(key: "deep", value: .null)]),
        ])),
      .init(key: "empty", value: .array([])),
    ])
    #expect(writer.text + "\n" == tree.indented)
    #expect(writer.bytes == Array(writer.text.utf8))
  }

  @Test func `members are looked up and typed`() throws {
    let json = try parse(#"{"a":{"b":[1,"x"]},"n":2.5,"t":true,"i":"7"}"#)
    #expect(json["a"]?["b"]?.elements?.first?.int == 1)
    #expect(json["a"]?["b"]?.elements?.last?.text == "x")
    #expect(json["n"]?.double == 2.5 && json["n"]?.int == nil)
    #expect(json["t"]?.bool == true && json["i"]?.int == nil)
    #expect(json["none"] == nil && json["n"]?["x"] == nil)
  }

  @Test(arguments: [
    ("null", false), ("false", false), ("0", false), ("0.0", false), ("\"\"", false), ("[]", false),
    ("{}", false), ("true", true), ("1", true), ("-0.5", true), ("\"no\"", true), ("[0]", true),
    (#"{"a":0}"#, true),
  ]) func `what a config means by off is off`(text: String, isOn: Bool) throws {
    #expect(try parse(text).isOn == isOn)
  }
}
