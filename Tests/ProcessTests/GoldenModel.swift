// Models and adapters made up for a test: as large or as odd as it needs them.
import Foundation
import Safetensors
import TestSupport

/// Tensors of random numbers, none of them large, none subnormal.
enum GoldenModel {
  /// Fast enough for millions of elements; BF16, F16, F32 and F64.
  static func tensor(
    _ name: String, _ dtype: DType, _ shape: [Int], seed: UInt64
  ) -> SampleTensor {
    var generator = SeededGenerator(seed: seed)
    let count = shape.reduce(1, *)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count * dtype.byteCount)
    for _ in 0..<count {
      let word = generator.next()
      // Sign and fraction as they come; the exponent from 2⁻¹² to 2⁻⁵.
      let exponent = word >> 52 & 7
      let bits: UInt64 =
        switch dtype {
        case .bf16: word & 0x807F | (115 + exponent) << 7
        case .f16: word & 0x83FF | (3 + exponent) << 10
        case .f32: word & 0x807F_FFFF | (115 + exponent) << 23
        default: word & 0x800F_FFFF_FFFF_FFFF | (1011 + exponent) << 52
        }
      for byte in 0..<dtype.byteCount {
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt64(8 * byte)))
      }
    }
    return SampleTensor(name, dtype, shape, bytes: bytes)
  }

  /// The pair of a linear weight, under PEFT's names.
  static func pair(
    _ module: String, out: Int, in columns: Int, rank: Int, dtype: DType = .f32, seed: UInt64
  ) -> [SampleTensor] {
    [
      tensor("base_model.model.\(module).lora_A.weight", dtype, [rank, columns], seed: seed),
      tensor("base_model.model.\(module).lora_B.weight", dtype, [out, rank], seed: seed + 1),
    ]
  }

  /// The pair of an embedding, under PEFT's names.
  static func embeddingPair(
    _ module: String, rows: Int, columns: Int, rank: Int, seed: UInt64
  ) -> [SampleTensor] {
    [
      tensor("base_model.model.\(module).lora_embedding_A", .f32, [rank, rows], seed: seed),
      tensor("base_model.model.\(module).lora_embedding_B", .f32, [columns, rank], seed: seed + 1),
    ]
  }

  static func adapterConfig(rank: Int, alpha: Int, _ more: String = "") -> String {
    #"{"peft_type": "LORA", "r": \#(rank), "lora_alpha": \#(alpha)\#(more)}"#
  }
}

/// The instruction sets that this machine's CPU has, by the names of SHARDWELD_INSTRUCTION_SET.
enum InstructionSets {
  static let variable = "SHARDWELD_INSTRUCTION_SET"

  static let all: [String] = {
    #if arch(arm64)
      return ["plain", "neon"]
    #else
      let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
      let line = text.split(separator: "\n").first { $0.hasPrefix("flags") } ?? ""
      let flags = Set(line.split(separator: " ").map(String.init))
      let needs = [
        ("avx2", ["avx2", "fma", "f16c"]),
        ("avx512", ["avx512f", "avx512bw", "avx512dq", "avx512vl"]),
      ]
      return ["plain"] + needs.filter { flags.isSuperset(of: $0.1) }.map(\.0)
    #endif
  }()
}
