// The program: words in, exit code out. What each command does stands in Commands/.
import Glibc

@main
struct Main {
  static func main() {
    // Where the size of files is limited (ulimit -f), a write shall say so and not end the process.
    signal(SIGXFSZ, SIG_IGN)
    exit(CommandLineFace.run(Array(CommandLine.arguments.dropFirst())).rawValue)
  }
}
