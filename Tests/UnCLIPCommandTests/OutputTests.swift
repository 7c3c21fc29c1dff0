import Foundation
import TestSupport
import Testing

@testable import UnCLIPCommand

/// Output arrives, or the run fails.
@Suite struct OutputTests {
  @Test(arguments: ["config show tiny", "config list --json", "--version", "config --help"])
  func aFullDeviceIsNoSuccess(_ arguments: String) throws {
    let run = try BuiltCommand.shell("\"$0\" \(arguments) > /dev/full")
    #expect(run.status == 74)
    #expect(
      run.errors == "unclip: The result cannot be written to standard output (No space left on "
        + "device); redirect it to a writable file.\n")
  }

  @Test func aLimitOfFileSizeIsAnError() throws {
    let folder = try TemporaryFolder()
    let model = folder.path("model")
    try TinyModel.write(to: URL(fileURLWithPath: model))
    let run = try BuiltCommand.shell(
      "cd '\(folder.url.path)' && ulimit -f 1 && \"$0\" embed a b c d e f g h i j k l m n o p "
        + "q r s t u v w x y z --model '\(model)' --out e.npy")
    #expect(run.status == 73, "\(run.errors)")
    #expect(
      run.errors.contains("e.npy cannot be written (the file would be larger than is allowed)"))
    #expect(run.errorLines.count == 1)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["model"])
  }

  @Test func aClosedStandardOutputIsAFailure() throws {
    let run = try BuiltCommand.shell("\"$0\" config list >&-")
    #expect(run.status == 74)
    #expect(run.errorLines.count == 1)
  }

  @Test(arguments: ["2>&-", "2>/dev/full"]) func standardErrorMayBeClosed(_ target: String) throws {
    let run = try BuiltCommand.shell("\"$0\" config show none \(target)")
    #expect(run.status == 64 && run.errors.isEmpty)
    let warned = try BuiltCommand.shell("\"$0\" config list \(target)")
    #expect(warned.status == 0 && !warned.output.isEmpty)
  }

  /// With its descriptor free, the image would receive what the command prints.
  @Test func aFileDoesNotReplaceAClosedStream() throws {
    let folder = try TemporaryFolder()
    let model = folder.path("model")
    try TinyModel.write(to: URL(fileURLWithPath: model))
    let image = folder.path("a.png")
    let run = try BuiltCommand.shell(
      "\"$0\" generate 'a cat' --model '\(model)' --out '\(image)' \(TinyModel.fewSteps.joined(separator: " ")) >&- 2>&- <&-"
    )
    #expect(run.status == 74)
    let whole = try BuiltCommand.run("verify", image, "--model", model)
    #expect(whole.status == 0, "\(whole.errors)")
  }

  @Test func controlBytesOfAFileDoNotReachTheTerminal() throws {
    let folder = try TemporaryFolder()
    let header = #"{"\u001b[31mred\u009b2J\u202e":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#
    var data = Data()
    withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { data.append(contentsOf: $0) }
    data += Data(header.utf8) + [0]
    let file = folder.url.appendingPathComponent("x.safetensors")
    try data.write(to: file)
    let run = try BuiltCommand.run("convert", file.path, "--out", folder.path("out"))
    #expect(run.status == 65)
    #expect(run.errors.contains(#"\u{1B}[31mred\u{9B}2J\u{202E}"#), "\(run.errors)")
    #expect(!run.errors.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{9B}" })
  }

  @Test func printableTextStaysAsItIs() {
    #expect(Output.printable("a café 🍎 «x»") == "a café 🍎 «x»")
    #expect(Output.printable("a\nb\tc\u{7F}") == #"a\u{A}b\u{9}c\u{7F}"#)
    #expect(Output.printable("a\nb\tc\u{7F}", keepingLines: true) == "a\nb\tc\\u{7F}")
    #expect(Output.printable("\r\n") == #"\u{D}\u{A}"#)
  }

  /// From too little to load the libraries up to enough.
  @Test(arguments: [300, 400, 450, 500, 550, 600, 700, 900])
  func aSmallAddressSpaceEndsWithASentence(_ megabytes: Int) throws {
    let folder = try TemporaryFolder()
    let model = folder.path("model")
    try TinyModel.write(to: URL(fileURLWithPath: model))
    let run = try BuiltCommand.shell(
      "ulimit -v \(megabytes * 1024); exec timeout 60 \"$0\" generate 'a cat' --model '\(model)' "
        + "--out '\(folder.path("a.png"))' \(TinyModel.fewSteps.joined(separator: " "))")
    #expect([0, 1, 65, 71, 73, 127].contains(run.status), "\(run.status): \(run.errors)")
    #expect(run.status == 0 || !run.errors.isEmpty)
  }
}
