// The grammar of --scale, --only and --except: which paths a selector means, and what is refused.
import Planning
import Testing

struct ModuleSelectorTests {
  private let q = "model.layers.3.self_attn.q_proj"

  private func matches(_ text: String, _ path: String, adapter: Int = 0) throws -> Bool {
    try ModuleSelector(text).matches(path, adapter: adapter)
  }

  @Test(arguments: [
    "q_proj", "self_attn", "self_attn.q_proj", "layers.3", "layers.0-15", "layers.3-3", "model",
    "layers.3.self_attn", "layers.*.self_attn", "model.layers.3.self_attn.q_proj", "*", "*_proj",
    "self_*.q*", "q*_*j", "layers", "3", "2-4", "3.self_attn", "layers.0-15.*.q_proj",
  ])
  func `words that follow each other in a path mean its module`(text: String) throws {
    #expect(try matches(text, q))
  }

  @Test(arguments: [
    "q", "proj", "attn", "self_attn.k_proj", "layers.2", "layers.33", "layers.4-15",
    "model.self_attn", "layers.3.q_proj", "q_proj.weight", "*.model", "h.3", "q_proj*x",
    "model.layers.3.self_attn.q_proj.x", "Q_PROJ", "layers.*.q_proj", "*x*",
  ])
  func `anything else does not`(text: String) throws {
    #expect(try !matches(text, q))
  }

  @Test(arguments: [
    ("transformer.h.3.attn.c_attn", 3), ("bert.encoder.layer.11.output.dense", 11),
    ("model.visual.blocks.7.attn.qkv", 7), ("encoder.block.2.layer.0.SelfAttention.q", 2),
    ("0.auto_model.encoder.layer.4.output.dense", 4), ("stages.1.layers.5.conv", 5),
    ("model.layers.6.mlp.experts.40.up_proj", 6),
  ])
  func `layers is what holds the model's layers, whatever it is called`(
    path: String, layer: Int
  ) throws {
    for number in 0..<64 {
      #expect(try matches("layers.\(number)", path) == (number == layer), "\(number)")
    }
    #expect(try matches("layers.\(layer)-\(layer + 1)", path))
    #expect(try matches("layers.*", path))
    #expect(try matches(path, path))
  }

  @Test func `a path without a number is in no layer`() throws {
    #expect(try !matches("layers.0-99", "lm_head"))
    #expect(try !matches("layers.*", "model.norm"))
    #expect(try !matches("layers.0", "0"))
  }

  @Test func `a number before the colon limits a selector to one adapter`() throws {
    #expect(try !matches("2:self_attn.q_proj", q))
    #expect(try matches("2:self_attn.q_proj", q, adapter: 1))
    #expect(try matches("self_attn.q_proj", q, adapter: 1))
  }

  @Test(arguments: [
    ("", "has a part without a name"), (".mlp", "has a part without a name"),
    ("mlp.", "has a part without a name"), ("mlp..up", "has a part without a name"),
    ("2:", "has a part without a name"),
    ("mlp,attn", #"has ",", which stands in no module's path"#),
    ("mlp attn", #"has " ", which stands in no module's path"#),
    ("mlp=1", #"has "=", which stands in no module's path"#),
    ("1:2:mlp", #"has ":", which stands in no module's path"#),
    ("layers.15-0", #"has "15-0", which is no range that counts up"#),
    (
      "layers.0-99999999999999999999",
      #"has "0-99999999999999999999", which is no range that counts up"#
    ),
    ("0:mlp", #"has "0" before the colon, which is no adapter's number from 1"#),
    ("a:mlp", #"has "a" before the colon, which is no adapter's number from 1"#),
    (":mlp", #"has "" before the colon, which is no adapter's number from 1"#),
  ])
  func `what cannot be a selector is refused`(text: String, sentence: String) {
    let fault = #expect(throws: SelectorFault.self) { try ModuleSelector(text) }
    #expect(fault?.sentence == sentence)
  }

  @Test func `a scale is a selector and a number`() throws {
    let scale = try ModuleScale("2:layers.0-15=-5e-1")
    #expect(scale.factor == -0.5 && scale.selector.text == "2:layers.0-15")
    #expect(scale.text == "2:layers.0-15=-0.5")
    #expect(try ModuleScale(scale.text) == scale)
  }

  @Test(arguments: ["mlp", "mlp=", "mlp=x", "mlp=inf", "mlp=nan", "mlp=0,5"])
  func `a scale without a finite number is refused`(text: String) {
    let fault = #expect(throws: SelectorFault.self) { try ModuleScale(text) }
    #expect(fault?.sentence == "does not end in = and a number")
  }

  @Test func `a scale without modules is refused`() {
    let fault = #expect(throws: SelectorFault.self) { try ModuleScale("=0.5") }
    #expect(fault?.sentence == "has a part without a name")
  }
}
