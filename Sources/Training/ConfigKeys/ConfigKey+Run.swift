extension ConfigKey {
  static let training = Section(
    name: "training",
    summary:
      "Every stage but the tokenizer: how long, how fast, what is kept.",
    keys: [
      ConfigKey(
        "training.steps",
        values: "1 to 1000000000",
        "Updates of the weights in all. One pass over N images is N / (batch_size × "
          + "gradient_accumulation) steps."),
      ConfigKey(
        "training.batch_size",
        values: "1 to 65536",
        "Images of one forward and backward pass; CLIP needs 2 or more, since it contrasts "
          + "them."),
      ConfigKey(
        "training.gradient_accumulation",
        values: "1 to 65536",
        "Batches whose gradients are added before an update: a larger batch with the memory of "
          + "a small one."),
      ConfigKey(
        "training.learning_rate",
        values: "0 to 1000",
        "Step size of the optimiser after the warm-up. 1e-3 to 1e-4 suits most stages; lower it "
          + "if the loss becomes not finite."),
      ConfigKey(
        "training.warm_up_steps",
        values: "0 to training.steps",
        "Steps over which the learning rate rises from 0."),
      ConfigKey(
        "training.schedule",
        values: "one of \"cosine\", \"constant\"",
        "How the learning rate goes on after the warm-up: along half a cosine to "
          + "final_learning_rate, or unchanged."),
      ConfigKey(
        "training.final_learning_rate",
        values: "0 to 1000",
        "The learning rate of the last step with the schedule cosine."),
      ConfigKey(
        "training.weight_decay",
        values: "0 to 1000",
        "AdamW's decoupled weight decay: the fraction of a weight, times the learning rate, "
          + "that each step takes away. Biases and norms are left out."),
      ConfigKey(
        "training.betas",
        values: "two numbers of 0 or more and less than 1",
        "Adam's decays of the averages of the gradient and of its square."),
      ConfigKey(
        "training.epsilon",
        values: "above 0 and at most 1",
        "Adam's term that keeps the division finite."),
      ConfigKey(
        "training.max_gradient_norm",
        values: "above 0 and at most 1e9",
        "Gradients whose norm over all weights is larger are scaled down to it; a very large "
          + "number leaves all as they are."),
      ConfigKey(
        "training.ema_decay",
        values: "0 or more and less than 1",
        "Decay of the average of the weights, which is what is sampled from and saved; 0 takes "
          + "the weights themselves."),
      ConfigKey(
        "training.ema_decays",
        values: "at most 8 different numbers of 0 or more and less than 1, none of them ema_decay",
        "Decays of further averages, such as [0.99, 0.9995]: each is kept in checkpoints and written "
          + "as RUN/model-ema-DECAY, to be chosen after training (assemble --ema, evaluate); none if "
          + "left out. An average of decay d spans some 1 / (1 - d) steps."),
      ConfigKey(
        "training.ema_warm_up_power",
        values: "0 to 100",
        "The average's decay after n steps is at most 1 - (1 + n)^-power, so that it follows "
          + "quickly at first; 0 turns this off."),
      ConfigKey(
        "training.precision",
        values: "one of \"float32\", \"bfloat16\"",
        "Element type of the arithmetic; weights and their updates stay float32. bfloat16 is "
          + "faster where the processor multiplies it."),
      ConfigKey(
        "training.seed",
        values: "a whole number of 0 or more",
        "Seed of initial weights, order of data, noise and dropout: the same seed gives the "
          + "same run on the same machine and threads."),
      ConfigKey(
        "training.log_every_steps",
        values: "1 to 1000000000",
        "Steps from one line of the log to the next; a line holds means over them."),
      ConfigKey(
        "training.sample_every_steps",
        values: "0 to 1000000000",
        "Steps from one evaluation and sample sheet to the next; 0 does neither."),
      ConfigKey(
        "training.checkpoint_every_steps",
        values: "0 to 1000000000",
        "Steps from one checkpoint to the next; 0 goes by time alone."),
      ConfigKey(
        "training.checkpoint_every_seconds",
        values: "0 to 1e9",
        "Seconds from one checkpoint to the next; 0 goes by steps alone."),
      ConfigKey(
        "training.keep_checkpoints",
        values: "1 to 10000",
        "How many of the newest checkpoints are kept; 2 or more survive damage to the newest."),
      ConfigKey(
        "training.log_samples",
        values: "true or false",
        "Writes the keys of each step's samples to RUN/samples.jsonl, a line a step, in the order of "
          + "the batch; steps that a resumed run does again are there once. false if left out."),
      ConfigKey(
        "training.shard_optimizer",
        values: "true or false",
        "Of several processes, each keeps the optimiser's moments of its share of the weights alone "
          + "(ZeRO, stage 1): less memory, the same checkpoints. false if left out."),
      ConfigKey(
        "training.threads",
        values: "0 to 1024",
        "Threads of the arithmetic; 0 takes what the machine has. Another number may change the "
          + "last digits of a run."),
    ])

  static let data = Section(
    name: "data",
    summary:
      "What images are shown, how often, and how they are changed. Without a key, images come "
      + "as they are.",
    keys: [
      ConfigKey(
        "data.workers",
        values: "0 to 64",
        "Threads that prepare batches ahead; 0 prepares each when it is needed."),
      ConfigKey(
        "data.prefetch",
        values: "0 to 1024",
        "Batches that are prepared ahead."),
      ConfigKey(
        "data.scene_fraction",
        values: "0 to 1",
        "Fraction of images that are scenes of up to three cut-out drawings, with captions such "
          + "as \"a cat beside a tree\". For data with transparency."),
      ConfigKey(
        "data.shape_fraction",
        values: "0 to 1",
        "Fraction of images that are plain shapes in named colours, such as \"a red circle\"."),
      ConfigKey(
        "data.held_out_fraction",
        values: "0 to 0.9",
        "Fraction of the concepts that are never trained on, for evaluation."),
      ConfigKey(
        "data.core_only",
        values: "true or false",
        "Leaves out what the data set marks as no core concept: of the emoji letters, clock "
          + "faces, arrows and signs."),
      ConfigKey(
        "data.minimum_side",
        values: "0 to 65536",
        "Leaves out images whose stored side is smaller, in pixels; 0 takes all."),
      ConfigKey(
        "data.source_weights",
        values: "numbers of 0 to 1000 by name",
        "How often a source (the manifest's \"source\") is shown, as {\"openclipart\": 0.2}; 1 if "
          + "not named, 0 leaves it out."),
      ConfigKey(
        "data.group_weights",
        values: "numbers of 0 to 1000 by name",
        "How often a group or subgroup is shown, as {\"People & Body\": 0.3}; 1 if not named."),
      ConfigKey(
        "data.smallest_scale",
        values: "0.1 to 1",
        "Smallest size of a cut-out drawing as a fraction of the image; each time one between "
          + "this and 1. Photographs always fill it."),
      ConfigKey(
        "data.shift",
        values: "0 to 0.5",
        "Largest move out of the middle beyond the room that the size leaves, as a fraction of "
          + "the image."),
      ConfigKey(
        "data.flip_fraction",
        values: "0 to 1",
        "Fraction of images that are mirrored, of those whose caption names no direction and no "
          + "writing."),
      ConfigKey(
        "data.colored_background_fraction",
        values: "0 to 1",
        "Fraction of cut-out drawings on another background than white; the caption names its "
          + "colour."),
    ])

  static let tokenizer = Section(
    name: "tokenizer",
    summary:
      "The configuration of `unclip train tokenizer`, which has no other sections but data.",
    keys: [
      ConfigKey(
        "vocabulary_size",
        values: "514 to 1000000",
        "Tokens of the vocabulary: 256 bytes, each also at a word's end, two marks, and merges."),
      ConfigKey(
        "context_length",
        values: "3 to 65536",
        "Tokens of a text at most, with start and end."),
      ConfigKey(
        "minimum_count",
        values: "1 to 1000000000",
        "Pairs of symbols that occur less often are not merged."),
      ConfigKey(
        "captions",
        values: "1 to 10000000",
        "Captions that it learns from."),
      ConfigKey(
        "seed",
        values: "a whole number of 0 or more",
        "Seed of their choice."),
    ])
}
