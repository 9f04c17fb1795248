import Glibc
import Storage
import Testing

struct StorageErrorTests {
  @Test func `a full disk and a limit on the size of files say how much is needed`() {
    for code in [ENOSPC, EDQUOT] {
      #expect(
        StorageError.last(.write, "p", errno: code, needed: 5).sentence
          == "no space left for p: 5 bytes are needed; free some and run the command again")
    }
    #expect(
      StorageError.last(.reserve, "p", errno: EFBIG, needed: 5).sentence
        == "p may not grow so large: 5 bytes are to be written; raise the limit of this process "
        + "(ulimit -f), or let shards be smaller (--max-shard-size)")
  }
}
