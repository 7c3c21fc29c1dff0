import Foundation
import Imaging
import Testing

@testable import UnCLIPCommand

@Suite struct TerminalGraphicsTests {
  private let window = TerminalGraphics.Window(columns: 80, rows: 24, pixelWidth: 800)

  private func sample(_ width: Int, _ height: Int, _ channels: Int = 3) -> Image {
    var pixels: [UInt8] = []
    for index in 0..<width * height * channels {
      pixels.append(UInt8((index * index / 7 + index) % 251))
    }
    return Image(width: width, height: height, channels: channels, pixels: pixels)
  }

  private func text(_ way: TerminalGraphics, _ image: Image) throws -> String {
    String(decoding: try way.encoded(image, in: window), as: UTF8.self)
  }

  @Test func kittyTakesPNGInPieces() throws {
    let image = sample(170, 160)
    let pieces = try text(.kitty, image).split(separator: "\u{1B}\\")
    #expect(pieces.last == "\n" && pieces.count > 2)
    var data = ""
    for (index, piece) in pieces.dropLast().enumerated() {
      let parts = piece.split(separator: ";", maxSplits: 1)
      let more = index < pieces.count - 2 ? 1 : 0
      #expect(parts[0] == "\u{1B}_G" + (index == 0 ? "a=T,f=100,q=2," : "") + "m=\(more)")
      #expect(parts[1].count <= 4096)
      data += parts[1]
    }
    let file = try #require(Data(base64Encoded: data))
    #expect(try ImageDecoder.decode(file, name: "x") == image)
    #expect(try text(.kitty, sample(900, 2)).contains("q=2,c=80,m="), "no wider than the window")
  }

  @Test func iTerm2TakesPNGAtOnce() throws {
    let image = sample(9, 5)
    let text = try text(.iTerm2, image)
    let start = "\u{1B}]1337;File=inline=1;size="
    #expect(text.hasPrefix(start) && text.hasSuffix("\u{7}\n"))
    let parts = text.dropFirst(start.count).dropLast(2).split(separator: ":")
    let file = try #require(Data(base64Encoded: String(parts[1])))
    #expect(parts[0] == "\(file.count);preserveAspectRatio=1")
    #expect(try ImageDecoder.decode(file, name: "x") == image)
  }

  @Test func sixelsPaintEveryPixelOnce() throws {
    // Levels of whole percents, which sixels can say.
    let colors: [[UInt8]] = [[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 51, 102]]
    var image = Image(width: 23, height: 14, color: colors[0])
    for index in 1..<4 {
      image.paste(Image(width: 5, height: 3 * index, color: colors[index]), x: 6 * index, y: index)
    }
    let text = try text(.sixel, image)
    #expect(text.hasPrefix("\u{1B}P0;1;0q\"1;1;23;14#0;2;") && text.hasSuffix("\u{1B}\\\n"))
    #expect(try unpacked(text, width: 23, height: 14) == image.pixels)
  }

