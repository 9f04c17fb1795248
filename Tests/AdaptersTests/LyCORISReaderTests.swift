// What modules of LyCORIS's methods are read as, and what of them is refused.
import Adapters
import Safetensors
import TestSupport
import Testing

struct LyCORISReaderTests {
  private let scratch = Scratch()
  private let q = "lora_unet_to_q."

  /// Opens a file with one module of these tensors.
  private func open(_ tensors: [(leaf: String, shape: [Int])]) throws -> Adapter {
    try scratch.write(
      "a.safetensors",
      tensors.map { leaf, shape in
        SampleTensor(
          q + leaf, .f32, shape, Array(repeating: 0.5, count: shape.reduce(1, *)))
      })
    return try Adapter.open(scratch("a.safetensors"))
  }

  private func refusal(_ tensors: [(leaf: String, shape: [Int])]) throws -> String? {
    do {
      _ = try open(tensors)
      return nil
    } catch let error as AdapterError {
      return error.sentence.replacing(scratch.path + "/", with: "")
    }
  }

  private func update(_ tensors: [(leaf: String, shape: [Int])]) throws -> WeightUpdate {
    let adapter = try open(tensors)
    #expect(adapter.modules.isEmpty && adapter.families.count == 1)
    return adapter.families[0].updates[0]
  }

  private let pair = [("lora_down.weight", [2, 4]), ("lora_up.weight", [6, 2])]

  @Test func `the axis of DoRA's lengths is that of their shape`() throws {
    let rows = try update(pair + [("dora_scale", [6, 1]), ("alpha", [])])
    #expect(rows.rule == "product" && rows.numbers["channels"] == 0 && rows.rowsTogether == 1)
    #expect(rows.origin == "alpha 0.5 / rank 2, dora")
    #expect(rows.tensorNames.contains(q + "alpha"))
    let channels = try update(pair + [("dora_scale", [1, 4])])
    #expect(channels.numbers["channels"] == 1 && channels.rowsTogether == nil)
    let fits = WeightShape(rows: 6, columns: 4)
    #expect(rows.fits(fits) && channels.fits(fits))
    #expect(!(try update(pair + [("dora_scale", [5, 1])]).fits(fits)))
    #expect(!(try update(pair + [("dora_scale", [1, 5])]).fits(fits)))
  }

