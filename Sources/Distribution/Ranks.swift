import CMPI
public import Foundation
public import Torch

/// The processes that work on one run, each with a number, its rank.
///
/// MPI starts them and copies bytes between them; sums are computed here, in the order of the ranks
/// and in double precision, so that every process has the same bits, whatever the MPI.
/// Every process calls the same methods in the same order, from one thread at a time.
public struct Ranks: Sendable, Hashable {
  /// The number of this process, from 0.
  public let rank: Int
  /// How many processes there are.
  public let count: Int

  /// A process of several; ``join(_:)`` makes those that can work together.
  package init(rank: Int, count: Int) {
    self.rank = rank
    self.count = count
  }

  /// A process that works alone.
  public static let one = Ranks(rank: 0, count: 1)

  /// Whether this process writes the files and the messages of all.
  public var isRoot: Bool { rank == 0 }

  /// Joins the processes that a launcher started with this one; ``one`` if it started none.
  ///
  /// - Throws: `DistributionError` where there are several and this build has no MPI, or another.
  public static func join(_ launch: Launch? = Launch()) throws(DistributionError) -> Ranks {
    guard let launch, launch.count > 1 else { return .one }
    guard cmpi_is_built() else {
      throw .notBuilt(rank: launch.rank, count: launch.count)
    }
    guard cmpi_start() else { throw .notStarted }
    let ranks = Ranks(rank: Int(cmpi_rank()), count: Int(cmpi_size()))
    guard ranks.count == launch.count else {
      throw .otherLauncher(started: launch.count, joined: ranks.count)
    }
    return ranks
  }

  /// Leaves the others; every process must call it, as its last.
  public func leave() { if count > 1 { cmpi_end() } }

  /// Ends all processes at once.
  public func end(status: Int32) -> Never { cmpi_abort(status) }

  /// The rows of a batch of `total` that this process has: all have as many, or one more.
  ///
  /// - Throws: `DistributionError.tooMany` where a process would have none.
  public func rows(of total: Int) throws(DistributionError) -> BatchRows {
    guard total >= count else { throw .tooMany(count: count, rows: total) }
    return BatchRows(share(of: total), of: total)
  }

  /// The elements of a tensor of `total` that this process has where each has a share: all have as many,
  /// or one more.
  public func share(of total: Int) -> Range<Int> { shares(of: total)[rank] }

  /// The shares of all processes, in the order of the ranks.
  package func shares(of total: Int) -> [Range<Int>] {
    (0..<count).map { $0 * total / count..<($0 + 1) * total / count }
  }

  /// Waits for all processes.
  public func barrier() throws(DistributionError) {
    if count > 1 { try check(cmpi_barrier()) }
  }

  /// The bytes of every process, in the order of the ranks.
  public func gathered(_ own: Data) throws(DistributionError) -> [Data] {
    guard count > 1 else { return [own] }
    let all = try concatenated(own, counts: sizes(own.count))
    var start = 0
    return all.counts.map { size in
      defer { start += size }
      return all.data.subdata(in: start..<start + size)
    }
  }

  /// Whether it holds in any process.
  public func any(_ holds: Bool) throws(DistributionError) -> Bool {
    guard count > 1 else { return holds }
    return try gathered(Data([holds ? 1 : 0])).contains { $0.first == 1 }
  }

  /// Runs `body` in this process; an error of any process is thrown in all of them.
  ///
  /// - Throws: `RankFailure` where there are several processes, else what `body` throws.
  public func agreeing<Result>(_ body: () throws -> Result) throws -> Result {
    guard count > 1 else { return try body() }
    let outcome: Swift.Result<Result, any Error>
    do {
      outcome = .success(try body())
    } catch let error as RankFailure {
      throw error  // all know of it
    } catch {
      outcome = .failure(error)
    }
    var failed = Data([0])
    if case .failure = outcome { failed[0] = 1 }
    let all = try gathered(failed).map { $0.first == 1 }
    guard let first = all.firstIndex(of: true) else { return try outcome.get() }
    guard case .failure(let error) = outcome else {
      throw RankFailure.elsewhere(rank: first, own: nil)
    }
    guard first == rank else { throw RankFailure.elsewhere(rank: first, own: error) }
    throw RankFailure.here(error, onlyOn: all.allSatisfy { $0 } ? nil : rank)
  }

  /// Runs `body` in the first process alone, while the others wait.
  ///
  /// - Returns: Its result in the first process, nil in the others.
  /// - Throws: As ``agreeing(_:)``.
  @discardableResult
  public func onRoot<Result>(_ body: () throws -> Result) throws -> Result? {
    try agreeing { isRoot ? try body() : nil }
  }

  /// Requires that every process was given the same.
  ///
  /// - Parameter values: Texts with what they are, such as "configuration".
  /// - Throws: `RankFailure` with `DistributionError.differs`.
  public func requireSame(_ values: [(what: String, value: String)]) throws {
    guard count > 1 else { return }
    for (what, value) in values {
      let all = try gathered(Data(value.utf8))
      guard let other = all.firstIndex(where: { $0 != all[0] }) else { continue }
      let error = DistributionError.differs(rank: other, what: what)
      guard isRoot else { throw RankFailure.elsewhere(rank: 0, own: error) }
      throw RankFailure.here(error, onlyOn: nil)
    }
  }

  func check(_ code: Int32) throws(DistributionError) {
    guard code != 0 else { return }
    let reason = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { text in
      guard let start = text.baseAddress else { return "" }
      cmpi_error_text(code, start, text.count)
      return String(cString: start)
    }
    throw .lost(reason: reason)
  }

  /// The numbers that the processes have, in the order of the ranks.
  func sizes(_ own: Int) throws(DistributionError) -> [Int] {
    var all = [Int64](repeating: 0, count: count)
    var number = Int64(own)
    try gather(&number, &all, Blocks([Int](repeating: 8, count: count)))
    return all.map(Int.init)
  }

  /// Gathers bytes of all processes, and waits for them.
  func gather(
    _ own: UnsafeRawPointer, _ all: UnsafeMutableRawPointer, _ blocks: Blocks
  ) throws(DistributionError) {
    var copy: OpaquePointer?
    try check(
      cmpi_begin_all_gather(0, 1, own, all, blocks.counts, blocks.offsets, &copy))
    if let copy { try check(cmpi_finish(copy)) }
  }

  private func concatenated(
    _ own: Data, counts: [Int]
  ) throws(DistributionError) -> (data: Data, counts: [Int]) {
    let blocks = Blocks(counts)
    var all = [UInt8](repeating: 0, count: max(1, blocks.total))
    let bytes = [UInt8](own) + [0]  // has an address where it is empty
    try gather(bytes, &all, blocks)
    return (Data(all.prefix(blocks.total)), counts)
  }
}

/// Sizes and offsets of what lies one after another, in units of one copy, as MPI takes them.
struct Blocks {
  let counts: [Int32]
  let offsets: [Int32]
  let total: Int

  init(_ sizes: [Int]) {
    var total = 0
    var offsets: [Int32] = []
    for size in sizes {
      offsets.append(Int32(clamping: total))
      total += size
    }
    precondition(total <= Int32.max, "MPI is given \(total) units at once")
    counts = sizes.map { Int32($0) }
    self.offsets = offsets
    self.total = total
  }
}
