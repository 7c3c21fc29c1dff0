extension ConfigKey {
  static let objective = Section(
    name: "objective",
    summary:
      "What is minimised, and what is measured.",
    keys: [
      ConfigKey(
        "objective.evaluation_count",
        values: "1 to 1000000",
        "Images of an evaluation, of the trained and of the held-out ones each."),
      ConfigKey(
        "objective.embedding_batches",
        values: "0 to 1000000, of the hint 1 or more",
        "Batches whose CLIP embeddings are computed once, before the first step, and shown "
          + "again and again; 0 computes each as it comes, with new augmentation."),
      ConfigKey(
        "objective.text_drop_rate",
        values: "0 to 1",
        "Probability that a caption is replaced by the empty one, which is what guidance needs."),
      ConfigKey(
        "objective.image_drop_rate",
        values: "0 to 1",
        "Probability that the image embedding is dropped, which is what the decoder's guidance "
          + "needs."),
      ConfigKey(
        "objective.embedding_noise",
        values: "0 to 1000",
        "Largest deviation of noise on the standardised image embedding, so that the hint "
          + "forgives a prior's errors."),
      ConfigKey(
        "objective.drawn_embeddings.fraction",
        values: "0 to 1",
        "Fraction of image embeddings that the prior has sampled from the caption, instead of "
          + "the true ones."),
      ConfigKey(
        "objective.drawn_embeddings.steps",
        values: "1 to 1000",
        "Steps of the prior for them."),
      ConfigKey(
        "objective.drawn_embeddings.guidance",
        values: "0 to 1000",
        "Guidance of the prior for them."),
      ConfigKey(
        "objective.weighting.rule",
        values: "one of \"uniform\", \"min_snr\", \"truncated_snr\", \"p2\"",
        "The loss of a timestep: the error of what the network predicts (uniform); or the error of "
          + "the clean image, whatever it predicts, times the signal-to-noise ratio SNR, at most "
          + "gamma (Min-SNR), SNR between 1 and gamma, or SNR / (k + SNR)^gamma (P2)."),
      ConfigKey(
        "objective.weighting.gamma",
        values: "1 to 1000000, of p2 0 to 10",
        "The bound of the weighting rule, 5 in Min-SNR's paper; P2's exponent, 1 in its paper."),
      ConfigKey(
        "objective.weighting.k",
        values: "1e-6 to 1000000",
        "P2's constant beside the signal-to-noise ratio, 1 in its paper; no other rule has it."),
      ConfigKey(
        "objective.offset_noise",
        values: "0 to 1",
        "Deviation of noise that all pixels of a channel share, added to the noise of training, so "
          + "that very dark and very bright images are learned; 0.1 is usual, none if left out. "
          + "rescale_betas_zero_snr is the cleaner way."),
      ConfigKey(
        "objective.statistics_batches",
        values: "1 to 100000",
        "Batches from which mean and deviation of CLIP's embeddings are measured, of ar-prior "
          + "their principal components and bucket edges."),
      ConfigKey(
        "objective.reconstruction_error",
        values: "above 0 and at most 1",
        "The fraction of the embeddings' variance that is lost at most with the components that "
          + "are not kept, where num_components is 0."),
      ConfigKey(
        "objective.sample_steps",
        values: "1 to 1000",
        "Denoising steps of the sample sheets."),
      ConfigKey(
        "objective.sample_guidance",
        values: "0 to 1000",
        "Guidance of the sample sheets; 1 is none."),
      ConfigKey(
        "objective.image_size",
        values: "1 to 4096",
        "Side of the images that the upsampler makes, in pixels."),
      ConfigKey(
        "objective.degradation",
        values: "one of \"blur\", \"bsr_light\", \"bsr_full\"",
        "How the upsampler's small images are made of the large ones: averaged and blurred a little; "
          + "or by BSR degradation's blurs, shrinkings, noise and JPEG, slight or strong."),
      ConfigKey(
        "objective.clean_fraction",
        values: "0 to 1",
        "Fraction of the upsampler's small images that are averaged only, as those of a good decoder "
          + "are clean."),
      ConfigKey(
        "objective.crop_size",
        values: "1 to 4096",
        "Side of the crops that the upsampler is trained on, in pixels; it draws whole images."),
      ConfigKey(
        "objective.condition_noise",
        values: "0 to 1000",
        "Largest deviation of noise on the small image, of -1 ... 1, so that the upsampler "
          + "forgives a decoder's errors."),
      ConfigKey(
        "objective.locks_images",
        values: "true or false",
        "Trains CLIP's text tower alone, towards the image embeddings of initial weights (LiT)."),
      ConfigKey(
        "objective.loss",
        values: "one of \"non_saturating\", \"wasserstein\", \"hinge\"",
        "The GAN's loss."),
      ConfigKey(
        "objective.generator_period",
        values: "1 to 1000000",
        "Updates of the discriminator for each of the generator."),
      ConfigKey(
        "objective.gradient_penalty",
        values: "0 to 1e6",
        "Weight of WGAN-GP's gradient penalty."),
      ConfigKey(
        "objective.discriminator_rate_scale",
        values: "0 to 1e6",
        "Learning rate of the discriminator in units of the generator's."),
      ConfigKey(
        "objective.condition_drop_rate",
        values: "0 to 1",
        "Probability that a code prior's condition is dropped, which is what guidance needs."),
      ConfigKey(
        "objective.sample_temperature",
        values: "0.001 to 1000",
        "Temperature of what a code prior or ar-prior samples in training."),
    ])
}
