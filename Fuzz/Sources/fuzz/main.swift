import Foundation

/// libFuzzer's loop: reads the options behind the program's name, then calls `body` without end.
@_silgen_name("LLVMFuzzerRunDriver")
func runFuzzer(
  _ count: UnsafeMutablePointer<Int32>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

// Top-level code runs in order: the list is given before a target is asked for.
if CommandLine.arguments.dropFirst() == ["--list"] {
  print(Target.all.keys.sorted().joined(separator: "\n"))
  exit(0)
}

/// The parser under test, named by `$FUZZ_TARGET`.
let target: Target = {
  let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
  guard let target = Target.all[name] else {
    let known = Target.all.keys.sorted().joined(separator: " ")
    FileHandle.standardError.write(Data("FUZZ_TARGET is '\(name)', not one of \(known)\n".utf8))
    exit(64)
  }
  return target
}()

/// The name that libFuzzer's own `main` looks for; what it links is never called but through ours.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  target.parse([UInt8](UnsafeBufferPointer(start: data, count: count)))
  return 0
}

var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(runFuzzer(&count, &arguments, testOneInput))