  @Test func `lengths of no axis are refused`() throws {
    for shape in [[2, 2], [6], [6, 1, 3, 3]] {
      #expect(
        try refusal(pair + [("dora_scale", shape)])
          == "a.safetensors: tensor \"\(q)dora_scale\" has shape \(shape), expected [out, 1, …] or [1, in, 1, …]"
      )
    }
    #expect(
      try refusal([("oft_blocks", [3, 2, 2]), ("dora_scale", [6, 1])])
        == "a.safetensors: tensor \"\(q)dora_scale\" is no part of its kind of adapter that is known here; nothing was merged, because leaving it out would change the result"
    )
  }

  @Test func `a Tucker core that fits no pair is refused`() throws {
    #expect(
      try refusal(pair + [("lora_mid.weight", [2, 2])])
        == "a.safetensors: tensor \"\(q)lora_mid.weight\" has shape [2, 2], expected [2, 2, kernel…]"
    )
    #expect(
      try refusal([
        ("lora_down.weight", [2, 4, 3, 3]), ("lora_up.weight", [6, 2, 1, 1]),
        ("lora_mid.weight", [2, 2, 3, 3]),
      ])
        == "a.safetensors: tensor \"\(q)lora_down.weight\" has shape [2, 4, 3, 3], expected [2, in] beside lora_mid.weight"
    )
    #expect(
      try refusal([
        ("lora_down.weight", [2, 4]), ("lora_up.weight", [6, 3]), ("lora_mid.weight", [2, 2, 3]),
      ])
        == "a.safetensors: tensor \"\(q)lora_up.weight\" has shape [6, 3], expected [out, 2]")
    #expect(
      try refusal([("lora_mid.weight", [2, 2, 3])])
        == "a.safetensors: tensor \"\(q)lora_mid.weight\" is no part of its kind of adapter that is known here; nothing was merged, because leaving it out would change the result"
    )
  }

  @Test func `a module with two methods is refused`() throws {
    let rotation = [("oft_blocks", [3, 2, 2])]
    for tensors in [pair + rotation, [("a1.weight", [4, 2])] + mixRest + rotation] {
      #expect(
        try refusal(tensors)?.hasSuffix(
          "is no part of its kind of adapter that is known here; nothing was merged, because leaving it out would change the result"
        ) == true)
    }
    #expect(try refusal(pair + rotation)?.hasPrefix("a.safetensors: tensor \"\(q)oft_") == true)
  }

  @Test func `rotations of other shapes are refused`() throws {
    #expect(try update([("oft_blocks", [3, 2, 2])]).rule == "outputRotation")
    #expect(try update([("oft_blocks", [2, 2, 2, 2])]).rule == "outputButterfly")
    for shape in [[2, 2, 3], [4, 2], [1, 2, 2, 2, 2]] {
      #expect(
        try refusal([("oft_blocks", shape)])
          == "a.safetensors: tensor \"\(q)oft_blocks\" has shape \(shape), expected [blocks, size, size], or with levels before"
      )
    }
    for shape in [[2, 2, 3, 3], [3, 2, 2, 2]] {
      #expect(
        try refusal([("oft_blocks", shape)])
          == "a.safetensors: tensor \"\(q)oft_blocks\" has shape \(shape), expected blocks of even size, as many as the levels need"
      )
    }
    #expect(
      try refusal([("oft_blocks", [3, 2, 2]), ("rescale", [5, 1])])
        == "a.safetensors: tensor \"\(q)rescale\" has shape [5, 1], expected [6, 1, …]")
  }

  @Test func `alpha bounds a rotation, and 0 does not`() throws {
    let bounded = try update([("oft_blocks", [3, 2, 2]), ("alpha", [])])
    #expect(bounded.numbers["limit"] == 3 && bounded.tensorNames.contains(q + "alpha"))
    #expect(try update([("oft_blocks", [3, 2, 2])]).numbers["limit"] == nil)
    try scratch.write(
      "a.safetensors",
      [
        SampleTensor(q + "oft_blocks", .f32, [3, 2, 2]), SampleTensor(q + "alpha", .f32, [], [0]),
      ])
    let free = try Adapter.open(scratch("a.safetensors")).families[0].updates[0]
    #expect(free.numbers["limit"] == nil && free.tensorNames.contains(q + "alpha"))
  }

  @Test func `factors of activations without their side are refused`() throws {
    let flag = SampleTensor(q + "on_input", .i64, [], bytes: [1, 0, 0, 0, 0, 0, 0, 0])
    try scratch.write("a.safetensors", [flag, SampleTensor(q + "weight", .f32, [4])])
    let update = try Adapter.open(scratch("a.safetensors")).families[0].updates[0]
    #expect(update.rule == "scaleColumns" && update.origin == "ia3 of columns")
    #expect(update.tensorNames == [q + "weight", q + "on_input"])
    #expect(
      try refusal([("on_input", [])])
        == "a.safetensors: module \"to_q\" has on_input but no weight; the file is incomplete")
    #expect(
      try refusal([("on_input", []), ("weight", [2, 2])])
        == "a.safetensors: tensor \"\(q)weight\" has shape [2, 2], expected a vector")
    #expect(
      try refusal([("on_input", []), ("weight", [4]), ("alpha", [])])
        == "a.safetensors: tensor \"\(q)alpha\" is no part of its kind of adapter that is known here; nothing was merged, because leaving it out would change the result"
    )
  }

  private let mixRest = [
    ("a2.weight", [2, 4]), ("b1.weight", [6, 2]), ("b2.weight", [2, 4]),
  ]

  @Test func `mixtures whose factors do not meet are refused`() throws {
    #expect(try update([("a1.weight", [4, 2])] + mixRest).rule == "channelMix")
    #expect(
      try refusal([("a1.weight", [4, 2])])
        == "a.safetensors: module \"to_q\" has a1.weight but no a2.weight; the file is incomplete")
    #expect(
      try refusal([("a1.weight", [4, 3])] + mixRest)
        == "a.safetensors: tensor \"\(q)a1.weight\" has shape [4, 3], expected [4, 2]")
    #expect(
      try refusal([("a1.weight", [5, 2])] + mixRest)
        == "a.safetensors: tensor \"\(q)a2.weight\" has shape [2, 4], expected [2, 5]")
    #expect(
      try refusal(
        [("a1.weight", [4, 2]), ("b2.weight", [3, 4])] + mixRest.filter { $0.0 != "b2.weight" })
        == "a.safetensors: tensor \"\(q)b2.weight\" has shape [3, 4], expected [2, 4, …]")
  }
}
