#include <stdlib.h>
#include <webp/decode.h>
#include <webp/encode.h>

#include "common.h"

static const char *status_text(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OK: return "no error";
    case VP8_STATUS_OUT_OF_MEMORY: return "out of memory";
    case VP8_STATUS_INVALID_PARAM: return "invalid parameter";
    case VP8_STATUS_BITSTREAM_ERROR: return "corrupt data";
    case VP8_STATUS_UNSUPPORTED_FEATURE: return "unsupported feature";
    case VP8_STATUS_USER_ABORT: return "aborted";
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA: return "the file ends early";
  }
  return "unknown error";
}

static const char *encoder_text(WebPEncodingError error) {
  switch (error) {
    case VP8_ENC_ERROR_OUT_OF_MEMORY:
    case VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY: return "out of memory";
    case VP8_ENC_ERROR_BAD_DIMENSION: return "a side is over 16383 pixels";
    case VP8_ENC_ERROR_PARTITION0_OVERFLOW:
    case VP8_ENC_ERROR_PARTITION_OVERFLOW:
    case VP8_ENC_ERROR_FILE_TOO_BIG: return "the image is too big";
    default: return "the encoder failed";
  }
}

int ci_webp_header(const uint8_t *data, size_t count, uint32_t *width, uint32_t *height,
                   int *has_alpha, int *is_animated, char *message) {
  WebPBitstreamFeatures features;
  VP8StatusCode status = WebPGetFeatures(data, count, &features);
  if (status != VP8_STATUS_OK) return ci_fail(message, status_text(status));
  *width = (uint32_t)features.width;
  *height = (uint32_t)features.height;
  *has_alpha = features.has_alpha;
  *is_animated = features.has_animation;
  return 0;
}

int ci_webp_decode(const uint8_t *data, size_t count, uint32_t width, uint32_t height, int channels,
                   uint8_t *pixels, char *message) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return ci_fail(message, "another version of libwebp");
  VP8StatusCode status = WebPGetFeatures(data, count, &config.input);
  if (status != VP8_STATUS_OK) return ci_fail(message, status_text(status));
  if ((uint32_t)config.input.width != width || (uint32_t)config.input.height != height)
    return ci_fail(message, "the header holds two sizes");
  config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = pixels;
  config.output.u.RGBA.stride = (int)width * channels;
  config.output.u.RGBA.size = (size_t)width * height * (size_t)channels;
  status = WebPDecode(data, count, &config);
  WebPFreeDecBuffer(&config.output);
  return status == VP8_STATUS_OK ? 0 : ci_fail(message, status_text(status));
}

int ci_webp_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels,
                   float quality, int lossless, ci_bytes *out, char *message) {
  WebPConfig config;
  WebPPicture image;
  WebPMemoryWriter writer;
  *out = (ci_bytes){0};
  if (!WebPConfigPreset(&config, WEBP_PRESET_DEFAULT, quality) || !WebPPictureInit(&image))
    return ci_fail(message, "another version of libwebp");
  if (lossless) {
    WebPConfigLosslessPreset(&config, 6);
    config.exact = 1;
  }
  image.use_argb = lossless;
  image.width = (int)width;
  image.height = (int)height;
  int stride = (int)width * channels;
  if (width > WEBP_MAX_DIMENSION || height > WEBP_MAX_DIMENSION)
    return ci_fail(message, encoder_text(VP8_ENC_ERROR_BAD_DIMENSION));
  WebPMemoryWriterInit(&writer);
  image.writer = WebPMemoryWrite;
  image.custom_ptr = &writer;
  int ok = channels == 4 ? WebPPictureImportRGBA(&image, pixels, stride)
                         : WebPPictureImportRGB(&image, pixels, stride);
  ok = ok && WebPEncode(&config, &image);
  WebPEncodingError error = image.error_code;
  WebPPictureFree(&image);
  if (!ok) {
    WebPMemoryWriterClear(&writer);
    return ci_fail(message, encoder_text(error));
  }
  // The writer's block comes from libwebp's malloc, which is the C one.
  *out = (ci_bytes){writer.mem, writer.size};
  return 0;
}
