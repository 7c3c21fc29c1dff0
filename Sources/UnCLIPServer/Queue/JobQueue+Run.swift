import Foundation

extension JobQueue {
  /// Starts jobs while runners are free.
  func startJobs() {
    while running.count < limits.concurrency, !isDraining, let id = line.next() {
      entries[id]?.deadline?.cancel()
      entries[id]?.job.record.state = .running
      entries[id]?.job.record.started = clock.now()
      entries[id]?.imageBegan = clock.now()
      running[id] = Task { await self.run(id) }
      publish(id)
    }
    publishPlaces()
  }

  /// Runs a job to its end. A crash of the worker is tried again once, from the missing image.
  ///
  /// That it runs is not committed: on disk a job waits until it has ended, and a start treats both
  /// alike.
  private func run(_ id: String) async {
    do {
      var mayCrash = true
      while let rest = rest(of: id) {
        do {
          for try await event in runner.run(rest.request) {
            try await take(event, of: id, from: rest.first)
          }
        } catch JobFailure.crashed where mayCrash && !isInterrupted {
          mayCrash = false
          continue
        }
        if Task.isCancelled { break }
        if self.rest(of: id) != nil {
          throw JobFailure.failed("The job ended without its result.")
        }
      }
      if rest(of: id) == nil {
        await end(id, .done, nil)
      } else {
        await stop(id)
      }
    } catch {
      if rest(of: id) == nil { return await end(id, .done, nil) }
      if Task.isCancelled || isInterrupted { return await stop(id) }
      switch error {
      case JobFailure.cancelled: await end(id, .cancelled, .cancelled)
      case let failure as JobFailure: await end(id, .failed, failure)
      case StoreError.noSpace: await end(id, .failed, .noSpace)
      case is StoreError:
        await end(id, .failed, .failed("The server could not store its images."))
      default: await end(id, .failed, .failed("The worker ended the job without a reason."))
      }
    }
  }

  /// Ends a job that was stopped: cancelled by somebody, or left for the next start.
  private func stop(_ id: String) async {
    guard isInterrupted, entries[id]?.isCancelled == false else {
      return await end(id, .cancelled, .cancelled)
    }
    running[id] = nil
    endListeners(id)
  }

  /// What is still to be made of a job; nil if nothing is.
  ///
  /// Image i depends on seed + i and the settings alone, so an operation whose images are
  /// independent goes on at the first that is missing; the frames of others are made again, and those
  /// that are there are passed over.
  private func rest(of id: String) -> (request: JobRequest, first: Int)? {
    guard let entry = entries[id] else { return nil }
    var request = entry.job.record.request
    guard request.operation.makesImages else {
      return entry.job.record.result == nil ? (request, 0) : nil
    }
    let missing = (0..<request.count).first { entry.job.images[$0] == nil }
    guard let missing else { return nil }
    guard [.generate, .vary, .mix, .inpaint, .outpaint].contains(request.operation) else {
      return (request, 0)
    }
    request.count -= missing
    request.seed = (request.seed ?? 0) &+ UInt64(missing)
    return (request, missing)
  }

  /// Takes what a runner says; images are on disk when this returns.
  private func take(_ event: JobEvent, of id: String, from first: Int) async throws {
    guard let entry = entries[id] else { return }
    let request = entry.job.record.request
    switch event {
    case .step(var step):
      watch(.step(step))
      let preview = step.preview.map { JobPreview(png: $0, partial: step.partial) }
      step.index += first
      step.count = request.count
      (step.preview, step.partial) = (nil, nil)
      entries[id]?.job.record.progress = step
      publish(id, preview: preview)
    case .image(var image):
      image.index += first
      guard (0..<request.count).contains(image.index), entry.job.images[image.index] == nil else {
        return
      }
      var end: JobRecord?
      if entry.imagesLeft == 1 {
        end = entry.job.record
        end?.state = .done
        end?.finished = clock.now()
      }
      guard let stored = try await store.add(image, job: id, at: clock.now(), end: end) else {
        return
      }
      entries[id]?.committed = end
      measure(id)
      entries[id]?.job.images[image.index] = stored
      refreshImages(id)
      watch(.image(request))
      (image.png, image.embedding) = (Data(), nil)
      send(.image(id: stored, image), to: id)
      publish(id)
      publishPlaces()
    case .result(let data):
      measure(id)
      entries[id]?.job.record.result = data
    }
  }

  private func measure(_ id: String) {
    guard let entry = entries[id], let began = entry.imageBegan else { return }
    let now = clock.now()
    speed.add(now.timeIntervalSince(began), for: entry.job.record.request)
    entries[id]?.imageBegan = now
  }

  private func refreshImages(_ id: String) {
    guard let entry = entries[id] else { return }
    entries[id]?.job.record.images = entry.job.images.sorted { $0.key < $1.key }.map(\.value)
      .filter { !entry.hidden.contains($0) }
  }

  /// Commits the end of a job, then says so.
  func end(_ id: String, _ state: JobRecord.State, _ failure: JobFailure?) async {
    guard var record = entries[id]?.job.record, !record.state.isFinal else { return }
    line.remove(id)
    entries[id]?.deadline?.cancel()
    entries[id]?.farewell?.cancel()
    record.state = state
    record.failure = failure
    record.finished = clock.now()
    if state == .done, let committed = entries[id]?.committed {
      record.finished = committed.finished
      entries[id]?.job.record = record
    } else {
      entries[id]?.job.record = record
      // What cannot be committed is found unfinished at the next start, with all its images.
      do { try await store.update(record) } catch {}
    }
    watch(.ended(record))
    send(.changed(record, preview: nil), to: id)
    endListeners(id)
    entries[id] = nil
    running[id] = nil
    startJobs()
    await tidy()
  }

  /// Deletes what nobody needs any more, once an hour.
  private func tidy() async {
    let now = clock.now()
    guard now.timeIntervalSince(lastTidied) >= 3600 else { return }
    lastTidied = now
    // It is tried again in an hour.
    do { try await store.tidy(at: now) } catch {}
  }
}
