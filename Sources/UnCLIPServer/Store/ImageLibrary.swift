public import Foundation

/// An image of the history, with all that it was made with.
public struct LibraryImage: Codable, Sendable, Equatable, Identifiable {
  /// Its id; the file is fetched by it.
  public var id: String
  /// Its job.
  public var job: String
  /// Its index in the job, from 0.
  public var index: Int
  /// The seed it was made with.
  public var seed: UInt64
  /// Columns, pixels.
  public var width: Int
  /// Rows, pixels.
  public var height: Int
  /// Bytes of its file.
  public var bytes: Int
  /// When it was made.
  public var created: Date
  /// Whether it is marked: the quota never deletes it.
  public var favourite: Bool
  /// What was asked for.
  public var request: JobRequest
  /// How near it is to what was searched for, -1 to 1; nil in a list.
  public var similarity: Float?
}

/// A part of the history.
public struct LibraryPage: Codable, Sendable, Equatable {
  /// The images, the newest or nearest first.
  public var images: [LibraryImage]
  /// What ``LibraryQuery/before`` takes for the next part; nil at the end.
  public var next: Int?
}

/// Which images of the history are listed.
public struct LibraryQuery: Sendable, Equatable {
  /// Whose; nil for everybody's.
  public var owner: String?
  /// Only those before this place in the history.
  public var before: Int?
  /// Only favourites.
  public var favourites = false
  /// Only those whose prompt or other texts contain this, in any case of letters.
  public var text: String?
  /// At most so many.
  public var limit = 48

  /// Asks for the newest images of an owner.
  public init(owner: String? = nil) { self.owner = owner }
}

/// The history of images: what the page's routes speak to.
public protocol ImageLibrary: Sendable {
  /// Returns a part of the history, the newest images first.
  func images(_ query: LibraryQuery) async throws -> LibraryPage

  /// Returns an image; nil if there is none of that id that `owner` may see.
  func libraryImage(_ id: String, owner: String?) async throws -> LibraryImage?

  /// Marks an image as a favourite or not; returns false if there is none that `owner` may see.
  func setFavourite(_ id: String, owner: String?, _ isFavourite: Bool) async throws -> Bool

  /// Deletes an image for good; returns false if there is none that `owner` may see.
  func delete(_ id: String, owner: String?) async throws -> Bool

  /// Returns the images nearest to a CLIP embedding of words or of an image.
  func nearest(to embedding: [Float], owner: String?, limit: Int) async throws -> LibraryPage

  /// Returns the CLIP embedding of an image; nil if it has none.
  func embedding(of id: String, owner: String?) async throws -> [Float]?
}
