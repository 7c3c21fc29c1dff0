extension ConfigKey {
  static let model = Section(
    name: "model",
    summary:
      "The shape of the network. Keys of text, vision, transformer, unet and scheduler are "
      + "those of transformers and diffusers.",
    keys: [
      ConfigKey(
        "model.text.vocab_size",
        values: "1 to 16777216",
        "Tokens of the vocabulary; the tokenizer's number."),
      ConfigKey(
        "model.text.eos_token_id",
        values: "0 to vocab_size - 1",
        "Where the text's embedding is taken: at this token, or at the largest id if it is 2."),
      ConfigKey(
        "model.text.max_position_embeddings",
        values: "2 to 65536",
        "Tokens of a text at most, with start and end."),
      ConfigKey(
        "model.text.hidden_size", "model.vision.hidden_size",
        values: "1 to 65536",
        "Width of the tower's layers."),
      ConfigKey(
        "model.text.intermediate_size", "model.vision.intermediate_size",
        values: "1 to 1048576",
        "Width inside the MLP of a layer; four times hidden_size is usual."),
      ConfigKey(
        "model.text.num_hidden_layers", "model.vision.num_hidden_layers",
        values: "1 to 1024",
        "Layers of the tower."),
      ConfigKey(
        "model.text.num_attention_heads", "model.vision.num_attention_heads",
        values: "1 to 65536",
        "Heads of attention; they divide hidden_size."),
      ConfigKey(
        "model.text.hidden_act", "model.vision.hidden_act",
        values: "one of \"relu\", \"gelu\", \"quick_gelu\", \"silu\", \"tanh\", \"sigmoid\"",
        "Activation of the MLP; OpenAI's CLIP has quick_gelu."),
      ConfigKey(
        "model.text.layer_norm_eps", "model.vision.layer_norm_eps",
        values: "above 0 and at most 1",
        "Term under the root of the layer norms."),
      ConfigKey(
        "model.text.projection_dim", "model.vision.projection_dim",
        values: "1 to 65536",
        "Dimension of CLIP's embeddings; the same for both towers."),
      ConfigKey(
        "model.vision.image_size",
        values: "1 to 4096",
        "Side of the images that CLIP sees, in pixels."),
      ConfigKey(
        "model.vision.patch_size",
        values: "1 to 4096",
        "Side of a patch, which is one token, in pixels; it divides image_size."),
      ConfigKey(
        "model.transformer.embedding_dim",
        values: "1 to 65536",
        "Dimension of CLIP's embeddings."),
      ConfigKey(
        "model.transformer.num_embeddings",
        values: "1 to 65536",
        "Tokens of CLIP's texts."),
      ConfigKey(
        "model.transformer.num_components",
        values: "0 to embedding_dim",
        "Principal components of an image embedding, each of which is a token of ar-prior; 0 keeps "
          + "as many as objective.reconstruction_error asks for."),
      ConfigKey(
        "model.transformer.num_buckets",
        values: "2 to 65536",
        "Buckets of each component, of which a token names one."),
      ConfigKey(
        "model.transformer.additional_embeddings",
        values: "4",
        "Further tokens of the prior: text embedding, timestep, noisy image embedding, and the "
          + "one read out."),
      ConfigKey(
        "model.transformer.num_attention_heads",
        values: "1 to 65536",
        "Heads of attention."),
      ConfigKey(
        "model.transformer.attention_head_dim",
        values: "1 to 65536",
        "Width of a head; the layers are heads × this wide."),
      ConfigKey(
        "model.transformer.num_layers",
        values: "1 to 1024",
        "Layers of the prior."),
      ConfigKey(
        "model.transformer.dropout", "model.unet.dropout",
        values: "0 or more and less than 1",
        "Probability that a value is dropped in training."),
      ConfigKey(
        "model.text_encoder.num_layers",
        values: "1 to 1024",
        "Blocks of the decoder's own transformer over CLIP's text encodings, as wide as "
          + "cross_attention_dim; without the section text_encoder the decoder reads the encodings "
          + "themselves."),
      ConfigKey(
        "model.text_encoder.attention_head_dim",
        values: "1 to 65536",
        "Channels of an attention head of it; it must divide cross_attention_dim."),
      ConfigKey(
        "model.hint.clip_embeddings_dim",
        values: "1 to 65536",
        "Dimension of CLIP's embeddings."),
      ConfigKey(
        "model.hint.hidden_size",
        values: "1 to 65536",
        "Width of the hint's layers."),
      ConfigKey(
        "model.hint.num_layers",
        values: "0 to 1024",
        "Residual layers of the hint."),
      ConfigKey(
        "model.hint.sample_size",
        values: "1 to 4096",
        "Side of the coarse image, in pixels."),
      ConfigKey(
        "model.unet.sample_size",
        values: "1 to 4096",
        "Side of the images, in pixels."),
      ConfigKey(
        "model.unet.patch_size",
        values: "1 to 64",
        "Side of the squares of pixels that become channels: larger is faster and coarser."),
      ConfigKey(
        "model.unet.in_channels",
        values: "1 to 65536",
        "Channels in: 3 × patch_size², twice that with a condition beside the noisy image."),
      ConfigKey(
        "model.unet.out_channels",
        values: "1 to 65536",
        "Channels out: 3 × patch_size², twice that with a learned variance."),
      ConfigKey(
        "model.unet.adds_condition",
        values: "true or false",
        "The network predicts what is missing from its condition, the hint or the enlarged "
          + "small image, instead of the whole."),
      ConfigKey(
        "model.unet.block_out_channels",
        values: "widths of 1 to 65536",
        "Channels of each level, from full size down; each level halves the side."),
      ConfigKey(
        "model.unet.down_block_types",
        values: "names of blocks",
        "Block of each level on the way down: ResnetDownsampleBlock2D, or "
          + "SimpleCrossAttnDownBlock2D with attention."),
      ConfigKey(
        "model.unet.up_block_types",
        values: "names of blocks",
        "Block of each level on the way up, in the reverse order."),
      ConfigKey(
        "model.unet.layers_per_block",
        values: "1 to 64",
        "Residual layers of a level."),
      ConfigKey(
        "model.unet.attention_head_dim",
        values: "1 to 65536",
        "Width of an attention head."),
      ConfigKey(
        "model.unet.cross_attention_dim",
        values: "1 to 65536",
        "Width of the tokens that attention sees beside the image."),
      ConfigKey(
        "model.unet.class_embed_type",
        values: "\"identity\"",
        "How the embedding joins the timestep's: as it is."),
      ConfigKey(
        "model.unet.norm_num_groups",
        values: "1 to 65536",
        "Groups of the group norms; they divide the channels of each level."),
      ConfigKey(
        "model.unet.norm_eps",
        values: "above 0 and at most 1",
        "Term under the root of the group norms."),
      ConfigKey(
        "model.unet.resnet_time_scale_shift",
        values: "one of \"default\", \"scale_shift\"",
        "How the timestep enters a residual layer: added, or as scale and shift of its norm."),
      ConfigKey(
        "model.scheduler._class_name",
        values: "one of \"UnCLIPScheduler\", \"DDIMScheduler\"",
        "The sampler that the folder names: ancestral, or DDIM."),
      ConfigKey(
        "model.scheduler.num_train_timesteps",
        values: "2 to 1000000",
        "Steps of the noising process."),
      ConfigKey(
        "model.scheduler.beta_schedule",
        values: "one of \"squaredcos_cap_v2\", \"linear\"",
        "How the noise grows along them."),
      ConfigKey(
        "model.scheduler.beta_start",
        values: "1e-06 to 1",
        "First β of a linear schedule."),
      ConfigKey(
        "model.scheduler.beta_end",
        values: "beta_start to 1",
        "Last β of a linear schedule."),
      ConfigKey(
        "model.scheduler.prediction_type",
        values: "one of \"epsilon\", \"sample\", \"v_prediction\"",
        "What the network predicts: the noise, the clean sample, or v."),
      ConfigKey(
        "model.scheduler.variance_type",
        values: "one of \"fixed_small_log\", \"fixed_large\", \"learned_range\"",
        "Variance of a step of the ancestral sampler."),
      ConfigKey(
        "model.scheduler.clip_sample",
        values: "true or false",
        "Clamps each prediction of the clean sample."),
      ConfigKey(
        "model.scheduler.clip_sample_range",
        values: "above 0 and at most 1e6",
        "The clean sample's largest magnitude then: 1 for images, 5 for standardised "
          + "embeddings."),
      ConfigKey(
        "model.scheduler.thresholding",
        values: "true or false",
        "Clamps by a quantile of the sample itself (dynamic thresholding)."),
      ConfigKey(
        "model.scheduler.dynamic_thresholding_ratio",
        values: "above 0 and at most 1",
        "That quantile."),
      ConfigKey(
        "model.scheduler.sample_max_value",
        values: "1 to 1e6",
        "Its largest value."),
      ConfigKey(
        "model.scheduler.rescale_betas_zero_snr",
        values: "true or false",
        "Moves the schedule so that its last step is noise alone (zero terminal SNR), as sampling "
          + "begins; the network must predict the sample or v, and timestep_spacing be trailing or "
          + "linspace for samplers to begin there."),
      ConfigKey(
        "model.scheduler.timestep_spacing",
        values: "one of \"linspace\", \"leading\", \"trailing\"",
        "Which timesteps a sampler of fewer steps visits."),
      ConfigKey(
        "model.scheduler.set_alpha_to_one",
        values: "true or false",
        "DDIM's last step goes to the clean sample, not to the first timestep."),
      ConfigKey(
        "model.scheduler.steps_offset",
        values: "0",
        "Added to the timesteps."),
      ConfigKey(
        "model.image_size",
        values: "1 to 4096",
        "Side of the images of a classic, in pixels."),
      ConfigKey(
        "model.channels",
        values: "1 or 3",
        "Channels of its images: 1 for grey, 3 for colour."),
      ConfigKey(
        "model.widths",
        values: "widths of 1 to 65536",
        "Channels of its levels, from full size down."),
      ConfigKey(
        "model.latent_dim",
        values: "1 to the values of an image",
        "Dimensions of the latent vector."),
      ConfigKey(
        "model.feature_dim",
        values: "1 to 65536",
        "Dimensions of the features that the Fréchet distance is measured in."),
      ConfigKey(
        "model.class_count",
        values: "1 to 16777216",
        "Classes of the data."),
      ConfigKey(
        "model.likelihood",
        values: "one of \"bernoulli\", \"bernoulli_binarized\", \"discretized_logistic\"",
        "The VAE's distribution of a pixel; bernoulli_binarized samples black or white pixels "
          + "anew each time."),
      ConfigKey(
        "model.beta",
        values: "0 to 1e6",
        "Weight of the KL divergence (β-VAE); 1 is the ELBO."),
      ConfigKey(
        "model.free_bits",
        values: "0 to 1e6",
        "Nats of each latent dimension that cost nothing."),
      ConfigKey(
        "model.corruption.kind",
        values: "one of \"gaussian\", \"mask_pixels\", \"mask_patches\", \"salt_and_pepper\"",
        "What the denoising autoencoder has to undo."),
      ConfigKey(
        "model.corruption.amount",
        values: "0 to 1000",
        "Deviation of the noise on the scale -1 ... 1, or the fraction of pixels."),
      ConfigKey(
        "model.corruption.patch",
        values: "1 to 4096",
        "Side of a masked patch, in pixels."),
      ConfigKey(
        "model.discriminator_norm",
        values: "one of \"batch\", \"spectral\", \"none\"",
        "Normalisation of the GAN's discriminator."),
      ConfigKey(
        "model.residual_blocks",
        values: "0 to 1024",
        "Residual blocks of the VQ-VAE's encoder and decoder each."),
      ConfigKey(
        "model.residual_width",
        values: "1 to 65536",
        "Channels inside a residual block."),
      ConfigKey(
        "model.quantizer.codebook_size",
        values: "1 to 16777216",
        "Codes of the codebook."),
      ConfigKey(
        "model.quantizer.code_dim",
        values: "1 to 65536",
        "Dimensions of a code."),
      ConfigKey(
        "model.quantizer.commitment",
        values: "0 to 1e6",
        "Weight of the loss that keeps the encoder near its codes."),
      ConfigKey(
        "model.quantizer.update",
        values: "one of \"ema\", \"loss\"",
        "How codes move: by an average of what they stand for, or by a loss."),
      ConfigKey(
        "model.quantizer.decay",
        values: "0 or more and less than 1",
        "Decay of that average."),
      ConfigKey(
        "model.quantizer.restart_after",
        values: "0 to 1000000000",
        "Steps after which a code that nothing uses is put where data is; 0 never."),
      ConfigKey(
        "model.codes.codebook_size",
        values: "1 to 16777216",
        "Codes of the VQ-VAE whose codes are modelled."),
      ConfigKey(
        "model.codes.height", "model.codes.width",
        values: "1 to 4096",
        "Rows and columns of its codes."),
      ConfigKey(
        "model.codes.condition.kind",
        values: "one of \"none\", \"class\", \"embedding\"",
        "What a code prior is conditioned on: nothing, the class, or CLIP's embedding of the "
          + "caption."),
      ConfigKey(
        "model.codes.condition.size",
        values: "1 to 16777216",
        "Number of classes, or dimension of the embedding."),
      ConfigKey(
        "model.width",
        values: "1 to 65536",
        "Width of a code prior's layers."),
      ConfigKey(
        "model.layers",
        values: "1 to 1024",
        "Layers of the PixelCNN."),
      ConfigKey(
        "model.depth",
        values: "1 to 1024",
        "Layers of the transformer or LSTM."),
      ConfigKey(
        "model.heads",
        values: "1 to 65536",
        "Heads of the transformer's attention."),
      ConfigKey(
        "model.kernel",
        values: "an odd number of 3 to 255",
        "Side of the PixelCNN's kernels."),
      ConfigKey(
        "model.output_width",
        values: "1 to 65536",
        "Channels of the PixelCNN's last layers."),
    ])
}
