// The program: words in, exit code out. What each command does stands in Commands/.
import Glibc

@main
struct Main {
  static func main() {
    exit(CommandLineFace.run(Array(CommandLine.arguments.dropFirst())).rawValue)
  }
}
