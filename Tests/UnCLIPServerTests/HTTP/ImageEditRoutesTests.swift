import Config
import Files
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Imaging
import Testing

@testable import UnCLIPServer

struct ImageEditRoutesTests {
  private struct Answer: Decodable {
    struct Entry: Decodable {
      var seed: UInt64
      var url: String?
      var b64_json: Data?
    }
    var data: [Entry]
  }

  private static let hole = ImageStandIn.png(side: 16, hole: true)
  private static let opaque = ImageStandIn.png(side: 16)

  private func answer(_ response: TestResponse) throws -> [Answer.Entry] {
    #expect(response.status == .ok, "\(String(buffer: response.body))")
    return try JSONDecoder().decode(Answer.self, from: Data(response.body.readableBytesView)).data
  }

  // MARK: Edits

  @Test(arguments: ["/v1/images/edits", "/images/edits"])
  func transparencyIsPaintedAnew(_ path: String) async throws {
    try await ImageStandIn.serve { client, jobs in
      let form = TestForm(
        [("prompt", "2"), ("n", "2"), ("seed", "5"), ("size", "256x256"), ("user", "7")],
        [("image", Self.hole)])
      let entries = try answer(try await form.post(client, path))
      #expect(entries.map(\.seed) == [5, 6])
      let job = try #require(await jobs.requests.first)
      #expect(job.operation == .inpaint)
      #expect(job.prompt == "2")
      #expect(job.size == 256)
      #expect(job.mask == nil)
      let files = await jobs.files
      #expect(job.sources == [.init(file: sha256(Self.hole))])
      #expect(files == [sha256(Self.hole): Self.hole])
      let url = try #require(entries[1].url)
      let image = try await client.execute(
        uri: url.replacing("http://localhost", with: ""), method: .get)
      #expect(image.headers[.contentType] == "image/png")
      let header = try ImageHeader.read(Data(image.body.readableBytesView), name: "image")
      #expect((header.width, header.height) == (256, 256))
      let other = try await client.execute(
        uri: url.replacing("http://localhost", with: "").replacing("-256", with: "-512"),
        method: .get)
      #expect(other.status == .forbidden)
    }
  }

  @Test(arguments: ["image", "image[]"])
  func aMaskSaysWhatIsPaintedAnew(_ field: String) async throws {
    try await ImageStandIn.serve { client, jobs in
      let files = [("mask", Self.hole), (field, Self.opaque)]
      let form = TestForm(
        [("prompt", "a"), ("size", "auto"), ("response_format", "b64_json")], files)
      let entries = try answer(try await form.post(client, "/v1/images/edits"))
      let job = try #require(await jobs.requests.first)
      #expect(job.mask == sha256(Self.hole))
      #expect(job.size == nil)
      // The size of the image that comes from the worker is kept.
      let png = try #require(entries[0].b64_json)
      #expect(png == ImageStandIn.png(side: 64))
    }
  }

  @Test func imagesMayBeAddressesOfData() async throws {
    try await ImageStandIn.serve { client, jobs in
      let address = "data:image/png;base64," + Self.opaque.base64EncodedString()
      let mask = "data:;base64," + Self.hole.base64EncodedString()
      let body =
        #"{"prompt":"a","n":null,"images":[{"image_url":"\#(address)"}],"#
        + #""mask":{"image_url":"\#(mask)"},"output_format":"webp","size":"256x256","response_format":"b64_json"}"#
      let response = try await client.execute(
        uri: "/v1/images/edits", method: .post, headers: [.contentType: "application/json"],
        body: ByteBuffer(string: body))
      let file = try #require(try answer(response)[0].b64_json)
      let header = try ImageHeader.read(file, name: "image")
      #expect(header.format == .webp)
      #expect(header.width == 256)
      #expect(await jobs.files.count == 2)
    }
  }

