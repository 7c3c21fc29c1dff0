import Foundation
import TestSupport
import Testing
import Training

extension TinyRun {
  /// Expects a run that was stopped and resumed to leave the files of one that was not.
  func expectResumption(
    of stage: TrainingStage, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let whole = folder.appending(path: "whole"), parts = folder.appending(path: "parts")
    var options = TrainingOptions.tiny
    (options.steps, options.sampleEverySteps, options.checkpointEverySteps) = (4, 0, 0)
    try run(stage, training: options, into: whole).run()
    var steps = 0
    let text = sentence {
      try run(stage, training: options, into: parts).run(
        observe: { if case .step = $0 { steps += 1 } }, shouldStop: { steps == 2 })
    }
    #expect(
      text == "stopped as asked after step 3 of 4; checkpoint-00000003 is kept: run again with "
        + "--resume.", sourceLocation: sourceLocation)
    try run(stage, training: options, resume: true, into: parts).run()
    let name = "checkpoint-00000004"
    #expect(
      try decidedFiles(of: whole.appending(path: name))
        == decidedFiles(of: parts.appending(path: name)), sourceLocation: sourceLocation)
  }
}
