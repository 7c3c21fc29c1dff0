import ArgumentParser
import CLIP
import Classics
import Config
import Conversion
import Datasets
import Distribution
import ImageMetrics
import Imaging
import ModelHub
import Torch
import TorchArchive
import Training
import UnCLIP
import UnCLIPServer

/// How the process ends: the codes of BSD's `sysexits.h`.
public enum ExitStatus: Int32, Sendable {
  /// All went well.
  case success = 0
  /// The arguments are wrong.
  case usage = 64
  /// A file is damaged or of the wrong kind.
  case data = 65
  /// A file that is to be read is not there.
  case noInput = 66
  /// A device, package or model is not there.
  case unavailable = 69
  /// A fault of this program.
  case software = 70
  /// The system has not enough memory.
  case memory = 71
  /// An output cannot be created.
  case cannotCreate = 73
  /// Reading or writing failed half way.
  case inputOutput = 74
  /// The process was asked to end early; finished work is kept.
  case stopped = 75

  /// The status of an error from any part of the package.
  init(of error: any Error) {
    self =
      switch error {
      case let error as CommandError: error.status
      case ConfigError.unreadable(_, let reason): .unreadable(reason)
      case is ConfigError: .data
      case is DeviceError: .unavailable
      case let error as CheckpointError: error.status
      case ArchiveError.damaged(_, let reason): .unreadable(reason)
      case CLIPFolderError.missing: .noInput
      case is ModelFolderError, is CLIPFolderError, is ArchiveError, is LatentError: .data
      case let error as ClassicError: error.status
      case let error as ConversionError: error.status
      case let error as TokenizerError: error.status
      case is RequestError, EmbeddingPCAError.tooMany: .usage
      case is EmbeddingPCAError, is FeatureError: .data
      case RankFailure.here(let error, _), RankFailure.elsewhere(_, let error?):
        ExitStatus(of: error)
      // The process that reports the error has its status.
      case is RankFailure: .data
      case let error as DistributionError: error.status
      case let error as TrainingError: error.status
      case let error as DataError: error.status
      case let error as ImageError: error.status
      case let error as StoreError: error.status
      case let error as HubError: error.status
      case ServerError.tls: .data
      case is ServerError: .unavailable
      case _ where Self.isParsing(error): .usage
      case _ where RootCommand.exitCode(for: error).isSuccess: .success
      default: .software
      }
  }

  /// The status of an input that cannot be read for `reason`.
  fileprivate static func unreadable(_ reason: String) -> ExitStatus {
    reason.contains("there is no such") ? .noInput : .data
  }

  /// Whether the argument parser raised this error about the arguments.
  static func isParsing(_ error: any Error) -> Bool {
    RootCommand.exitCode(for: error) == .validationFailure
  }
}

extension DataError {
  fileprivate var status: ExitStatus {
    switch self {
    case .package: .unavailable
    case .unwritable: .cannotCreate
    case .setting: .usage
    case .unreadable(_, let reason): .unreadable(reason)
    case .malformed, .empty: .data
    }
  }
}

extension DistributionError {
  fileprivate var status: ExitStatus {
    switch self {
    case .notBuilt, .notStarted, .otherLauncher: .unavailable
    case .lost: .inputOutput
    case .differs, .tooMany: .data
    }
  }
}

extension ImageError {
  fileprivate var status: ExitStatus {
    switch self {
    case .unwritable: .cannotCreate
    case .unknownExtension, .unknownAnimation, .unencodable, .unencodableAnimation: .usage
    case .unreadable(_, let reason): .unreadable(reason)
    default: .data
    }
  }
}

extension StoreError {
  fileprivate var status: ExitStatus {
    switch self {
    case .locked: .unavailable
    case .newer: .data
    case .noSpace, .failed: .cannotCreate
    }
  }
}

extension HubError {
  fileprivate var status: ExitStatus {
    switch self {
    case .name, .revision, .setting, .noVariant: .usage
    case .offline, .unreachable, .noRepository, .gated, .badToken, .noRevision, .noFile, .limited,
      .status:
      .unavailable
    case .malformed, .wrongContent, .noModel: .data
    case .noSpace, .unwritable: .cannotCreate
    }
  }
}

extension CheckpointError {
  fileprivate var status: ExitStatus {
    switch self {
    case .unwritable: .cannotCreate
    case .unreadable(_, let reason): .unreadable(reason)
    case .malformed, .pointer, .badTensor, .misfit: .data
    }
  }
}

extension ConversionError {
  fileprivate var status: ExitStatus {
    switch self {
    case .ambiguous: .usage
    case .exists: .cannotCreate
    case .unknownModel, .unsupported, .twice, .incomplete, .outside: .data
    }
  }
}

extension TokenizerError {
  fileprivate var status: ExitStatus {
    switch self {
    case .unwritable: .cannotCreate
    case .missingFile: .noInput
    default: .data
    }
  }
}

extension TrainingError {
  fileprivate var status: ExitStatus {
    switch self {
    case .checkpointNotWritten, .lostProcess: .inputOutput
    case .notWritten, .alreadyStarted, .busy: .cannotCreate
    case .notFinite, .notRead, .damaged, .noSoundCheckpoint, .wrongFormat, .differentRun, .changed,
      .beyondLastStep, .missingPart:
      .data
    case .stopped: .stopped
    }
  }
}