  /// Paints sixels, as a terminal does.
  private func unpacked(_ text: String, width: Int, height: Int) throws -> [UInt8] {
    var palette: [Int: [UInt8]] = [:]
    var pixels = [UInt8?](repeating: nil, count: width * height * 3)
    var (x, top, color) = (0, 0, 0)
    var rest = try #require(text.split(separator: "\"").last)[...]
    rest = rest.drop { $0 != "#" }
    func number() throws -> Int {
      let digits = rest.prefix(while: \.isNumber)
      rest = rest.dropFirst(digits.count)
      return try #require(Int(digits))
    }
    while let character = rest.popFirst(), character != "\u{1B}" {
      var count = 1
      var sixel = character
      switch character {
      case "#":
        color = try number()
        if rest.first == ";" {
          var levels: [Int] = []
          while rest.first == ";" {
            rest = rest.dropFirst()
            levels.append(try number())
          }
          #expect(levels.count == 4 && levels[0] == 2)
          palette[color] = levels.dropFirst().map { UInt8(($0 * 255 + 50) / 100) }
        }
        continue
      case "$":
        x = 0
        continue
      case "-":
        (x, top) = (0, top + 6)
        continue
      case "!":
        count = try number()
        let next = rest.popFirst()
        sixel = try #require(next)
      default: break
      }
      let bits = try #require(sixel.asciiValue) - 63
      for _ in 0..<count {
        for bit in 0..<6 where bits >> UInt8(bit) & 1 == 1 {
          for channel in 0..<3 {
            let index = ((top + bit) * width + x) * 3 + channel
            #expect(pixels[index] == nil, "painted twice")
            pixels[index] = try #require(palette[color])[channel]
          }
        }
        x += 1
      }
    }
    return try pixels.map { try #require($0) }
  }

  @Test func blocksHaveTwoPixelsEach() throws {
    let image = Image(
      width: 2, height: 2, channels: 3, pixels: [255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 255, 0])
    #expect(
      try text(.blocks(trueColor: true), image)
        == "\u{1B}[38;2;255;0;0;48;2;0;0;255m▀\u{1B}[38;2;0;255;0;48;2;0;255;0m▀\u{1B}[0m\n")
    #expect(
      try text(.blocks(trueColor: false), image)
        == "\u{1B}[38;5;196;48;5;21m▀\u{1B}[38;5;46;48;5;46m▀\u{1B}[0m\n")
    let grey = Image(width: 1, height: 2, color: [128, 128, 128])
    #expect(try text(.blocks(trueColor: false), grey) == "\u{1B}[38;5;244;48;5;244m▀\u{1B}[0m\n")
    // What is transparent shows white, and an odd height loses no row.
    let clear = Image(width: 1, height: 1, color: [9, 9, 9, 0])
    #expect(
      try text(.blocks(trueColor: true), clear)
        == "\u{1B}[38;2;255;255;255;48;2;255;255;255m▀\u{1B}[0m\n")
  }

  @Test(arguments: [(300, 300), (1000, 10), (10, 1000), (1, 1), (81, 45)])
  func blocksFitIntoTheWindow(_ width: Int, _ height: Int) throws {
    let lines = try text(.blocks(trueColor: true), sample(width, height)).split(separator: "\n")
    #expect(lines.count <= 22)
    for line in lines {
      let count = line.count { $0 == "▀" }
      #expect(count >= 1 && count <= min(80, width))
    }
  }

  @Test func everyWayTakesEveryKindOfImage() throws {
    for way in ViewOptions.Way.allCases.map(\.graphics) {
      for channels in 1...4 { #expect(try !text(way, sample(5, 7, channels)).isEmpty) }
      #expect(try !text(way, sample(2000, 3)).isEmpty)
    }
  }
}

@Suite struct TerminalProbeTests {
  private func choice(
    _ environment: [String: String], _ answers: TerminalProbe.Answers? = nil
  ) -> TerminalGraphics? {
    TerminalProbe.graphics(environment, answers: answers)
  }

  @Test func choosesByNames() {
    #expect(choice(["TERM": "xterm-kitty"]) == .kitty)
    #expect(choice(["TERM": "xterm-ghostty"]) == .kitty)
    #expect(choice(["TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"]) == .kitty)
    for name in ["iTerm.app", "WezTerm", "mintty"] {
      #expect(choice(["TERM": "xterm-256color", "TERM_PROGRAM": name]) == .iTerm2)
    }
    #expect(choice(["TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"]) == .iTerm2)
    #expect(choice([:]) == nil && choice(["TERM": "dumb", "KITTY_WINDOW_ID": "1"]) == nil)
  }

