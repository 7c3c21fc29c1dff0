import CZlib
import Foundation
import Testing

@testable import Datasets

@Suite struct GzipTests {
  /// One member of a gzip file.
  private func member(_ plain: [UInt8]) throws -> [UInt8] {
    var stream = z_stream()
    let size = Int32(MemoryLayout<z_stream>.size)
    try #require(
      deflateInit2_(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size)
        == Z_OK)
    defer { deflateEnd(&stream) }
    var packed = [UInt8](repeating: 0, count: plain.count / 2 + 1024)
    var source = plain
    let count = source.withUnsafeMutableBufferPointer { source in
      packed.withUnsafeMutableBufferPointer { target in
        stream.next_in = source.baseAddress
        stream.avail_in = UInt32(source.count)
        stream.next_out = target.baseAddress
        stream.avail_out = UInt32(target.count)
        #expect(deflate(&stream, Z_FINISH) == Z_STREAM_END)
        return target.count - Int(stream.avail_out)
      }
    }
    return Array(packed[..<count])
  }

  @Test func unpacksAllMembers() throws {
    let text = Array(String(repeating: "a shirt, ", count: 20_000).utf8)
    let one = try member(text)
    #expect(Gzip.isGzip(one) && one.count < text.count)
    #expect(try Gzip.unpacked(one, file: "x.gz") == text)
    #expect(try Gzip.unpacked(one + member([1, 2]) + [0, 0], file: "x.gz") == text + [1, 2])
    #expect(try Gzip.unpacked(try member([]), file: "x.gz").isEmpty)
  }

  @Test func damageIsNamed() throws {
    let whole = try member(Array("a shirt".utf8))
    var flipped = whole
    flipped[whole.count - 6] ^= 1
    for bytes in [flipped] + (2..<whole.count).map({ Array(whole[..<$0]) }) {
      #expect(
        Fixture.message { _ = try Gzip.unpacked(bytes, file: "x.gz") }
          == "x.gz: it is damaged or cut short; fetch it again.")
    }
  }

  @Test func aBombIsRefused() throws {
    let bomb = try member([UInt8](repeating: 0, count: 100 << 20))
    #expect(bomb.count < 200_000)
    #expect(
      Fixture.message { _ = try Gzip.unpacked(bomb, file: "x.gz") }?.contains("far more") == true)
  }
}
