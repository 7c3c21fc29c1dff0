import Foundation
import Imaging
import Testing

@Suite struct ContactSheetTests {
  @Test func setsImagesInRows() {
    let red = Image(width: 2, height: 2, color: [255, 0, 0])
    let small = Image(width: 1, height: 1, color: [7])
    let clear = Image(width: 2, height: 2, color: [255, 0, 0, 0])
    let sheet = ContactSheet.grid(
      [red, small, clear], columns: 2, spacing: 1, background: (0, 0, 9))
    #expect((sheet.width, sheet.height, sheet.channels) == (7, 7, 3))
    #expect(sheet[0, 0] == [0, 0, 9])
    #expect(sheet[1, 1] == [255, 0, 0])
    #expect(sheet[2, 2] == [255, 0, 0])
    #expect(sheet[4, 1] == [7, 7, 7])
    #expect(sheet[5, 1] == [0, 0, 9])
    #expect(sheet[1, 4] == [0, 0, 9])
  }

  @Test func hasNoEmptyColumns() {
    let one = Image(width: 4, height: 3, color: [1, 2, 3])
    #expect(ContactSheet.grid([one], columns: 8, spacing: 0) == one)
  }

  @Test func pageHoldsItsImagesAndEscapesText() throws {
    let image = image(3, 2, 3)
    let page = try ContactSheet.html(
      items: [(image, "<script>alert('x')</script> & \"quotes\""), (image, "红")],
      title: "a < b")
    #expect(page.contains("<title>a &lt; b</title>"))
    #expect(
      page.contains(
        "<figcaption>&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;quotes&quot;"))
    #expect(page.contains("<figcaption>红</figcaption>"))
    #expect(!page.contains("<script"))
    #expect(!page.contains("http"))
    let parts = page.components(separatedBy: "data:image/png;base64,")
    #expect(parts.count == 3)
    let data = try #require(Data(base64Encoded: String(parts[1].prefix { $0 != "\"" })))
    #expect(try ImageDecoder.decode(data, name: "page") == image)
  }
}
