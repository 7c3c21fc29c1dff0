import Files
import Foundation
import Torch

/// Reads a pickle without running anything: numbers, texts, containers and tensor descriptions.
///
/// A pickle is a program for a stack machine that may call any Python function. This machine has
/// only the instructions that build data. Classes and functions in ``PickleCalls`` become values
/// of its own; every other name is refused.
/// Source: Python's `pickletools`, protocols 0 to 5; torch `_utils`, `serialization`.
struct PickleReader {
  /// The largest sizes of what a pickle may build.
  enum Limit {
    /// Bytes of one line, as protocol 0 writes texts and integers.
    static let line = 1 << 24
    /// Axes of a tensor.
    static let axes = 32
  }

  var reader: ByteReader
  let file: String
  /// Whether the archive is TorchScript, whose modules are read as dictionaries.
  let isScript: Bool
  private var stack: [PickleValue] = []
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]
  private let budget: ReadingBudget
  /// Every container, to be emptied one by one at the end: some may contain themselves, or be
  /// nested so deeply that freeing the outermost would overflow the stack.
  private var lists: [PickleList] = []
  private var dictionaries: [PickleDictionary] = []

  /// Reads a whole pickle and passes its value to `body`; containers are emptied after that.
  ///
  /// - Throws: `ArchiveError.refused` with the first unknown name, `.damaged`.
  static func read<Result>(
    _ bytes: UnsafeRawBufferPointer, file: String, isScript: Bool, budget: ReadingBudget,
    body: (PickleValue) throws -> Result
  ) throws -> Result {
    var reader = PickleReader(
      reader: ByteReader(bytes, isLittleEndian: true), file: file, isScript: isScript,
      budget: budget)
    defer {
      for list in reader.lists { list.items = [] }
      for dictionary in reader.dictionaries { dictionary.items = [] }
    }
    do {
      return try body(try reader.run())
    } catch is ByteReader.Ended {
      throw reader.damaged("its pickle ends too soon")
    }
  }

  private init(reader: ByteReader, file: String, isScript: Bool, budget: ReadingBudget) {
    self.reader = reader
    self.file = file
    self.isScript = isScript
    self.budget = budget
  }

  func damaged(_ reason: String) -> ArchiveError { .damaged(file: file, reason: reason) }

  private mutating func run() throws -> PickleValue {
    while true {
      let code = try reader.next(UInt8.self)
      if code == 0x2E { return try pop() }  // STOP
      if try readScalar(code) { continue }
      if try readContainer(code) { continue }
      if try readCall(code) { continue }
      throw damaged(
        "its pickle has the instruction \(code) at byte \(reader.position - 1), which no weights "
          + "need")
    }
  }

  /// Counts values before they are copied.
  func take(values count: Int) throws { try budget.take(values: count) }

  // MARK: Stack

  mutating func push(_ value: PickleValue) throws {
    try budget.take(values: 1)
    stack.append(value)
  }

  mutating func pop() throws -> PickleValue {
    guard stack.count > (marks.last ?? 0), let value = stack.popLast() else {
      throw damaged("its pickle takes a value that is not there")
    }
    return value
  }

  func top() throws -> PickleValue {
    guard stack.count > (marks.last ?? 0), let value = stack.last else {
      throw damaged("its pickle takes a value that is not there")
    }
    return value
  }

  /// Pops the last mark and the values above it.
  mutating func popToMark() throws -> [PickleValue] {
    guard let mark = marks.popLast() else {
      throw damaged("its pickle takes a mark that is not there")
    }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  // MARK: Values

  mutating func pushList(_ items: [PickleValue]) throws {
    try budget.take(values: items.count)
    let list = PickleList(items)
    lists.append(list)
    try push(.list(list))
  }

  mutating func pushTuple(_ items: [PickleValue]) throws {
    try budget.take(values: items.count)
    let tuple = PickleList(items)
    lists.append(tuple)
    try push(.tuple(tuple))
  }

  mutating func pushDictionary(_ kind: PickleDictionary.Kind, _ items: [PickleValue]) throws {
    let dictionary = PickleDictionary(kind)
    dictionaries.append(dictionary)
    try add(items, to: dictionary)
    try push(.dictionary(dictionary))
  }

  func add(_ items: [PickleValue], to dictionary: PickleDictionary) throws {
    guard items.count.isMultiple(of: 2) else {
      throw damaged("a dictionary in its pickle has a key without a value")
    }
    try budget.take(values: items.count)
    for index in stride(from: 0, to: items.count, by: 2) {
      dictionary.items.append((items[index], items[index + 1]))
    }
  }

  private mutating func pushGlobal(module: String, name: String) throws {
    try budget.take(bytes: module.utf8.count + name.utf8.count)
    try push(.global(try PickleCalls.checked("\(module).\(name)", self)))
  }

  /// Adds attributes to a module, as its items.
  func add(_ state: PickleDictionary, to module: PickleDictionary) throws {
    try budget.take(values: state.items.count)
    module.items += state.items
  }

  /// Decodes UTF-8; surrogates, which Python writes too, become U+FFFD.
  func text(_ bytes: UnsafeRawBufferPointer) throws -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    var repaired = Array(bytes)
    for i in repaired.indices.dropLast(2)
    where repaired[i] == 0xED && (0xA0...0xBF).contains(repaired[i + 1]) {
      repaired.replaceSubrange(i...i + 2, with: [0xEF, 0xBF, 0xBD])
    }
    guard let text = String(validating: repaired, as: UTF8.self) else {
      throw damaged("a text in its pickle is not UTF-8")
    }
    return text
  }

  /// Reads a text that follows its length.
  mutating func text(length: some FixedWidthInteger) throws -> String {
    try text(try slice(length, "a text"))
  }

  /// Reads `length` bytes of a value of the given kind.
  mutating func slice(
    _ length: some FixedWidthInteger, _ kind: String
  ) throws -> UnsafeRawBufferPointer {
    guard let length = Int(exactly: length), (0...reader.count - reader.position).contains(length)
    else { throw damaged("its pickle claims \(kind) of \(length) bytes") }
    return try reader.slice(length)
  }

  // MARK: Instructions

  /// Runs the instructions for marks, the memo and containers.
  private mutating func readContainer(_ code: UInt8) throws -> Bool {
    switch code {
    case 0x28: marks.append(stack.count)  // MARK
    case 0x30:  // POP
      if stack.count == marks.last { marks.removeLast() } else { _ = try pop() }
    case 0x31: _ = try popToMark()  // POP_MARK
    case 0x32: try push(try top())  // DUP
    case 0x5D: try pushList([])  // EMPTY_LIST
    case 0x6C: try pushList(try popToMark())  // LIST
    case 0x61, 0x65:  // APPEND, APPENDS
      let items = code == 0x61 ? [try pop()] : try popToMark()
      guard case .list(let list) = try top() else {
        throw damaged("its pickle appends to \(try top().kind)")
      }
      try budget.take(values: items.count)
      list.items += items
    case 0x29: try pushTuple([])  // EMPTY_TUPLE
    case 0x74: try pushTuple(try popToMark())  // TUPLE
    case 0x85, 0x86, 0x87:  // TUPLE1, 2, 3
      var items: [PickleValue] = []
      for _ in 0...code - 0x85 { items.insert(try pop(), at: 0) }
      try pushTuple(items)
    case 0x8F: try push(.opaque("a set"))  // EMPTY_SET
    case 0x91: try push(try PickleCalls.set(of: try popToMark(), self))  // FROZENSET
    case 0x90:  // ADDITEMS
      let items = try popToMark()
      guard case .opaque("a set") = try top() else {
        throw damaged("its pickle adds to \(try top().kind) as to a set")
      }
      _ = try PickleCalls.set(of: items, self)
    case 0x7D: try pushDictionary(.plain, [])  // EMPTY_DICT
    case 0x64: try pushDictionary(.plain, try popToMark())  // DICT
    case 0x73, 0x75:  // SETITEM, SETITEMS
      let items: [PickleValue]
      if code == 0x73 {
        let value = try pop()
        items = [try pop(), value]
      } else {
        items = try popToMark()
      }
      guard case .dictionary(let dictionary) = try top() else {
        throw damaged("its pickle sets items of \(try top().kind)")
      }
      try add(items, to: dictionary)
    case 0x70: memo[try lineNumber()] = try top()  // PUT
    case 0x71: memo[Int(try reader.next(UInt8.self))] = try top()  // BINPUT
    case 0x72: memo[Int(try reader.next(UInt32.self))] = try top()  // LONG_BINPUT
    case 0x94: memo[memo.count] = try top()  // MEMOIZE
    case 0x67: try recall(try lineNumber())  // GET
    case 0x68: try recall(Int(try reader.next(UInt8.self)))  // BINGET
    case 0x6A: try recall(Int(try reader.next(UInt32.self)))  // LONG_BINGET
    default: return false
    }
    try budget.take(values: 1)
    return true
  }

  private mutating func recall(_ index: Int) throws {
    guard let value = memo[index] else {
      throw damaged("its pickle recalls the value \(index), which it never remembered")
    }
    try push(value)
  }

  private mutating func lineNumber() throws -> Int {
    let line = try text(try reader.line(limit: 64))
    guard let number = Int(line) else {
      throw damaged("its pickle has \"\(line)\" where a number is needed")
    }
    return number
  }

  /// Runs the instructions for classes, calls and states: see `PickleCalls`.
  private mutating func readCall(_ code: UInt8) throws -> Bool {
    switch code {
    case 0x63:  // GLOBAL
      let module = try text(try reader.line(limit: 4096))
      let name = try text(try reader.line(limit: 4096))
      try pushGlobal(module: module, name: name)
    case 0x93:  // STACK_GLOBAL
      let (name, module) = (try pop(), try pop())
      guard case .string(let name) = name, case .string(let module) = module else {
        throw damaged("its pickle names a class by \(name.kind)")
      }
      try pushGlobal(module: module, name: name)
    case 0x52:  // REDUCE
      let (arguments, callee) = (try pop(), try pop())
      try PickleCalls.call(callee, arguments, &self)
    case 0x81:  // NEWOBJ
      let (arguments, callee) = (try pop(), try pop())
      guard case .global(let name) = callee, PickleCalls.isModule(name, self),
        case .tuple(let tuple) = arguments, tuple.items.isEmpty
      else { throw ArchiveError.refused(file: file, name: "a new \(callee.kind)") }
      try pushDictionary(.module, [])
    case 0x62:  // BUILD
      let state = try pop()
      try PickleCalls.build(try top(), state, self)
    case 0x51:  // BINPERSID
      try push(.storage(try PickleCalls.storage(try pop(), self)))
    case 0x69, 0x6F, 0x92:  // INST, OBJ, NEWOBJ_EX
      throw ArchiveError.refused(file: file, name: "a new object of a class")
    case 0x82, 0x83, 0x84:  // EXT1, 2, 4
      throw ArchiveError.refused(file: file, name: "a class of copyreg's registry")
    default: return false
    }
    return true
  }
}
