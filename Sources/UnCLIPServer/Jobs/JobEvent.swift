public import Foundation

/// What a running job says.
public enum JobEvent: Sendable, Equatable {
  /// A step of a stage is done.
  case step(JobStep)
  /// An image is done.
  case image(JobImage)
  /// The JSON of an operation that makes no images.
  case result(Data)
}

/// How far a job is.
public struct JobStep: Codable, Sendable, Equatable {
  /// The stage at work, as its settings begin: `prior`, `decoder`, …
  public var stage: String
  /// Steps done of this stage.
  public var step: Int
  /// Steps of this stage.
  public var stepCount: Int
  /// Index of the image, from 0.
  public var index: Int
  /// Images of the job.
  public var count: Int
  /// The image as it would come out now, a PNG file; nil unless previews are asked for.
  public var preview: Data?
  /// The number of the preview among the partial images of its image, from 0; nil for one that need
  /// not be shown.
  public var partial: Int?

  enum CodingKeys: String, CodingKey {
    case stage, step, index, count, partial
    case stepCount = "of"
  }

  /// Groups all of it.
  public init(
    stage: String, step: Int, stepCount: Int, index: Int, count: Int, preview: Data? = nil
  ) {
    self.stage = stage
    self.step = step
    self.stepCount = stepCount
    self.index = index
    self.count = count
    self.preview = preview
  }
}

/// An image of a job.
public struct JobImage: Codable, Sendable, Equatable {
  /// Its index in the job, from 0.
  public var index: Int
  /// The seed it was made with.
  public var seed: UInt64
  /// Columns, pixels.
  public var width: Int
  /// Rows, pixels.
  public var height: Int
  /// The PNG file, with how it was made in its text chunks.
  public var png: Data
  /// Its CLIP image embedding, for the search among one's images; nil where the model has no image
  /// encoder.
  public var embedding: [Float]?

  enum CodingKeys: String, CodingKey { case index, seed, width, height }

  /// Groups all of it.
  public init(
    index: Int, seed: UInt64, width: Int, height: Int, png: Data, embedding: [Float]? = nil
  ) {
    self.index = index
    self.seed = seed
    self.width = width
    self.height = height
    self.png = png
    self.embedding = embedding
  }

  /// Reads all but the file and the embedding, which travel beside the JSON.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    index = try values.decode(Int.self, forKey: .index)
    seed = try values.decode(UInt64.self, forKey: .seed)
    width = try values.decode(Int.self, forKey: .width)
    height = try values.decode(Int.self, forKey: .height)
    png = Data()
  }
}

/// Why a job ended without its result.
public enum JobFailure: Error, Sendable, Equatable, Codable {
  /// The request cannot be met; the field at fault, as the jobs API names it, where it is one.
  case invalid(String, field: String?)
  /// The process that ran it ended; only this job is lost.
  case crashed(String)
  /// There was not enough memory for it.
  case outOfMemory
  /// There was no space left for its images.
  case noSpace
  /// Its deadline passed before it began.
  case expired
  /// Somebody cancelled it.
  case cancelled
  /// The server was stopped while it ran.
  case interrupted
  /// A fault of ours.
  case failed(String)
}
