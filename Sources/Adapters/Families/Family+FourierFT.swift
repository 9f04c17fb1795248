// FourierFT: a few trained coefficients of the update's spectrum, at random places.
import Safetensors

extension Family {
  /// `fourierft_spectrum (n)`: Δ = Re(ifft2(S))·scaling, S being 0 but at n places drawn by
  /// `random_loc_seed`.
  /// Source: PEFT `tuners/fourierft/layer.py`.
  static let fourierFT = Family(
    kind: "FOURIERFT", leaves: ["fourierft_spectrum"],
    keys: [
      "n_frequency", "n_frequency_pattern", "random_loc_seed", "scaling", "init_weights",
      "ifft2_norm",
    ],
    updates: { module throws(AdapterError) in
      let spectrum = try module.tensor("fourierft_spectrum", dimensions: 1)
      let count = spectrum.shape[0]
      let seed = try module.int("random_loc_seed", 777)
      let scaling = try module.number("scaling", 150)
      return [
        WeightUpdate(
          "fourier", [("spectrum", spectrum)],
          numbers: ["seed": Double(seed), "scale": scaling],
          origin: "fourierft, \(count) coefficients × \(scaling)",
          expected: "\(count) elements or more"
        ) { $0.kernel.isEmpty && $0.rows * $0.columns >= count }
      ]
    })
}
