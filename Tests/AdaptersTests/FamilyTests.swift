// Adapters of other kinds than LoRA: whose names are read, and what is refused with which words.
import Safetensors
import Storage
import TestSupport
import Testing

@testable import Adapters

@Suite struct FamilyTests {
  private let scratch = Scratch()
  private typealias Entry = (name: String, shape: [Int])

  private func open(_ config: String, _ tensors: [Entry]) throws -> Adapter {
    try scratch.write("a/adapter_config.json", "{" + config + "}")
    try scratch.write(
      "a/adapter_model.safetensors",
      tensors.map { SampleTensor("base_model." + $0.name, .f32, $0.shape) })
    return try Adapter.open(scratch("a"))
  }

  private func refusal(_ config: String, _ tensors: [Entry] = []) throws -> String? {
    do {
      _ = try open(config, tensors)
      return nil
    } catch let error as AdapterError {
      return error.sentence.replacing(scratch("a"), with: "A")
    }
  }

  @Test func `a module's tensors become updates with their operands and numbers`() throws {
    let adapter = try open(
      #""peft_type": "LOHA", "r": 4, "alpha": 8, "alpha_pattern": {"k_proj": 2}"#,
      ["q_proj", "k_proj"].flatMap { module in
        [
          ("model.x.\(module).hada_w1_a", [6, 4]), ("model.x.\(module).hada_w1_b", [4, 8]),
          ("model.x.\(module).hada_w2_a", [6, 4]), ("model.x.\(module).hada_w2_b", [4, 8]),
        ]
      })
    #expect(adapter.modules.isEmpty)
    #expect(adapter.families.map(\.path).sorted() == ["x.k_proj", "x.q_proj"])
    for module in adapter.families {
      let update = try #require(module.updates.first)
      #expect(update.rule == "hadamard" && update.operands.count == 4)
      #expect(update.numbers["scale"] == (module.path == "x.k_proj" ? 0.5 : 2))
      #expect(update.fits(WeightShape(rows: 6, columns: 8)))
      #expect(!update.fits(WeightShape(rows: 8, columns: 6)))
    }
  }

  @Test func `the adapter's name in a tensor's name is passed over`() throws {
    let adapter = try open(
      #""peft_type": "OFT", "peft_version": "0.17.1""#,
      [("model.q.oft_R.default.weight", [2, 6])])
    let update = try #require(adapter.families.first?.updates.first)
    #expect(adapter.families[0].path == "q")
    #expect(update.numbers["size"] == 4 && update.numbers["doublesLast"] == 1)
  }

