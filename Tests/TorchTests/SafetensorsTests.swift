import Foundation
import TestSupport
import Testing
import Torch

/// The bytes of a file with this header and so many bytes of data.
private func bytes(header: String, data: Int, claimed: UInt64? = nil) -> Data {
  let text = Data(header.utf8)
  var file = Data()
  withUnsafeBytes(of: (claimed ?? UInt64(text.count)).littleEndian) { file.append(contentsOf: $0) }
  return file + text + Data(repeating: 0, count: data)
}

@Suite struct SafetensorsTests {
  @Test func everyTypeComesBackBitForBit() throws {
    let folder = try TemporaryFolder()
    let source = RandomSource(seed: 3)
    var tensors: [String: Tensor] = [:]
    for dtype in DType.allCases {
      let values = source.integers(in: 0..<2, [3, 5]).to(.float32)
      tensors["t.\(dtype)"] = values.to(dtype)
    }
    tensors["scalar"] = Tensor(scalar: 2.5)
    tensors["empty"] = Tensor.zeros([0, 4])
    tensors["transposed"] = source.normal([4, 3]).transposed()
    let url = folder.file("a.safetensors")
    try Safetensors.write(tensors, metadata: ["format": "pt", "quote\"": "é"], to: url)
    let file = try Safetensors.read(url)
    #expect(file.metadata == ["format": "pt", "quote\"": "é"])
    #expect(file.tensors.keys.sorted() == tensors.keys.sorted())
    for (key, value) in tensors {
      let back = try #require(file.tensors[key])
      #expect(back.dtype == value.dtype && back.shape == value.shape, "\(key)")
      #expect(back.bytes() == value.bytes(), "\(key)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).count == 1)
  }

  @Test func writingToAMappedTensorLeavesTheFileAlone() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("a.safetensors")
    try Safetensors.write(["x": Tensor.ones([1000])], to: url)
    var file: SafetensorsFile? = try Safetensors.read(url)
    let x = try #require(file?.tensors["x"])
    file = nil
    x.copy(from: Tensor.full([1000], 7))
    #expect(x.sum().item() == 7000)
    #expect(try Safetensors.read(url).tensors["x"]?.sum().item() == 1000)
    try Safetensors.write(["x": Tensor.zeros([1000])], to: url)
    #expect(x.sum().item() == 7000)
  }

  @Test func readsPythonsFile() throws {
    let tensors = try Golden.tensors("torch/safetensors.safetensors")
    #expect(tensors["arange"]?.array(of: Int.self) == [0, 1, 2, 3, 4, 5])
    #expect(tensors["half"]?.dtype == .float16)
    #expect(tensors["half"]?.array(of: Float.self) == [0.5, -2])
    #expect(tensors["brain"]?.dtype == .bfloat16)
    #expect(tensors["flags"]?.array(of: Bool.self) == [true, false, true])
    #expect(tensors["small"]?.dtype == .float8e4m3fn)
    #expect(tensors["small"]?.array(of: Float.self) == [1, -0.5])
  }

  struct Fault: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let contents: Data
    let text: String

