/// A measurement that `/metrics` shows: its name, what it says, and its labels.
struct MetricFamily: Hashable {
  enum Kind: String { case counter, gauge, histogram }

  let name: String
  let kind: Kind
  let help: String
  var labels: [String] = []
  /// Upper bounds of the buckets of a histogram.
  var bounds: [Double] = []

  private init(
    _ kind: Kind, _ name: String, _ help: String, labels: [String] = [], bounds: [Double] = []
  ) {
    self.kind = kind
    self.name = name
    self.help = help
    self.labels = labels
    self.bounds = bounds
  }

  /// Seconds: an answer of a file, an image of the bundled model, one of a large model on a
  /// processor.
  private static let seconds = [
    0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
  ]

  // MARK: HTTP

  static let requests = Self(
    .counter, "unclip_http_requests_total", "Answered requests.",
    labels: ["route", "method", "status"])
  static let requestSeconds = Self(
    .histogram, "unclip_http_request_seconds", "Seconds until the answer to a request began.",
    labels: ["route"], bounds: seconds)
  static let requestsInProgress = Self(
    .gauge, "unclip_http_requests_in_progress", "Requests whose answer has not begun.")

  // MARK: Jobs

  static let accepted = Self(
    .counter, "unclip_jobs_accepted_total", "Jobs that were accepted.", labels: ["operation"])
  static let refused = Self(
    .counter, "unclip_jobs_refused_total",
    "Jobs that were refused: invalid, queue_full, share, rate, loading, draining, no_space.",
    labels: ["reason"])
  static let ended = Self(
    .counter, "unclip_jobs_ended_total", "Jobs that ended: done, failed, cancelled.",
    labels: ["operation", "state"])
  static let failed = Self(
    .counter, "unclip_jobs_failed_total",
    "Jobs that ended without their result: invalid, crashed, out_of_memory, no_space, expired, "
      + "cancelled, interrupted, failed.", labels: ["reason"])
  static let waitSeconds = Self(
    .histogram, "unclip_job_wait_seconds", "Seconds that a job waited before it began.",
    bounds: seconds)
  static let runSeconds = Self(
    .histogram, "unclip_job_run_seconds", "Seconds that a job ran.", labels: ["operation"],
    bounds: seconds)
  static let images = Self(
    .counter, "unclip_images_total", "Images that were made.", labels: ["operation"])
  static let steps = Self(
    .counter, "unclip_steps_total", "Denoising steps that were done.", labels: ["stage"])

  // MARK: The present state

  static let queued = Self(
    .gauge, "unclip_queue_images", "Images that were accepted and are not made yet.")
  static let capacity = Self(
    .gauge, "unclip_queue_capacity_images", "Images that may be accepted and not yet made.")
  static let secondsPerImage = Self(
    .gauge, "unclip_seconds_per_image", "Seconds that an image takes, a running average.")
  static let draining = Self(.gauge, "unclip_draining", "1 while the server stops.")
  static let loaded = Self(.gauge, "unclip_model_loaded", "1 while the model is loaded.")
  static let model = Self(
    .gauge, "unclip_model_info", "1, with the loaded model.",
    labels: ["name", "version", "fingerprint"])
  static let workerMemory = Self(
    .gauge, "unclip_worker_memory_bytes", "Memory of the processes that hold the model.")
  static let workerStarts = Self(
    .counter, "unclip_worker_starts_total", "Starts of those processes.")
  static let stored = Self(
    .gauge, "unclip_store_bytes", "Bytes of the stored images and inputs.")
  static let quota = Self(
    .gauge, "unclip_store_quota_bytes", "Bytes that images and inputs may have.")
  static let build = Self(
    .gauge, "unclip_build_info", "1, with the version of the server.", labels: ["version"])
  static let residentMemory = Self(
    .gauge, "process_resident_memory_bytes", "Memory of the server, without its workers.")
  static let startTime = Self(
    .gauge, "process_start_time_seconds", "When the server started, seconds since 1970.")

  /// All measurements, in the order of the text.
  static let all = [
    requests, requestSeconds, requestsInProgress, accepted, refused, ended, failed, waitSeconds,
    runSeconds, images, steps, queued, capacity, secondsPerImage, draining, loaded, model,
    workerMemory, workerStarts, stored, quota, build, residentMemory, startTime,
  ]
}