  @Test(arguments: [
    (#"{"image_url":"https://example.com/a.png"}"#, "nothing is fetched from elsewhere"),
    (#"{"image_url":"data:image/png,abc"}"#, "nothing is fetched from elsewhere"),
    (#"{"image_url":"data:image/png;base64,*"}"#, "nothing is fetched from elsewhere"),
    (#"{"file_id":"file-1"}"#, "files by id are not kept"), (#""a.png""#, "files by id"),
    (#"{"image_url":"data:;base64,AAAA"},{"image_url":"data:;base64,AAAA"}"#, "one image, not 2"),
    ("", "'images' is a required property"),
  ])
  func anotherAddressIsRefused(_ image: String, _ words: String) async throws {
    try await ImageStandIn.serve { client, jobs in
      let response = try await client.execute(
        uri: "/v1/images/edits", method: .post, headers: [.contentType: "application/json"],
        body: ByteBuffer(string: #"{"prompt":"a","images":[\#(image)]}"#))
      #expect(response.status == .badRequest)
      let error = try ErrorAnswer(response)
      #expect(error.message.contains(words), "\(error.message)")
      #expect(error.param == "images")
      #expect(await jobs.files.isEmpty)
    }
  }

  // MARK: Variations

  @Test func aVariationHasNoPrompt() async throws {
    try await ImageStandIn.serve { client, jobs in
      let form = TestForm(
        [("n", "2"), ("size", "512x512"), ("variation", "0.25"), ("steps", "4")],
        [("image", Self.opaque)])
      #expect(try answer(try await form.post(client, "/v1/images/variations")).count == 2)
      let job = try #require(await jobs.requests.first)
      #expect(job.operation == .vary)
      #expect(job.prompt == nil)
      #expect(job.noise == "inverted")
      #expect(job.settings == ["decoder_eta": .number(0.25), "decoder_steps": .integer(4)])
      let plain = TestForm([], [("image", Self.opaque)])
      _ = try answer(try await plain.post(client, "/images/variations"))
      #expect(await jobs.requests.last?.noise == nil)
    }
  }

  // MARK: Faults

  /// A route, a form, and what is said of it.
  struct Fault: Sendable {
    var route = "edits"
    var fields = [("prompt", "a")]
    var files: [(String, Data)] = [("image", ImageEditRoutesTests.hole)]
    var message: String
    var param: String?
    var code: String?
  }

  private static let notPNG =
    "Uploaded image must be a PNG and less than 4 MB. A JPEG or WebP file is taken as well."

  private static let faults: [Fault] = [
    Fault(files: [], message: "'image' is a required property", param: "image"),
    Fault(fields: [], message: "'prompt' is a required property", param: "prompt"),
    Fault(
      route: "variations", fields: [], files: [], message: "'image' is a required property",
      param: "image"),
    Fault(
      fields: [("prompt", "a"), ("n", "15")],
      message: "15 is greater than the maximum of 10 - 'n'", param: "n"),
    Fault(
      fields: [("prompt", "a"), ("n", "two")], message: "'n' must be an integer.", param: "n"),
    Fault(
      fields: [("prompt", "a"), ("size", "32x32")],
      message: "'32x32' is not one of ['256x256', '512x512', '1024x1024'] - 'size'", param: "size"
    ),
    Fault(
      fields: [("prompt", "a"), ("prompt", "b")],
      message: "'prompt' stands twice; give it once.", param: "prompt"),
    Fault(
      fields: [("prompt", "a"), ("tags[]", "b")], message: "Unknown parameter: 'tags[]'.",
      param: "tags[]", code: "unknown_parameter"),
    Fault(
      fields: [("prompt", "a"), ("variation", "0.5")], message: "Unknown parameter: 'variation'.",
      param: "variation", code: "unknown_parameter"),
    Fault(
      route: "variations", message: "Unknown parameter: 'prompt'.", param: "prompt",
      code: "unknown_parameter"),
    Fault(
      route: "variations", fields: [("variation", "1.5")],
      message: "'variation' must be a number, 0 to 1.", param: "variation"),
    Fault(
      fields: [("prompt", "a"), ("steps", "0")],
      message: "0 is not possible - 'steps': it must be 1 to 1000", param: "steps"),
    Fault(
      fields: [("prompt", "a"), ("partial_images", "1")],
      message: "'partial_images' is for a stream; set 'stream' to true.", param: "partial_images"
    ),
    Fault(
      fields: [("prompt", "a"), ("output_compression", "50")],
      message: "'output_compression' is for the formats 'jpeg' and 'webp'.",
      param: "output_compression"),
    Fault(
      files: [("image", hole), ("image", hole)],
      message: "This model takes one image, not 2 - 'image'", param: "image"),
    Fault(
      files: [("image", Data("GIF89a".utf8))], message: notPNG, param: "image",
      code: "invalid_image_format"),
    Fault(
      files: [("image", Data())], message: notPNG, param: "image", code: "invalid_image_format"),
    Fault(
      files: [("image", Data(count: 4_000_001))], message: notPNG, param: "image",
      code: "invalid_image_format"),
    Fault(
      files: [("image", opaque), ("mask", Data(count: 4_000_001))], message: notPNG, param: "mask",
      code: "invalid_image_format"),
    Fault(
      route: "variations", fields: [],
      files: [("image", ImageStandIn.png(side: 16, height: 8))],
      message: "Invalid input image - expected an image with equal width and height, got 16x8 "
        + "instead.", param: "image"),
    Fault(
      files: [("image", opaque)],
      message: "Invalid input image - format must be in ['RGBA', 'LA', 'L'], got RGB. Make "
        + "transparent what is to be painted anew, or give a mask.", param: "image"),
    Fault(
      files: [("image", opaque), ("mask", ImageStandIn.png(side: 8, hole: true))],
      message: "Invalid mask image format - mask size does not match image size: the mask is 8x8 "
        + "pixels, the image 16x16.", param: "mask"),
    Fault(
      files: [("image", png(alpha: 255))],
      message: "The image has no transparent pixel: make transparent what is to be painted anew, "
        + "or give a mask.", param: "image"),
    Fault(
      files: [("image", opaque), ("mask", png(alpha: 0))],
      message: "The mask keeps nothing: leave opaque what is to stay, or send the prompt alone to "
        + "images/generations.", param: "mask"),
    Fault(
      files: [("image", opaque), ("mask", png(alpha: 255))],
      message: "The mask keeps the whole image: make transparent what is to be painted anew.",
      param: "mask"),
    Fault(
      files: [("image", hole.prefix(hole.count - 20))],
      message: "Invalid input image - image 'image' is not a whole PNG file", param: "image"),
    Fault(
      files: [("image", bomb)],
      message: "Invalid input image - image 'image' is 50000x50000 pixels, over the limit of "
        + "16777216 pixels: make it smaller", param: "image"),
    Fault(
      fields: [("prompt", "a"), ("model", "x")], message: "The model `x` does not exist",
      param: "model", code: "model_not_found"),
  ]

  /// A black square of one transparency.
  private static func png(alpha: UInt8) -> Data {
    do {
      return Data(try PNGEncoder.encode(Image(width: 16, height: 16, color: [0, 0, 0, alpha])))
    } catch {
      fatalError("\(error)")
    }
  }

  /// A file of 40 kB whose header promises 50,000 × 50,000 pixels.
  private static let bomb: Data = {
    var file = opaque
    for (index, byte) in [0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50].enumerated() {
      file[16 + index] = UInt8(byte)
    }
    return file + Data(count: 40_000 - file.count)
  }()

  @Test(arguments: faults.indices)
  func aFaultIsNamed(_ index: Int) async throws {
    let fault = Self.faults[index]
    try await ImageStandIn.serve { client, jobs in
      let response = try await TestForm(fault.fields, fault.files)
        .post(client, "/v1/images/\(fault.route)")
      #expect(response.status == (fault.code == "model_not_found" ? .notFound : .badRequest))
      let error = try ErrorAnswer(response)
      #expect(error.message.hasPrefix(fault.message), "\(error.message)")
      #expect(error.param == fault.param)
      #expect(error.code == fault.code)
      #expect(error.type == "invalid_request_error")
      #expect(await jobs.requests.isEmpty)
    }
  }

  @Test func aBombIsRefusedByItsHeader() throws {
    let start = ContinuousClock.now
    #expect(throws: APIError.self) {
      try UploadedImage.checkEdit(Self.bomb, mask: nil)
    }
    // Ten gigabytes would take longer to decode; Scripts/serve-trial measures it.
    #expect(ContinuousClock.now - start < .seconds(2))
  }

  @Test func aBodyIsAFormOfSoManyBytes() async throws {
    try await ImageStandIn.serve { client, _ in
      for path in ["/v1/images/edits", "/v1/images/variations", "/v1/jobs"] {
        let large = TestForm([], (0..<3).map { ("part\($0)", Data(count: 3_900_000)) })
        let response = try await large.post(client, path)
        #expect(response.status == .contentTooLarge)
        let error = try ErrorAnswer(response)
        #expect(error.code == "content_too_large")
        let many = TestForm((0..<33).map { ("part\($0)", "x") })
        let refused = try await many.post(client, path)
        #expect(refused.status == .badRequest)
        #expect(try ErrorAnswer(refused).message == "The form has more than 32 parts.")
        let text = try await client.execute(
          uri: path, method: .post, headers: [.contentType: "text/plain"],
          body: ByteBuffer(string: "a"))
        #expect(text.status == .unsupportedMediaType)
      }
    }
  }

  @Test func anAcceptedJobThatFailsNamesTheField() async throws {
    let failure = JobFailure.invalid("The image is odd - 'sources[0]'", field: "sources[0]")
    try await ImageStandIn.serve(.fails(failure)) { client, _ in
      let form = TestForm([], [("image", Self.opaque)])
      let error = try ErrorAnswer(try await form.post(client, "/v1/images/variations"))
      #expect(error.message == "The image is odd - 'image'")
      #expect(error.param == "image")
    }
  }

  // MARK: Files

  @Test(arguments: [
    ("a0.png", ImageFileName(id: "a0")), ("a0-512.png", ImageFileName(id: "a0", side: 512)),
    (
      "a0-512-q80.webp",
      ImageFileName(id: "a0", output: ImageOutput(format: .webp, quality: 80), side: 512)
    ), ("a0-q0.jpg", ImageFileName(id: "a0", output: ImageOutput(format: .jpeg, quality: 0))),
  ])
  func aNameSaysTheForm(_ text: String, _ name: ImageFileName) {
    #expect(ImageFileName(text) == name)
    #expect(name.text == text)
  }

  @Test(arguments: [
    "", ".png", "a0", "a0.gif", "a0.png.png", "../a0.png", "a0/..", "a0-5.png", "a0-512-512.png",
    "a0-q80.png", "a0-q101.webp", "a0--512.png", "a0-+512.png", "A0.png", "a0.PNG", "a0.jpeg",
    "a0\0.png", "%2e%2e.png", "a0.webp", "g.png", "а0.png",
    String(repeating: "a", count: 65) + ".png",
  ])
  func anotherNameIsNone(_ text: String) {
    #expect(ImageFileName(text) == nil)
  }
}
