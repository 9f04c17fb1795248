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
    (.widen, .single, "e1a067b59833b98705e6784dbcaf4381"),
    (.narrow, .single, "4fb38c7e231a3b933417537d4ff2940f"),
    (.addProduct, .single, "21659e66bb14994227d01a54d142bbd8"),
    (.sumProduct, .single, "04f24c2d805d35965a2060f5ed6f6a67"),
    (.addScaled, .single, "0c487d1eae8831d9b12e99cb0a97bdca"),
    (.lerp, .single, "25ab06f46724d3327170f595a3788f8f"),
    (.scale, .single, "768eaa6ac9621dc2fedc25564e3212b3"),
    (.scaleEach, .single, "8da80f4ab5fcef841393e12e5f4149bd"),
    (.addRowSquares, .single, "4e43dbf14e6d9e3893567e86042f877b"),
    (.addColumnSquares, .single, "27f30f0cc19f72cca949f8b5ed19d14b"),
    (.nonFiniteCount, .single, "5c17eb2d760591d6affdf15c6d6d6e38"),
    (.measure, .single, "8ba9abd440b68b800a7da7ec58775a6d"),
    (.widen, .double, "2c72194b0f2b614947e7c8b42015ba73"),
    (.narrow, .double, "cdd78026d2677eda19319de6e7c3d876"),
    (.addProduct, .double, "97e54882d2d0c3375ab5338cb1b86529"),
    (.sumProduct, .double, "eeb099778d0057dece42010df8b98a5a"),
    (.addScaled, .double, "584154785c9f99021a9681dada54a879"),
    (.addSticky, .double, "bfa0fd12e89200bc9849028f7d767dad"),
    (.lerp, .double, "f60eeba479b8543f3617c6b93ff02c10"),
    (.scale, .double, "55259ca48d1d50aed81f03962ab6b017"),
    (.scaleEach, .double, "391a0f465e5099c3b5676f43804a8ff5"),
    (.addRowSquares, .double, "a5f60444952f2042983804622b8a70ce"),
    (.addColumnSquares, .double, "9acd36149feb3bd3a2ca64e5f2d5c916"),
    (.nonFiniteCount, .double, "b1c4936ff94446c88f1b7986b35c15cc"),
    (.measure, .double, "493b721aabcb0666c15153042483ea7b"),
  ]
}
