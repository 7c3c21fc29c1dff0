/// What the configurations in `Configs` say, whose files are named after their stages: `small-clip.yaml`
/// and `fashion-vae.yaml`. A test compares the table with them.
extension ConfigKey {
  /// A line for each path: values, each with its stages.
  static let shippedTable = """
    training.steps: 1800 clip; 20000 prior; 12000 hint; 40000 decoder; 15000 upsampler; 6000 \
    ar-prior,second-upsampler; 2345 ae,dae,vae,classifier; 3500 vqvae; 8000 gan; 3000 pixelcnn,\
    transformer,rnn
    training.batch_size: 128 clip,prior,ae,dae,vae,vqvae,classifier; 48 ar-prior; 256 hint; \
    32 decoder,upsampler; 8 second-upsampler; 64 gan,pixelcnn,transformer,rnn
    training.gradient_accumulation: 1 clip,prior,ar-prior,hint,decoder,upsampler,second-upsampler,\
    ae,dae,vae,vqvae,classifier,gan,pixelcnn,transformer,rnn
    training.learning_rate: 0.001 clip,upsampler,second-upsampler,ae,dae,vae,vqvae,classifier,\
    pixelcnn,transformer; 0.0004 prior; 0.0008 ar-prior; 0.0015 hint; 0.0006 decoder; 0.0002 gan; \
    0.002 rnn
    training.warm_up_steps: 60 clip; 500 prior; 100 hint,ae,dae,vae,vqvae,classifier,\
    pixelcnn,transformer,rnn; 200 ar-prior,decoder,upsampler,second-upsampler; 0 gan
    training.schedule: cosine clip,prior,ar-prior,hint,decoder,upsampler,second-upsampler,ae,dae,\
    vae,vqvae,classifier,gan,pixelcnn,transformer,rnn
    training.final_learning_rate: 1e-05 clip,prior,ar-prior,decoder,ae,dae,vae,vqvae,classifier,\
    gan,pixelcnn,transformer,rnn; 1e-06 hint; 2e-05 upsampler,second-upsampler
    training.weight_decay: 0.1 clip; 0.06 prior,ar-prior; 0.01 hint,decoder,classifier,\
    transformer; 0 upsampler,second-upsampler,ae,dae,vae,vqvae,gan,pixelcnn,rnn
    training.betas: [0.9, 0.98] clip; [0.9, 0.96] prior,ar-prior; [0.9, 0.99] hint,decoder,\
    upsampler,second-upsampler; [0.9, 0.999] ae,dae,vae,vqvae,classifier,pixelcnn,rnn; [0.5, \
    0.999] gan; [0.9, 0.95] transformer
    training.epsilon: 1e-06 clip,prior,ar-prior; 1e-08 hint,decoder,upsampler,second-upsampler,ae,\
    dae,vae,vqvae,classifier,gan,pixelcnn,transformer,rnn
    training.max_gradient_norm: 1 clip,prior,ar-prior,hint,decoder,upsampler,second-upsampler,ae,\
    dae,vqvae,classifier,pixelcnn,transformer,rnn; 1000 vae; 1000000 gan
    training.ema_decay: 0.995 clip,ae,dae,vae,vqvae,classifier,pixelcnn,transformer,rnn; 0.999 \
    prior,ar-prior,hint,decoder,upsampler,second-upsampler,gan
    training.ema_warm_up_power: 0.75 clip,prior,ar-prior,hint,decoder,upsampler,second-upsampler,\
    ae,dae,vae,vqvae,classifier,gan,pixelcnn,transformer,rnn
    training.precision: float32 clip,prior,ar-prior,hint,decoder,upsampler,second-upsampler,ae,\
    dae,vae,vqvae,classifier,gan,pixelcnn,transformer,rnn
    training.seed: 0 clip,prior,ar-prior,hint,decoder,upsampler,second-upsampler,ae,dae,vae,vqvae,\
    classifier,gan,pixelcnn,transformer,rnn
    training.log_every_steps: 20 clip; 100 prior,ar-prior,hint; 50 decoder,upsampler,\
    second-upsampler,ae,dae,vae,vqvae,classifier,gan,pixelcnn,transformer,rnn
    training.sample_every_steps: 250 clip; 2000 prior,upsampler; 1000 ar-prior,hint,decoder,\
    second-upsampler,ae,dae,vae,classifier,gan,pixelcnn,transformer,rnn; 500 vqvae
    training.checkpoint_every_steps: 0 clip,prior,ar-prior,hint,decoder,upsampler,\
    second-upsampler,ae,dae,vae,vqvae,classifier,gan,pixelcnn,transformer,rnn
    training.checkpoint_every_seconds: 180 clip,prior,ar-prior,hint,decoder,ae,dae,vae,vqvae,\
    classifier,gan,pixelcnn,transformer,rnn; 240 upsampler,second-upsampler
    training.keep_checkpoints: 2 clip,prior,ar-prior,hint,decoder,upsampler,second-upsampler,ae,\
    dae,vae,vqvae,classifier,gan,pixelcnn,transformer,rnn
    training.threads: 0 clip,prior,ar-prior,hint,decoder,upsampler,second-upsampler,ae,dae,vae,\
    vqvae,classifier,gan,pixelcnn,transformer,rnn
    data.workers: 1 tokenizer,clip,prior,ar-prior,hint,decoder,upsampler,second-upsampler,ae,dae,\
    vae,vqvae,classifier,gan,pixelcnn,transformer,rnn
    data.prefetch: 4 tokenizer,clip,prior,ar-prior,hint,decoder,upsampler,ae,dae,vae,vqvae,\
    classifier,gan,pixelcnn,transformer,rnn; 2 second-upsampler
    data.scene_fraction: 0.15 tokenizer; 0.05 clip,prior,ar-prior,upsampler; 0.03 hint,decoder; 0 \
    second-upsampler,ae,dae,vae,vqvae,classifier,gan,pixelcnn,transformer,rnn
    data.shape_fraction: 0.05 tokenizer,clip,ar-prior,decoder; 0.08 prior,hint; 0.02 upsampler; 0 \
    second-upsampler,ae,dae,vae,vqvae,classifier,gan,pixelcnn,transformer,rnn
    data.held_out_fraction: 0 tokenizer; 0.02 clip,prior,ar-prior,hint,decoder,upsampler,\
    second-upsampler,ae,dae,vae,vqvae,classifier,gan,pixelcnn,transformer,rnn
    data.core_only: false tokenizer,second-upsampler,ae,dae,vae,vqvae,classifier,gan,pixelcnn,\
    transformer,rnn; true clip,prior,ar-prior,hint,decoder,upsampler
    data.minimum_side: 0 tokenizer,clip,prior,ar-prior,hint,decoder,ae,dae,vae,vqvae,classifier,\
    gan,pixelcnn,transformer,rnn; 256 upsampler; 1024 second-upsampler
    data.source_weights: {} tokenizer,upsampler,second-upsampler,ae,dae,vae,vqvae,classifier,gan,\
    pixelcnn,transformer,rnn; {"openclipart": 0.2} clip,prior,ar-prior; {"openclipart": 0} hint,\
    decoder
    data.group_weights: {"People & Body": 0.5} tokenizer,upsampler; {"Activities": 0.6, \
    "Objects": 0.6, "People & Body": 0.2, "Symbols": 0.6} clip,prior,ar-prior; {"People & Body": \
    0.3} hint,decoder; {} second-upsampler,ae,dae,vae,vqvae,classifier,gan,pixelcnn,transformer,\
    rnn
    data.smallest_scale: 0.86 tokenizer,upsampler; 0.94 clip,prior,ar-prior; 0.98 hint,decoder; 1 \
    second-upsampler,ae,dae,vae,vqvae,classifier,gan,pixelcnn,transformer,rnn
    data.shift: 0.02 tokenizer,upsampler; 0.01 clip,prior,ar-prior; 0 hint,decoder,\
    second-upsampler,ae,dae,vae,vqvae,classifier,gan,pixelcnn,transformer,rnn
    data.flip_fraction: 0.5 tokenizer,upsampler,second-upsampler,classifier; 0 clip,prior,\
    ar-prior,hint,decoder,ae,dae,vae,vqvae,gan,pixelcnn,transformer,rnn
    data.colored_background_fraction: 0.06 tokenizer,upsampler,second-upsampler; 0.03 clip,prior,\
    ar-prior; 0 hint,decoder,ae,dae,vae,vqvae,classifier,gan,pixelcnn,transformer,rnn
    vocabulary_size: 2048 tokenizer
    context_length: 32 tokenizer
    minimum_count: 2 tokenizer
    captions: 60000 tokenizer
    seed: 0 tokenizer
    objective.evaluation_count: 256 clip; 64 prior,ar-prior,hint; 10000 ae,dae,vae,vqvae,\
    classifier,pixelcnn,transformer,rnn; 1000 gan
    objective.embedding_batches: 512 prior,ar-prior; 48 hint; 256 decoder
    objective.text_drop_rate: 0.1 prior,ar-prior; 0.3 hint,decoder
    objective.reconstruction_error: 0.01 ar-prior
    objective.image_drop_rate: 0.1 hint,decoder
    objective.embedding_noise: 0.3 hint
    objective.drawn_embeddings.fraction: 0.5 hint,decoder
    objective.drawn_embeddings.steps: 13 hint,decoder
    objective.drawn_embeddings.guidance: 2 hint,decoder
    objective.weighting.rule: truncated_snr decoder,upsampler,second-upsampler
    objective.weighting.gamma: 5 decoder,upsampler,second-upsampler
    objective.statistics_batches: 32 prior; 64 ar-prior
    objective.sample_steps: 25 prior; 13 decoder; 2 upsampler; 1 second-upsampler
    objective.sample_guidance: 1 prior,ar-prior,decoder
    objective.image_size: 256 upsampler; 1024 second-upsampler
    objective.crop_size: 64 upsampler; 256 second-upsampler
    objective.condition_noise: 0.08 upsampler; 0 second-upsampler
    objective.degradation: blur upsampler; bsr_light second-upsampler
    objective.clean_fraction: 0.5 upsampler; 0.25 second-upsampler
    objective.locks_images: false clip
    objective.loss: non_saturating gan
    objective.generator_period: 1 gan
    objective.gradient_penalty: 0 gan
    objective.discriminator_rate_scale: 1 gan
    objective.condition_drop_rate: 0.1 pixelcnn,transformer,rnn
    objective.sample_temperature: 1 ar-prior,pixelcnn,transformer,rnn
    model.text.vocab_size: 2048 clip
    model.text.eos_token_id: 2 clip
    model.text.max_position_embeddings: 32 clip
    model.text.hidden_size: 192 clip
    model.vision.hidden_size: 192 clip
    model.text.intermediate_size: 768 clip
    model.vision.intermediate_size: 768 clip
    model.text.num_hidden_layers: 3 clip
    model.vision.num_hidden_layers: 4 clip
    model.text.num_attention_heads: 4 clip
    model.vision.num_attention_heads: 4 clip
    model.text.hidden_act: quick_gelu clip
    model.vision.hidden_act: quick_gelu clip
    model.text.layer_norm_eps: 1e-05 clip
    model.vision.layer_norm_eps: 1e-05 clip
    model.text.projection_dim: 192 clip
    model.vision.projection_dim: 192 clip
    model.vision.image_size: 64 clip
    model.vision.patch_size: 16 clip
    model.transformer.embedding_dim: 192 prior,ar-prior
    model.transformer.num_embeddings: 32 prior,ar-prior
    model.transformer.num_components: 0 ar-prior
    model.transformer.num_buckets: 64 ar-prior
    model.transformer.additional_embeddings: 4 prior
    model.transformer.num_attention_heads: 4 prior,ar-prior
    model.transformer.attention_head_dim: 48 prior,ar-prior
    model.transformer.num_layers: 4 prior,ar-prior
    model.transformer.dropout: 0 prior; 0.1 ar-prior
    model.unet.dropout: 0 decoder,upsampler,second-upsampler
    model.hint.clip_embeddings_dim: 192 hint
    model.hint.hidden_size: 768 hint
    model.hint.num_layers: 2 hint
    model.hint.sample_size: 32 hint
    model.unet.sample_size: 64 decoder; 256 upsampler; 1024 second-upsampler
    model.unet.patch_size: 4 decoder,second-upsampler; 2 upsampler
    model.unet.in_channels: 96 decoder,second-upsampler; 24 upsampler
    model.unet.out_channels: 48 decoder,second-upsampler; 12 upsampler
    model.unet.adds_condition: true decoder,upsampler,second-upsampler
    model.unet.block_out_channels: [64, 96, 96] decoder; [16, 24] upsampler; [40, 56] \
    second-upsampler
    model.unet.down_block_types: [ResnetDownsampleBlock2D, SimpleCrossAttnDownBlock2D, \
    SimpleCrossAttnDownBlock2D] decoder; [ResnetDownsampleBlock2D, ResnetDownsampleBlock2D] \
    upsampler,second-upsampler
    model.unet.up_block_types: [SimpleCrossAttnUpBlock2D, SimpleCrossAttnUpBlock2D, \
    ResnetUpsampleBlock2D] decoder; [ResnetUpsampleBlock2D, ResnetUpsampleBlock2D] upsampler,\
    second-upsampler
    model.unet.layers_per_block: 1 decoder,upsampler,second-upsampler
    model.unet.attention_head_dim: 32 decoder; 8 upsampler,second-upsampler
    model.unet.cross_attention_dim: 128 decoder
    model.unet.class_embed_type: identity decoder
    model.unet.norm_num_groups: 8 decoder,upsampler,second-upsampler
    model.unet.norm_eps: 1e-05 decoder,upsampler,second-upsampler
    model.unet.resnet_time_scale_shift: scale_shift decoder,upsampler,second-upsampler
    model.scheduler._class_name: UnCLIPScheduler prior; DDIMScheduler decoder,upsampler,\
    second-upsampler
    model.scheduler.num_train_timesteps: 1000 prior,decoder,upsampler,second-upsampler
    model.scheduler.beta_schedule: squaredcos_cap_v2 prior,decoder,upsampler; linear \
    second-upsampler
    model.scheduler.beta_start: 0.0001 decoder,upsampler,second-upsampler
    model.scheduler.beta_end: 0.02 decoder,upsampler,second-upsampler
    model.scheduler.prediction_type: sample prior,decoder,upsampler,second-upsampler
    model.scheduler.variance_type: fixed_small_log prior
    model.scheduler.clip_sample: true prior,decoder,upsampler,second-upsampler
    model.scheduler.clip_sample_range: 5 prior; 1 decoder,upsampler,second-upsampler
    model.scheduler.thresholding: false decoder,upsampler,second-upsampler
    model.scheduler.dynamic_thresholding_ratio: 0.995 decoder,upsampler,second-upsampler
    model.scheduler.sample_max_value: 1 decoder,upsampler,second-upsampler
    model.scheduler.rescale_betas_zero_snr: false decoder,upsampler,second-upsampler
    model.scheduler.timestep_spacing: trailing decoder,upsampler,second-upsampler
    model.scheduler.set_alpha_to_one: true decoder,upsampler,second-upsampler
    model.scheduler.steps_offset: 0 decoder,upsampler,second-upsampler
    model.image_size: 28 ae,dae,vae; 32 vqvae,classifier,gan
    model.channels: 1 ae,dae,vae,vqvae,classifier,gan
    model.widths: [32, 64] ae,dae,vae; [48, 96] vqvae; [32, 64, 128] classifier,gan
    model.latent_dim: 32 ae,vae; 128 dae; 64 gan
    model.feature_dim: 128 classifier
    model.class_count: 10 classifier
    model.likelihood: bernoulli_binarized vae
    model.beta: 1 vae
    model.free_bits: 0 vae
    model.corruption.kind: gaussian dae
    model.corruption.amount: 0.5 dae
    model.corruption.patch: 1 dae
    model.discriminator_norm: batch gan
    model.residual_blocks: 2 vqvae
    model.residual_width: 32 vqvae
    model.quantizer.codebook_size: 2048 vqvae
    model.quantizer.code_dim: 64 vqvae
    model.quantizer.commitment: 0.25 vqvae
    model.quantizer.update: ema vqvae
    model.quantizer.decay: 0.99 vqvae
    model.quantizer.restart_after: 100 vqvae
    model.codes.codebook_size: 2048 pixelcnn,transformer,rnn
    model.codes.height: 8 pixelcnn,transformer,rnn
    model.codes.width: 8 pixelcnn,transformer,rnn
    model.codes.condition.kind: class pixelcnn,transformer,rnn
    model.codes.condition.size: 10 pixelcnn,transformer,rnn
    model.width: 64 pixelcnn; 128 transformer; 256 rnn
    model.layers: 8 pixelcnn
    model.depth: 4 transformer; 2 rnn
    model.heads: 4 transformer
    model.kernel: 5 pixelcnn
    model.output_width: 128 pixelcnn
    """
}