  @Test func `ia3 tells inputs from outputs by shape, and in kernels by the config`() throws {
    let adapter = try open(
      #""peft_type": "IA3", "feedforward_modules": ["conv2"]"#,
      [
        ("model.up.ia3_l", [6, 1]), ("model.down.ia3_l", [1, 6]),
        ("model.conv1.ia3_l", [1, 6, 1, 1]), ("model.conv2.ia3_l", [1, 6, 1, 1]),
      ])
    let rules = Dictionary(
      adapter.families.map { ($0.path, $0.updates.map { "\($0.rule) \($0.target)" }) }
    ) { $1 }
    let rows = ["scaleRows weight", "scaleRows bias"]
    #expect(
      rules == [
        "up": rows, "down": ["scaleColumns weight"], "conv1": rows,
        "conv2": ["scaleColumns weight"],
      ])
  }

  @Test(arguments: [
    (
      "PROMPT_TUNING",
      "it puts trained tokens before the input and changes no weight; keep it as an adapter"
    ),
    (
      "PREFIX_TUNING",
      "it puts trained keys and values before the input's and changes no weight; keep it as an adapter"
    ),
    (
      "CARTRIDGE",
      "it is a trained cache of keys and values and changes no weight; keep it as an adapter"
    ),
    (
      "ADAPTION_PROMPT",
      "it adds attention to trained prompts, which no weight can do; keep it as an adapter"
    ),
    (
      "POLY",
      "what it does depends on the input, so no one weight stands for it; keep it as an adapter"
    ),
    ("SHADOW", "a second model runs beside the base; keep it as an adapter"),
    (
      "ADAMSS",
      "which directions of the base it changed is not in the file; merge it with PEFT, in the process that trained it"
    ),
    (
      "PSOFT",
      "its factors are singular vectors of the base with the signs that the training's own library gave them, and the file does not hold them; merge it with PEFT"
    ),
    ("NEWEST", "this kind is not known here; merge it with the library that made it"),
  ])
  func `kinds without a merge are refused with the way out`(kind: String, reason: String) throws {
    #expect(
      try refusal(#""peft_type": "\#(kind)""#)
        == "A/adapter_config.json: peft_type \(kind) is not merged: \(reason)")
  }

  @Test(
    arguments: [
      (
        #""peft_type": "RANDLORA", "r": 2"#,
        [("model.q.randlora_lambda", [2, 3]), ("model.q.randlora_gamma", [3, 4])],
        #"A/adapter_config.json: "save_projection" is false: the random bases cannot be made again exactly; save the adapter with save_projection=True"#
      ),
      (
        #""peft_type": "UNILORA""#, [("unilora_theta_d", [9])],
        #"A/adapter_config.json: "save_indices" is false: which numbers of the vector go where is not in the file; save the adapter with save_indices=True"#
      ),
      (
        #""peft_type": "SUPERTUNING""#, [("model.q.supertuning_values", [9])],
        #"A/adapter_config.json: "save_precomputed_indices" is false: which elements were trained is not in the file; save the adapter with save_precomputed_indices=True"#
      ),
      (
        #""peft_type": "WAVEFT", "wavelet_family": "db33""#, [("model.q.waveft_spectrum", [9])],
        #"A/adapter_config.json: "wavelet_family" is "db33": this wavelet is not known here; merge the adapter with PEFT"#
      ),
      (
        #""peft_type": "HRA", "new_switch": true"#, [("model.q.hra_u", [4, 2])],
        #"A/adapter_config.json: "new_switch" is true: this key is not known for HRA and may change the result"#
      ),
      (
        #""peft_type": "BOFT""#, [("model.q.boft_R", [1, 2, 4, 4])],
        #"A/adapter_config.json: module "q" has boft_R but no boft_s; the file is incomplete"#
      ),
      (
        #""peft_type": "OFT""#, [("model.q.oft_R.weight", [2, 7])],
        #"A/adapter_config.json: tensor "base_model.model.q.oft_R.weight" has shape [2, 7], expected [blocks, b(b−1)/2]"#
      ),
      (
        #""peft_type": "ROAD", "variant": "road_3""#,
        [("model.q.road_theta", [32]), ("model.q.road_alpha", [32])],
        #"A/adapter_config.json: "variant" must be one of ["road_1", "road_2", "road_4"]; correct the file or save the adapter again"#
      ),
      (
        #""peft_type": "LOHA", "alpha": 8"#, [],
        #"A/adapter_config.json: "r" must be a whole number above 0; correct the file or save the adapter again"#
      ),
      (
        #""peft_type": "VERA""#,
        [
          ("model.q.vera_lambda_b", [6]), ("model.q.vera_lambda_d", [2]), ("vera_A", [2, 8]),
          ("vera_B", [4, 2]),
        ],
        #"A/adapter_config.json: tensor "base_model.vera_B" has shape [4, 2], expected [6 or more, 2]"#
      ),
      (
        #""peft_type": "C3A""#,
        [("model.q.c3a_kernel", [2, 2, 4]), ("model.q.lora_A.weight", [2, 2])],
        #"A: tensor "base_model.model.q.lora_A.weight" is no part of its kind of adapter that is known here; nothing was merged, because leaving it out would change the result"#
      ),
    ] as [(String, [(name: String, shape: [Int])], String)])
  func `files that do not hold what their kind needs are refused`(
    config: String, tensors: [(name: String, shape: [Int])], expected: String
  ) throws {
    #expect(try refusal(config, tensors) == expected)
  }

  @Test(
    arguments: [
      (
        #""peft_type": "SHIRA", "r": 1"#,
        [("model.q.shira_weight", [9]), ("model.q.shira_indices", [2, 9])], "9 elements or more"
      ),
      (
        #""peft_type": "WAVEFT""#, [("model.q.waveft_spectrum", [9])], "9 elements or more"
      ),
      (
        #""peft_type": "RANDLORA", "r": 2"#,
        [
          ("model.q.randlora_lambda", [2, 3]), ("model.q.randlora_gamma", [3, 4]),
          ("randlora_A", [2, 1, 8]), ("randlora_B", [6, 3, 2]),
        ], "4 and at most 6"
      ),
    ] as [(String, [(name: String, shape: [Int])], String)])
  func `what an update asks of its weight is said as it is checked`(
    config: String, tensors: [(name: String, shape: [Int])], expected: String
  ) throws {
    let update = try #require(try open(config, tensors).families.first?.updates.first)
    #expect(update.expected == expected)
    #expect(update.fits(WeightShape(rows: 6, columns: 4)))
    #expect(!update.fits(WeightShape(rows: 2, columns: 3)))
  }

  @Test(
    arguments: [
      (
        #"{"embed_tokens": [1], "tokens": [2]}"#, [1, 4],
        #"A/adapter_config.json: "trainable_token_indices" must be exactly one list of rows for "x.wte"; correct the file or save the adapter again"#
      ),
      (
        #"{"wte": [1, 3]}"#, [3, 4],
        #"A: tensor "base_model.model.x.wte.trainable_tokens_delta" has shape [3, 4], expected one row for each of 2 different token numbers"#
      ),
      (
        #"{"wte": [1, 1]}"#, [2, 4],
        #"A: tensor "base_model.model.x.wte.trainable_tokens_delta" has shape [2, 4], expected one row for each of 2 different token numbers"#
      ),
    ])
  func `token rows and their numbers must be of one mind`(
    numbers: String, shape: [Int], expected: String
  ) throws {
    let config = #""peft_type": "LORA", "r": 2, "lora_alpha": 2, "trainable_token_indices": "#
    #expect(
      try refusal(config + numbers, [("model.x.wte.trainable_tokens_delta", shape)]) == expected)
  }
}
