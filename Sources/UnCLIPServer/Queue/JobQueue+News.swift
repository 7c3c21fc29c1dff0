import Foundation

extension JobQueue {
  /// Tells the listeners of a job its present state.
  func publish(_ id: String, preview: JobPreview? = nil) {
    guard let entry = entries[id], !entry.job.record.state.isFinal else { return }
    if entry.listeners.isEmpty {
      // Whoever asked for them may not listen yet.
      guard preview?.partial != nil else { return }
      entries[id]?.partials.append(.changed(entry.job.record, preview: preview))
    } else {
      send(.changed(located(entry.job.record), preview: preview), to: id)
    }
  }

  /// Tells the listeners of a job; those who left are dropped.
  func send(_ update: JobUpdate, to id: String) {
    entries[id]?.listeners.removeAll { $0.mailbox == nil }
    for listener in entries[id]?.listeners ?? [] { listener.mailbox?.push(update) }
  }

  /// Ends the streams of a job.
  func endListeners(_ id: String) {
    for listener in entries[id]?.listeners ?? [] { listener.mailbox?.end() }
    entries[id]?.listeners = []
  }

  /// The images of a job as news, for those who come late, each after its partial images.
  func images(of record: JobRecord, after partials: [JobUpdate] = []) async -> [JobUpdate] {
    var updates = partials
    for id in record.images {
      do {
        if let image = try await store.image(id) { updates.append(.image(id: id, image)) }
      } catch {
        // It was deleted meanwhile.
      }
    }
    return updates.sorted { $0.index < $1.index }
  }

  // MARK: Place and time

  /// A record with its place and the seconds that are left.
  func located(_ record: JobRecord) -> JobRecord {
    guard let entry = entries[record.id], !record.state.isFinal else { return record }
    var record = record
    if record.state == .running {
      record.secondsLeft = secondsLeft(entry)
    } else if let place = places()[record.id] {
      (record.position, record.secondsLeft) = place
    }
    return record
  }

  /// For each job that waits, the jobs before it and the seconds until it ends.
  private func places() -> [String: (position: Int, secondsLeft: Double)] {
    var free = running.keys.compactMap { entries[$0] }.map(secondsLeft)
    free += Array(repeating: 0, count: max(0, limits.concurrency - free.count))
    var places: [String: (position: Int, secondsLeft: Double)] = [:]
    for (place, id) in line.order.enumerated() {
      guard let waiting = entries[id], let next = free.indices.min(by: { free[$0] < free[$1] })
      else { continue }
      free[next] += secondsLeft(waiting)
      places[id] = (running.count + place, free[next])
    }
    return places
  }

  /// Tells the listeners of the jobs that wait their places.
  func publishPlaces() {
    let listening = entries.values.filter {
      $0.job.record.state == .queued && !$0.listeners.isEmpty
    }
    guard !listening.isEmpty else { return }
    let places = places()
    for var record in listening.map(\.job.record) {
      guard let place = places[record.id] else { continue }
      (record.position, record.secondsLeft) = place
      send(.changed(record, preview: nil), to: record.id)
    }
  }

  /// Seconds that a job takes from now on, without waiting.
  func secondsLeft(_ entry: Entry) -> Double {
    let each = speed.seconds(for: entry.job.record.request)
    let past = entry.imageBegan.map { clock.now().timeIntervalSince($0) } ?? 0
    return max(0, Double(entry.imagesLeft) * each - min(past, each))
  }
}

extension JobUpdate {
  /// The index of the image that it is about.
  fileprivate var index: Int {
    switch self {
    case .changed(let record, _): record.progress?.index ?? 0
    case .image(_, let image): image.index
    }
  }
}