    init(_ name: String, _ contents: Data, _ text: String) {
      (testDescription, self.contents, self.text) = (name, contents, text)
    }
  }

  @Test(arguments: [
    Fault("empty", Data(), "0 bytes, fewer than a header"),
    Fault("short", Data([1, 2, 3]), "3 bytes, fewer than a header"),
    Fault(
      "long header", bytes(header: "{}", data: 0, claimed: 1 << 62),
      "claims \(UInt64(1) << 62) bytes in a file of 10"),
    Fault(
      "huge header", bytes(header: "{}", data: 0, claimed: .max), "bytes in a file of 10"),
    Fault("not JSON", bytes(header: "{nonsense}", data: 0), "not the JSON of safetensors"),
    Fault("array", bytes(header: "[]", data: 0), "not the JSON of safetensors"),
    Fault(
      "no dtype", bytes(header: #"{"a":{"shape":[1],"data_offsets":[0,4]}}"#, data: 4),
      "not the JSON of safetensors"),
    Fault(
      "fraction",
      bytes(header: #"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#, data: 4),
      "not the JSON of safetensors"),
    Fault(
      "unknown type",
      bytes(header: #"{"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}}"#, data: 8),
      #""a" with C64 where a type this package knows is needed"#),
    Fault(
      "negative",
      bytes(header: #"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, data: 4),
      "the shape [-1] where a possible shape"),
    Fault(
      "overflow",
      bytes(
        header:
          #"{"a":{"dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,4]}}"#,
        data: 4),
      "where a possible shape"),
    Fault(
      "overflow beside an axis of length 0",
      bytes(
        header:
          #"{"a":{"dtype":"F32","shape":[0,1099511627776,1099511627776],"data_offsets":[0,0]}}"#,
        data: 0),
      "where a possible shape"),
    Fault(
      "beyond",
      bytes(header: #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, data: 4),
      "cut short, as by a download that did not end: 4 of 8 bytes of its tensors are there"),
    Fault(
      "beyond and backwards",
      bytes(
        header:
          #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[1],"data_offsets":[9,8]}}"#,
        data: 4),
      "where two ascending offsets within 4 bytes"),
    Fault(
      "web page", Data("\n<!DOCTYPE html>\n<html>".utf8), "it is a web page; download the file"),
    Fault(
      "message", Data("Entry not found\n".utf8), #"a text that begins "Entry not found""#),
    Fault("zip", Data([0x50, 0x4B, 3, 4] + [UInt8](repeating: 1, count: 20)), "`unclip convert`"),
    Fault(
      "one name twice",
      bytes(
        header:
          #"{"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        data: 8),
      #"its header has the key "a" twice in one place"#),
    Fault(
      "one field twice",
      bytes(
        header: #"{"a":{"dtype":"F32","shape":[1],"shape":[1,1],"data_offsets":[0,4]}}"#, data: 4),
      #"the key "shape" twice"#),
    Fault(
      "pointer",
      Data("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n".utf8),
      "is a Git LFS pointer and not the file itself; run `git lfs pull` in that folder."),
    Fault(
      "backwards",
      bytes(header: #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, data: 4),
      "the offsets [4, 0]"),
    Fault(
      "wrong size",
      bytes(header: #"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, data: 8),
      "8 bytes where 12 bytes for F32 [3]"),
    Fault(
      "overlap",
      bytes(
        header:
          #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#,
        data: 6),
      #"the tensor "b" at byte 2 overlaps another"#),
    Fault(
      "gap",
      bytes(header: #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#, data: 6),
      #"the tensor "a" at byte 2 follows a gap"#),
    Fault(
      "surplus",
      bytes(header: #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#, data: 6),
      "its tensors take 4 bytes of 6 after the header"),
  ]) func saysWhatIsWrong(_ fault: Fault) throws {
    let folder = try TemporaryFolder()
    let url = folder.file("bad.safetensors")
    try fault.contents.write(to: url)
    let error = #expect(throws: CheckpointError.self) { try Safetensors.read(url) }
    let text = try #require(error).description
    #expect(text.contains(fault.text), "\(text)")
    #expect(text.contains(url.path))
  }

  @Test func readsTensorsThatAreNotAligned() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("odd.safetensors")
    var data = bytes(header: #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} "#, data: 0)
    withUnsafeBytes(of: Float(1.5)) { data.append(contentsOf: $0) }
    try data.write(to: url)
    #expect(try Safetensors.read(url).tensors["a"]?.item() == 1.5)
  }

  @Test func saysWhichFileIsNotThere() throws {
    let folder = try TemporaryFolder()
    let missing = folder.file("none.safetensors")
    let error = #expect(throws: CheckpointError.self) { try Safetensors.read(missing) }
    #expect(
      try #require(error).description
        == "\(missing.path) cannot be read (there is no such file or folder): check the path and its "
        + "permissions.")
    let aFolder = #expect(throws: CheckpointError.self) { try Safetensors.read(folder.url) }
    #expect(try #require(aFolder).description.contains("not a plain file"))
    let unwritable = #expect(throws: CheckpointError.self) {
      try Safetensors.write([:], to: folder.file("no/such/folder.safetensors"))
    }
    #expect(
      try #require(unwritable).description.contains(
        "cannot be written (there is no such file or folder)")
    )
    let reserved = #expect(throws: CheckpointError.self) {
      try Safetensors.write(["__metadata__": Tensor.ones([1])], to: folder.file("a"))
    }
    #expect(try #require(reserved).description.contains("no tensor may be called __metadata__"))
  }

  @Test func readsShards() throws {
    let folder = try TemporaryFolder()
    try Safetensors.write(["a": Tensor.ones([2])], to: folder.file("m-1.safetensors"))
    try Safetensors.write(["b": Tensor.zeros([3])], to: folder.file("m-2.safetensors"))
    func index(_ map: String) throws {
      try Data(#"{"metadata":{},"weight_map":\#(map)}"#.utf8)
        .write(to: folder.file("m.safetensors.index.json"))
    }
    func failure() throws -> String {
      let error = #expect(throws: CheckpointError.self) {
        try Safetensors.readModel(folder: folder.url, stem: "m")
      }
      return try #require(error).description
    }
    #expect(try failure().contains("neither this file nor an index"))
    try Data().write(to: folder.file("pytorch_m.bin"))
    #expect(try failure().contains("only pytorch_m.bin is there"))
    try index(#"{"a":"m-1.safetensors","b":"m-2.safetensors"}"#)
    let tensors = try Safetensors.readModel(folder: folder.url, stem: "m")
    #expect(tensors.mapValues(\.shape) == ["a": [2], "b": [3]])
    try index(#"{"a":"m-1.safetensors","b":"m-1.safetensors"}"#)
    #expect(try failure().contains("\"b\" is not in m-1.safetensors"))
    // PyTorch's readers, too, take a key that the index lacks.
    try Safetensors.write(
      ["a": Tensor.ones([2]), "c": Tensor.ones([4])], to: folder.file("m-3.safetensors"))
    try index(#"{"a":"m-3.safetensors"}"#)
    #expect(try Safetensors.readModel(folder: folder.url, stem: "m")["c"]?.shape == [4])
    try index(#"{"b":"m-2.safetensors","c":"m-3.safetensors","a":"m-1.safetensors"}"#)
    #expect(try failure().contains("holds \"a\", which the index places in another file"))
    try index(#"{"a":"../m-1.safetensors"}"#)
    #expect(try failure().contains("not the name of a file beside it"))
    try index("3")
    #expect(try failure().contains("no index of weights: a value is of the wrong type"))
    try Data("{}".utf8).write(to: folder.file("m.safetensors.index.json"))
    #expect(try failure().contains("there is no weight_map"))
    let none = #expect(throws: CheckpointError.self) {
      try Safetensors.readSharded(indexURL: folder.file("no.json"))
    }
    #expect(try #require(none).description.contains("cannot be read"))
  }

  /// Halves are the same model; other variants may be another one.
  @Test func readsVariantsInLowerPrecision() throws {
    let folder = try TemporaryFolder()
    func shape() throws -> [Int]? {
      try Safetensors.readModel(folder: folder.url, stem: "m")["a"]?.shape
    }
    func failure() throws -> String {
      let error = #expect(throws: CheckpointError.self) { try shape() }
      return try #require(error).description
    }
    try Data().write(to: folder.file("m.bin.index.json"))
    try Data().write(to: folder.file("pytorch_m.bin.index.json"))
    #expect(try failure().contains("only pytorch_m.bin.index.json is there, an index of pickles"))
    try FileManager.default.removeItem(at: folder.file("pytorch_m.bin.index.json"))
    try Safetensors.write(["a": Tensor.ones([9])], to: folder.file("m.non_ema.safetensors"))
    #expect(
      try failure().contains(
        "only m.non_ema.safetensors is there, the variant \"non_ema\", which may be another model"))
    try Safetensors.write(
      ["a": Tensor.ones([2])], to: folder.file("m.fp16-00001-of-00001.safetensors"))
    for (index, length) in [
      ("m.safetensors.fp16.index.json", 2), ("m.safetensors.index.fp16.json", 2),
    ] {
      let map = #"{"weight_map":{"a":"m.fp16-00001-of-00001.safetensors"}}"#
      try Data(map.utf8).write(to: folder.file(index))
      #expect(try shape() == [length])
      try FileManager.default.removeItem(at: folder.file(index))
    }
    for (variant, length) in [("fp16.", 3), ("bf16.", 4), ("", 5)] {
      try Safetensors.write(
        ["a": Tensor.ones([length])], to: folder.file("m.\(variant)safetensors"))
      #expect(try shape() == [length])
    }
  }

  @Test func listsAtMostFiveMisfits() {
    let error = CheckpointError.misfit(
      file: "m", missing: (1...7).map { "k\($0)" }, surplus: ["s"], misshapen: [])
    #expect(
      error.description
        == "m does not fit the model: 7 missing (k1, k2, k3, k4, k5, …); 1 not known here (s); use "
        + "the configuration that belongs to these weights.")
  }
}
