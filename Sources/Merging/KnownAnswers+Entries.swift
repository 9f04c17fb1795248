// The answers. They are the same for every instruction set and every machine, since the outputs of
// merges are; a change of any of them is a change of the numeric contract.
import Kernels
import Storage

extension KnownAnswers {
  /// Digests first: loops are judged by them.
  package static let entries: [Entry] =
    digests.map { Entry(question: .digest($0, $1), answer: "\($0.rawValue):" + $2) }
    + loops.map { Entry(question: .loop($0, $1), answer: "xxh3:" + $2) }

  private static let digests: [(DigestAlgorithm, Input, String)] = [
    (.xxh3, .abc, "06b05ab6733a618578af5f94892f3950"),
    (.xxh3, .megabyte, "afba141431447cdac91eef18cc8a2772"),
    (.sha256, .abc, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (.sha256, .megabyte, "18e69cc2f9688fa7c55bcb2464d244412727f2bca0ff5255e7e10e910d399b09"),
  ]

  private static let loops: [(Loop, Precision, String)] = [
    (.widen, .single, "c88cd17739eb04a3c76dd3d7d8748ef5"),
    (.narrow, .single, "4fb38c7e231a3b933417537d4ff2940f"),
    (.addProduct, .single, "dd79d7f1183974197da2f038904f96e9"),
    (.sumProduct, .single, "4e493f761d71be903e7a78e0279e843b"),
    (.addScaled, .single, "4713294d10046266a126e640e9f84617"),
    (.lerp, .single, "c57188c8829880354b4ecad15a8a03fe"),
    (.scale, .single, "6afb5df3b636d72e0581c5e0b6207e89"),
    (.scaleEach, .single, "5c185ebd8006dbd0279aa340441ba308"),
    (.addRowSquares, .single, "705d1ddbfeac4bb22369337a5ea04e33"),
    (.addColumnSquares, .single, "f78a4c75d8ad67e3020f2ce51af3ff6d"),
    (.nonFiniteCount, .single, "5c17eb2d760591d6affdf15c6d6d6e38"),
    (.measure, .single, "ebc49396fccf2d48d5506ff7585cc913"),
    (.widen, .double, "8d73d8b159fbedfcbe625c7ad3b9ecb8"),
    (.narrow, .double, "cdd78026d2677eda19319de6e7c3d876"),
    (.addProduct, .double, "995c30ac4b48b197e79240fa6b345acc"),
    (.sumProduct, .double, "ceb6d95e603a895bea3e93dac2cd9cef"),
    (.addScaled, .double, "d7b6643d723d5d8129d68cc6febf40e5"),
    (.addSticky, .double, "f801de1059a6506c8481e2a0a92f5304"),
    (.lerp, .double, "84cff83bd283e598ab17e7c6188d9167"),
    (.scale, .double, "45bda1c6cf3f707fff347ed65566230f"),
    (.scaleEach, .double, "1654ee2b0f6596363fc18295165e9d8f"),
    (.addRowSquares, .double, "8038f5568bf0468644f1683e03a32f97"),
    (.addColumnSquares, .double, "fec7821d377092cc3b1305bba4516d66"),
    (.nonFiniteCount, .double, "b1c4936ff94446c88f1b7986b35c15cc"),
    (.measure, .double, "a55b396bce030c2bf4e7b37cbf30e4fe"),
  ]
}
