import Files
import Foundation

/// What the terminal on standard output can show, as its environment and its own answers tell.
enum TerminalProbe {
  /// A terminal's answers.
  struct Answers: Equatable, Sendable {
    /// Whether it knows kitty's graphics.
    var kitty = false
    /// Whether it knows sixels.
    var sixel = false

    init(kitty: Bool = false, sixel: Bool = false) { (self.kitty, self.sixel) = (kitty, sixel) }

    /// Reads what a terminal sent; nil before the last answer is whole.
    ///
    /// Source: kitty, "Querying support"; xterm, "Device attributes": `ESC [ ? 64 ; 4 c`.
    init?(_ bytes: [UInt8]) {
      let text = String(decoding: bytes, as: UTF8.self)
      guard let attributes = text.firstMatch(of: /\u{1B}\[\?([0-9;]*)c/) else { return nil }
      kitty = text.contains("\u{1B}_Gi=31;OK")
      sixel = attributes.output.1.split(separator: ";").contains("4")
    }
  }

  /// A query of one pixel in kitty's protocol, then the question that every terminal answers.
  static let query = "\u{1B}_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\u{1B}\\\u{1B}[c"

  /// Whether the environment tells enough, or the terminal prints questions it does not know.
  static func needsAnswers(_ environment: [String: String]) -> Bool {
    guard canShow(environment), named(environment) == nil else { return false }
    return environment["TERM"] != "linux" && environment["TERM_PROGRAM"] != "Apple_Terminal"
  }

  /// The way to show images; nil where there is none.
  static func graphics(
    _ environment: [String: String], answers: Answers?
  ) -> TerminalGraphics? {
    guard canShow(environment) else { return nil }
    if let named = named(environment) { return named }
    if answers?.kitty == true { return .kitty }
    if answers?.sixel == true { return .sixel }
    let isKnown = ["truecolor", "24bit"].contains(environment["COLORTERM"] ?? "")
    let isDirect = environment["TERM"]?.hasSuffix("-direct") == true
    return .blocks(trueColor: isKnown || isDirect || environment["WT_SESSION"] != nil)
  }

  /// Whether the terminal obeys control sequences at all.
  private static func canShow(_ environment: [String: String]) -> Bool {
    let kind = environment["TERM"] ?? ""
    return !kind.isEmpty && kind != "dumb"
  }

  /// What the names of known terminals promise; tmux and screen pass the names on, but not images.
  private static func named(_ environment: [String: String]) -> TerminalGraphics? {
    let kind = environment["TERM"] ?? ""
    let isMultiplexed =
      environment["TMUX"] != nil || environment["STY"] != nil || kind.hasPrefix("screen")
      || kind.hasPrefix("tmux")
    guard !isMultiplexed else { return nil }
    let program = environment["TERM_PROGRAM"] ?? ""
    if kind == "xterm-kitty" || kind == "xterm-ghostty" || program == "ghostty"
      || environment["KITTY_WINDOW_ID"] != nil
    {
      return .kitty
    }
    if ["iTerm.app", "WezTerm", "mintty"].contains(program)
      || environment["LC_TERMINAL"] == "iTerm2"
    {
      return .iTerm2
    }
    return nil
  }

  // MARK: The terminal

  /// Finds how the terminal on standard output shows images; nil where that is none, or no terminal.
  static func current() -> TerminalGraphics? {
    let environment = ProcessInfo.processInfo.environment
    guard isatty(STDOUT_FILENO) == 1 else { return nil }
    guard needsAnswers(environment) else { return graphics(environment, answers: nil) }
    let terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard terminal >= 0 else { return graphics(environment, answers: nil) }
    defer { close(terminal) }
    // A job in the background would be stopped for reading.
    let isInFront = tcgetpgrp(terminal) == getpgrp()
    return graphics(environment, answers: isInFront ? ask(terminal) : nil)
  }

  /// Asks a terminal what it can show; nil if it does not answer in time. Its mode is restored.
  static func ask(_ terminal: Int32, timeout: Duration = .seconds(1)) -> Answers? {
    var old = termios()
    guard tcgetattr(terminal, &old) == 0 else { return nil }
    // The mode must not be left behind by a key that ends or stops the process meanwhile, whichever
    // thread would get the signal.
    let handlers = [SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP].map { ($0, signal($0, SIG_IGN)) }
    defer { for (number, handler) in handlers { signal(number, handler) } }
    // Answers come without a line feed, and are not to be seen.
    var mode = old
    mode.c_lflag &= ~tcflag_t(ICANON | ECHO)
    guard tcsetattr(terminal, TCSANOW, &mode) == 0 else { return nil }
    defer { tcsetattr(terminal, TCSANOW, &old) }
    let question = Array(query.utf8)
    guard write(terminal, question, question.count) == question.count else { return nil }
    var bytes: [UInt8] = []
    let end = ContinuousClock.now + timeout
    while bytes.count < 4096 {
      let left = (end - ContinuousClock.now).seconds
      var wait = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
      guard left > 0, poll(&wait, 1, Int32(left * 1000) + 1) > 0 else { return nil }
      var buffer = [UInt8](repeating: 0, count: 256)
      let count = read(terminal, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return nil }
      bytes += buffer[..<count]
      if let answers = Answers(bytes) { return answers }
    }
    return nil
  }

  /// The size of the terminal on standard output.
  static var window: TerminalGraphics.Window {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0
    else { return TerminalGraphics.Window() }
    return TerminalGraphics.Window(
      columns: Int(size.ws_col), rows: Int(size.ws_row),
      pixelWidth: size.ws_xpixel > 0 ? Int(size.ws_xpixel) : nil)
  }
}
