import Foundation
import TestSupport
import Testing

@testable import UnCLIPServer

struct ImageLibraryTests {
  let folder: TemporaryFolder
  let tests: ServerStoreTests

  init() throws {
    tests = try ServerStoreTests()
    folder = tests.folder
  }

  @Test func pagesAreNewestFirstAndWhole() async throws {
    let store = try ServerStore(folder.url)
    let job = try await tests.job(store)
    var ids: [String] = []
    for index in 0..<25 { ids.append(try await tests.image(store, job, index)) }
    var query = LibraryQuery()
    query.limit = 10
    var found: [LibraryImage] = []
    repeat {
      let page = try await store.images(query)
      found += page.images
      query.before = page.next
    } while query.before != nil
    #expect(found.map(\.id) == ids.reversed())
    #expect(found.last?.seed == .max)
    #expect(found.last?.request.prompt == "a red apple")
    #expect(found.last?.width == 64)
  }

  @Test func ownersTextsAndFavouritesAreTold() async throws {
    let store = try ServerStore(folder.url)
    let apple = try await tests.image(
      store, try await tests.job(store, "A Red Äpfel", owner: "a"), 0)
    let pear = try await tests.image(store, try await tests.job(store, "100% pear_", owner: "b"), 0)
    func ids(_ change: (inout LibraryQuery) -> Void) async throws -> [String] {
      var query = LibraryQuery()
      change(&query)
      return try await store.images(query).images.map(\.id)
    }
    #expect(try await ids { $0.owner = "a" } == [apple])
    #expect(try await ids { $0.text = "red äPF" } == [apple])
    #expect(try await ids { $0.text = "%" } == [pear])
    #expect(try await ids { $0.text = "" } == [pear, apple])
    #expect(try await ids { $0.text = "'; DROP TABLE image" } == [])
    #expect(try await !store.setFavourite(apple, owner: "b", true))
    #expect(try await store.setFavourite(apple, owner: "a", true))
    #expect(try await ids { $0.favourites = true } == [apple])
    #expect(try await !store.delete(apple, owner: "b"))
    #expect(try await store.delete(apple, owner: "a"))
    #expect(try await !store.delete(apple, owner: "a"))
    #expect(try await ids { _ in } == [pear])
    #expect(try await store.libraryImage("../x", owner: nil) == nil)
  }

  @Test func searchFindsTheNearestOfTheModelAtWork() async throws {
    let store = try ServerStore(folder.url)
    store.setSpace("one")
    let job = try await tests.job(store)
    let right = try await tests.image(store, job, 0, embedding: [3, 0, 0])
    let up = try await tests.image(store, job, 1, embedding: [0, 0.1, 0])
    try await tests.image(store, job, 2)
    try await tests.image(store, job, 3, embedding: [.nan, 0, 0])
    let page = try await store.nearest(to: [1, 0.5, 0], owner: nil, limit: 10)
    #expect(page.images.map(\.id) == [right, up])
    #expect(abs((page.images[0].similarity ?? 0) - 0.8944) < 1e-3)
    // New images are found at once, deleted ones not.
    let both = try await tests.image(store, job, 4, embedding: [2, 1, 0])
    #expect(try await store.delete(right, owner: nil))
    #expect(
      try await store.nearest(to: [1, 0.5, 0], owner: nil, limit: 10).images.map(\.id) == [
        both, up,
      ])
    #expect(try await store.nearest(to: [1, 0.5, 0], owner: "k", limit: 10).images.isEmpty)
    #expect(try await store.nearest(to: [0, 0, 0], owner: nil, limit: 10).images.isEmpty)
    #expect(try await store.nearest(to: [1], owner: nil, limit: 10).images.isEmpty)
    let unit = try #require(try await store.embedding(of: both, owner: nil))
    #expect(abs(unit[0] - 0.8944) < 1e-3)
    store.setSpace("two")
    #expect(try await store.embedding(of: both, owner: nil) == nil)
    #expect(try await store.nearest(to: [1, 0.5, 0], owner: nil, limit: 10).images.isEmpty)
  }

  @Test func theNearestOfManyIsFirst() {
    var random = SplitMix(seed: 1)
    let index = EmbeddingIndex()
    let count = 500
    let images = (0..<count).map { number in
      (id: "\(number)", embedding: (0..<768).map { _ in Float.random(in: -1...1, using: &random) })
    }
    index.begin("s")
    index.fill("s", images)
    let query = images[count / 2].embedding
    let found = index.nearest(to: query, space: "s")
    #expect(found.count == count)
    #expect(found.first?.id == "\(count / 2)")
  }
}
