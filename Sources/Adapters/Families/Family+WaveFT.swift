// WaveFT: a few trained coefficients of the update's wavelets, at random places.
import Safetensors

extension Family {
  /// `waveft_spectrum (n)`: Δ = idwt2(S)·scaling, or S·scaling itself, S being 0 but at n places
  /// drawn by `random_loc_seed`.
  /// Source: PEFT `tuners/waveft/layer.py`.
  static let waveft = Family(
    kind: "WAVEFT", leaves: ["waveft_spectrum"],
    keys: [
      "n_frequency", "scaling", "wavelet_family", "use_idwt", "random_loc_seed",
      "n_frequency_pattern", "proportional_parameters", "init_weights",
    ],
    updates: { module throws(AdapterError) in
      let spectrum = try module.tensor("waveft_spectrum", dimensions: 1)
      let count = spectrum.shape[0]
      let usesWavelets = try module.flag("use_idwt", true)
      let name = try module.members.text("wavelet_family") ?? "db1"
      var numbers: [String: Double] = [:]
      if usesWavelets {
        guard let filter = Wavelets.filter(name) else {
          throw .switchedOn(
            path: module.config.path, key: "wavelet_family", value: "\"\(name)\"",
            reason: "this wavelet is not known here; merge the adapter with PEFT")
        }
        for (at, tap) in filter.enumerated() { numbers["tap\(at)"] = tap }
      }
      let scaling = try module.number("scaling", 25)
      numbers["seed"] = Double(try module.int("random_loc_seed", 777))
      numbers["scale"] = scaling
      return [
        WeightUpdate(
          "wavelet", [("spectrum", spectrum)],
          numbers: numbers, origin: "waveft, \(count) coefficients × \(scaling)",
          expected: "\(count) elements or more"
        ) { $0.kernel.isEmpty && $0.rows * $0.columns >= count }
      ]
    })
}
