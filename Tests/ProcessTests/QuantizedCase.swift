// The merges of Tests/Fixtures/cases into quantised bases: every byte is that of dequantising with the
// format's library first and merging with PEFT then.

extension GoldenCase {
  static let quantized: [GoldenCase] = [
    .init("q-awq"), .init("q-fp4"), .init("q-fp8-block"), .init("q-fp8-channel"), .init("q-gptq"),
    .init("q-gptq-actorder"), .init("q-int4-packed"), .init("q-int8"), .init("q-nf4"),
    .init("q-nf4-double"),
  ]
}