  @Test func choosesByAnswers() {
    let xterm = ["TERM": "xterm-256color"]
    #expect(choice(xterm) == .blocks(trueColor: false))
    #expect(choice(xterm.merging(["COLORTERM": "truecolor"]) { $1 }) == .blocks(trueColor: true))
    #expect(choice(xterm.merging(["WT_SESSION": "x"]) { $1 }) == .blocks(trueColor: true))
    #expect(choice(["TERM": "xterm-direct"]) == .blocks(trueColor: true))
    #expect(choice(xterm, .init(sixel: true)) == .sixel)
    #expect(choice(xterm, .init(kitty: true, sixel: true)) == .kitty)
    // The names are those of the terminal around tmux, which passes its images on to nobody.
    let inner = ["TERM": "tmux-256color", "TMUX": "x", "TERM_PROGRAM": "WezTerm"]
    #expect(choice(inner) == .blocks(trueColor: false))
    #expect(choice(inner, .init(sixel: true)) == .sixel)
    #expect(choice(["TERM": "screen", "KITTY_WINDOW_ID": "1"]) == .blocks(trueColor: false))
  }

  @Test func asksOnlyWhereItMust() {
    #expect(TerminalProbe.needsAnswers(["TERM": "xterm-256color"]))
    #expect(TerminalProbe.needsAnswers(["TERM": "tmux", "TERM_PROGRAM": "WezTerm"]))
    for environment in [
      [:], ["TERM": "dumb"], ["TERM": "linux"], ["TERM": "xterm-kitty"],
      ["TERM": "xterm", "TERM_PROGRAM": "Apple_Terminal"],
    ] {
      #expect(!TerminalProbe.needsAnswers(environment))
    }
  }

  @Test func readsAnswers() {
    func answers(_ text: String) -> TerminalProbe.Answers? { .init(Array(text.utf8)) }
    #expect(answers("") == nil && answers("\u{1B}_Gi=31;OK\u{1B}\\\u{1B}[?62;4") == nil)
    #expect(answers("\u{1B}_Gi=31;OK\u{1B}\\\u{1B}[?62;c") == .init(kitty: true))
    #expect(answers("x\u{1B}_Gi=31;ENODATA\u{1B}\\\u{1B}[?64;1;4;22c") == .init(sixel: true))
    #expect(answers("\u{1B}[?1;14;40c") == .init())
  }

  /// Runs `body` with both ends of a pseudo-terminal.
  private func withTerminal(_ body: (_ outside: Int32, _ inside: Int32) throws -> Void) throws {
    let outside = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    // Linux: TIOCSPTLCK and TIOCGPTN.
    var (unlocked, number) = (Int32(0), Int32(0))
    try #require(ioctl(outside, 0x4004_5431, &unlocked) == 0)
    try #require(ioctl(outside, 0x8004_5430, &number) == 0)
    let inside = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
    try #require(inside >= 0)
    defer {
      close(inside)
      close(outside)
    }
    try body(outside, inside)
  }

  private func mode(_ terminal: Int32) -> [UInt8] {
    var mode = termios()
    tcgetattr(terminal, &mode)
    return withUnsafeBytes(of: mode, Array.init)
  }

  @Test func asksATerminalAndRestoresItsMode() throws {
    try withTerminal { outside, inside in
      let before = mode(inside)
      let answering = Thread {
        var buffer = [UInt8](repeating: 0, count: 256)
        var asked: [UInt8] = []
        while !asked.elementsEqual(TerminalProbe.query.utf8) {
          let count = read(outside, &buffer, buffer.count)
          if count <= 0 { return }
          asked += buffer[..<count]
        }
        for part in ["\u{1B}_Gi=31;O", "K\u{1B}\\\u{1B}[?62;4", ";22c"] {
          let bytes = Array(part.utf8)
          _ = write(outside, bytes, bytes.count)
          usleep(2000)
        }
      }
      answering.start()
      let answers = TerminalProbe.ask(inside, timeout: .seconds(20))
      #expect(answers == .init(kitty: true, sixel: true))
      #expect(mode(inside) == before)
    }
  }

  @Test func aTerminalThatIsSilent() throws {
    try withTerminal { _, inside in
      let (before, start) = (mode(inside), ContinuousClock.now)
      #expect(TerminalProbe.ask(inside, timeout: .milliseconds(50)) == nil)
      #expect(ContinuousClock.now - start >= .milliseconds(50))
      #expect(mode(inside) == before)
    }
    #expect(TerminalProbe.ask(open("/dev/null", O_RDWR)) == nil, "no terminal at all")
  }
}
