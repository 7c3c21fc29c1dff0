// Images to and from bytes in memory, over libpng, libjpeg and libwebp.
//
// Each function returns 0, or non-zero with the library's own text in `message`, which holds
// CI_MESSAGE_SIZE bytes. No library jumps past this layer, and none prints. The caller reads the
// size from the file's header first and passes a buffer of `width * height * channels` bytes; a
// file whose decoder finds another size fails before a byte is written.
#ifndef CIMAGING_H
#define CIMAGING_H

#include <stddef.h>
#include <stdint.h>

#define CI_MESSAGE_SIZE 256

/// Bytes made here, freed by ci_bytes_free.
typedef struct {
  uint8_t *data;
  size_t count;
} ci_bytes;

void ci_bytes_free(ci_bytes *bytes);

/// One text of a PNG file. Keys are Latin-1; the value is UTF-8 if `is_utf8`, else Latin-1.
typedef struct {
  char *key;
  char *value;
  int is_utf8;
} ci_text;

/// Decodes to 8 bits: palettes are applied, 16-bit samples keep their high byte, gamma is ignored.
/// Alpha is made opaque or dropped where `channels` and the file disagree.
int ci_png_decode(const uint8_t *data, size_t count, uint32_t width, uint32_t height, int channels,
                  uint8_t *pixels, char *message);

/// Encodes 1 to 4 channels of 8 bits with `texts` before the pixels.
int ci_png_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels,
                  int compression, const ci_text *texts, int text_count, ci_bytes *out,
                  char *message);

/// Reads the texts of a PNG file, before and after the pixels; freed by ci_png_texts_free.
int ci_png_texts(const uint8_t *data, size_t count, ci_text **texts, int *text_count,
                 char *message);

void ci_png_texts_free(ci_text *texts, int text_count);

/// Decodes to grey (1) or RGB (3). CMYK and YCCK are read as Adobe writes them, inverted.
/// Missing or undecodable data fails; oddities that lose no pixel are ignored.
int ci_jpeg_decode(const uint8_t *data, size_t count, uint32_t width, uint32_t height, int channels,
                   uint8_t *pixels, char *message);

/// Encodes grey (1) or RGB (3), quality 1 to 100, colour at full or half (4:2:0) resolution.
int ci_jpeg_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels,
                   int quality, int full_color, ci_bytes *out, char *message);

/// Reads the header of a WebP file.
int ci_webp_header(const uint8_t *data, size_t count, uint32_t *width, uint32_t *height,
                   int *has_alpha, int *is_animated, char *message);

/// Decodes to RGB (3) or RGBA (4).
int ci_webp_decode(const uint8_t *data, size_t count, uint32_t width, uint32_t height, int channels,
                   uint8_t *pixels, char *message);

/// Encodes RGB (3) or RGBA (4). Lossless keeps colours under full transparency too.
int ci_webp_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels,
                   float quality, int lossless, ci_bytes *out, char *message);

#endif
