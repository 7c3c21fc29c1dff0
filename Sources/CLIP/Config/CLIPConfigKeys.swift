import Config
import Foundation
import TorchNN

/// The keys of transformers that both towers' configurations have besides sizes, and the checks of
/// a transformer block.
enum CLIPConfigKeys {
  /// Keys of transformers' configurations that do not change a tower's results: its origin, its
  /// initialisation, the text generation of other models.
  static let ignored: Set<String> = [
    "_commit_hash", "_name_or_path", "_attn_implementation_autoset", "architectures", "auto_map",
    "dtype", "torch_dtype", "transformers_version", "model_type", "use_bfloat16", "torchscript",
    "return_dict", "return_dict_in_generate", "output_attentions", "output_hidden_states",
    "output_scores", "initializer_factor", "initializer_range", "bos_token_id", "pad_token_id",
    "sep_token_id", "decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id",
    "begin_suppress_tokens", "suppress_tokens", "bad_words_ids", "prefix", "problem_type",
    "task_specific_params", "tokenizer_class", "id2label", "label2id", "finetuning_task",
    "exponential_decay_length_penalty", "diversity_penalty", "do_sample", "early_stopping",
    "encoder_no_repeat_ngram_size", "length_penalty", "max_length", "min_length",
    "no_repeat_ngram_size", "num_beam_groups", "num_beams", "num_return_sequences",
    "remove_invalid_values", "repetition_penalty", "temperature", "top_k", "top_p", "typical_p",
    "tf_legacy_loss", "chunk_size_feed_forward", "pruned_heads", "tie_word_embeddings",
    "tie_encoder_decoder", "is_decoder", "is_encoder_decoder", "add_cross_attention",
    "cross_attention_hidden_size", "gradient_checkpointing",
  ]

  /// Keys of dropout, which evaluation leaves out; training adds none, as CLIP's did not.
  private static let dropouts: Set<String> = ["attention_dropout", "dropout"]

  /// Decodes a tower's keys; `file` is named in errors.
  static func decode<T: Codable>(
    _ type: T.Type, of tower: CLIPConfigFile.Tower, from keys: [String: JSONValue], file: String,
    fixed: [String: JSONValue] = [:]
  ) throws(ConfigError) -> T {
    for key in dropouts.sorted() {
      guard let value = keys[key], value != .null else { continue }
      let fraction: Double? =
        switch value {
        case .integer(let integer): Double(integer)
        case .number(let number): number
        default: nil
        }
      guard let fraction, (0...1).contains(fraction) else {
        throw ConfigError.invalid(
          file: file, key: key, value: value.text, expected: "it must be a number from 0 to 1")
      }
    }
    return try ConfigFile.decode(
      type, from: ConfigFile.encode(keys), file: file, fixed: fixed,
      ignored: ignored.union(dropouts), defaults: { _ in tower.defaults })
  }

  /// Traps with the message of a configuration's error.
  static func requireValid(_ validate: () throws(ConfigError) -> Void) {
    do {
      try validate()
    } catch {
      preconditionFailure(error.description)
    }
  }

  /// Checks the sizes common to both towers.
  static func checkBlocks(
    _ check: ConfigCheck, width: Int, inner: Int, layers: Int, heads: Int, projection: Int,
    activation: Activation, epsilon: Double
  ) throws(ConfigError) {
    try check.count("hidden_size", width)
    try check.count("intermediate_size", inner, in: 1...16 * ConfigLimit.width)
    try check.count("num_hidden_layers", layers, in: 1...ConfigLimit.layers)
    try check.count("num_attention_heads", heads)
    try check.count("projection_dim", projection)
    try check.divides("num_attention_heads", heads, width, of: "hidden_size")
    try check.require(
      activation == .quickGELU || activation == .gelu, "hidden_act",
      "\"\(activation.rawValue)\"", "a CLIP tower has \"quick_gelu\" or \"gelu\"")
    try check.positive("layer_norm_eps", epsilon, upTo: 1)
    let perLayer = 4 * Double(width) * Double(width) + 2 * Double(width) * Double(inner)
    try check.weights(Double(layers) * perLayer, "num_hidden_layers", layers)
  }
}
