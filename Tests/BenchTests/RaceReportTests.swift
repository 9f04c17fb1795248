// What a race writes for programs.
import OrderedJSON
import Testing

@testable import shardweld_bench

struct RaceReportTests {
  private let machine = HostFacts(
    cores: 2, memoryByteCount: 24, processor: "Some CPU", kernel: "6.1.0", fileSystem: "ext4",
    load: 0.25)

  @Test func `the report has every time, what it comes to, and the machine, but no path`() {
    var results = RaceResults([RaceSample.copy, RaceSample.merge, RaceSample.peer])
    results.add(RaceSample.run(100), of: 0)
    results.add(RaceSample.run(150.5, workerByteCount: 7, cachedShare: 0.5), of: 1)
    results.add(RaceSample.run(1600), of: 2)
    let report = RaceReport(
      results: results, machine: machine, byteCount: 512,
      flags: ["--threads", "1", "--keys", "/home/me/keys"], packages: ["peft": "0.21", "a": "1"])
    #expect(
      report.json.indented == """
        {
          "weights_bytes": 512,
          "rounds": 1,
          "merge_flags": [
            "--threads",
            "1",
            "--keys",
            "…"
          ],
          "packages": {
            "a": "1",
            "peft": "0.21"
          },
          "machine": {
            "cores": 2,
            "memory_bytes": 24,
            "processor": "Some CPU",
            "kernel": "6.1.0",
            "file_system": "ext4",
            "load": 0.25
          },
          "rows": [
            {
              "name": "cp -r",
              "program": "cp",
              "flushed": false,
              "cache": "hot",
              "milliseconds": [
                100.000
              ],
              "median_milliseconds": 100.000,
              "ratio_to_copy": 1.000,
              "peak_bytes": 2000000,
              "worker_peak_bytes": 0,
              "inputs_cached": 1.000
            },
            {
              "name": "merge r16, 2 workers",
              "program": "shardweld",
              "rank": 16,
              "workers": 2,
              "verify": "readback",
              "cache": "hot",
              "milliseconds": [
                150.500
              ],
              "median_milliseconds": 150.500,
              "ratio_to_copy": 1.505,
              "peak_bytes": 2000000,
              "worker_peak_bytes": 7,
              "inputs_cached": 0.500
            },
            {
              "name": "PEFT r16",
              "program": "PEFT",
              "rank": 16,
              "cache": "hot",
              "milliseconds": [
                1600.000
              ],
              "median_milliseconds": 1600.000,
              "ratio_to_copy": 16.000,
              "peak_bytes": 2000000,
              "worker_peak_bytes": 0,
              "inputs_cached": 1.000
            }
          ]
        }

        """)
  }

  @Test func `the file system is that of the deepest mount point, of several the last`() {
    let mounts = """
      21 1 254:0 / / rw - ext4 /dev/root rw
      22 21 0:5 / /data rw shared:1 master:2 - tmpfs none rw
      23 21 0:6 / /data/fast rw - xfs /dev/a rw
      24 23 0:7 / /data/fast rw - btrfs /dev/b rw
      """
    for (path, kind) in [
      ("/data/fast/model", "btrfs"), ("/data/fast", "btrfs"), ("/data/faster", "tmpfs"),
      ("/database", "ext4"), ("/", "ext4"),
    ] {
      #expect(HostFacts.fileSystem(of: path, in: mounts) == kind)
    }
    #expect(HostFacts.fileSystem(of: "/data", in: "no mounts") == "unknown")
  }

  @Test func `values of proc files are found by their whole name`() {
    let text = "model\t\t: 85\nmodel name\t: A CPU @ 2: GHz\nVmHWM:\t    12 kB\n"
    #expect(ProcFile.value(of: "model name", in: text) == "A CPU @ 2: GHz")
    #expect(ProcFile.byteCount(of: "VmHWM", in: text) == 12288)
    #expect(ProcFile.byteCount(of: "VmRSS", in: text) == 0)
  }
}
