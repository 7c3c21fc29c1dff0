#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
// jpeglib.h needs the two above.
#include <jerror.h>
#include <jpeglib.h>

#include "common.h"

// A progressive file may repeat scans without end, and each is a pass over all pixels. No real file
// has this many scans, or this many pixels in all of them.
enum { SCAN_LIMIT = 500 };
static const uint64_t SCANNED_LIMIT = (uint64_t)2 << 30;

// libjpeg's error block, followed by where to jump.
typedef struct {
  struct jpeg_error_mgr base;
  jmp_buf jump;
  char *message;
} job;

_Noreturn static void stop(j_common_ptr info, const char *text) {
  job *j = (job *)info->err;
  ci_fail(j->message, text);
  longjmp(j->jump, 1);
}

static void on_error(j_common_ptr info) {
  char text[JMSG_LENGTH_MAX];
  info->err->format_message(info, text);
  stop(info, text);
}

// Level -1 is a warning, higher levels are traces. Warnings that cost pixels are errors here.
static void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
      on_error(info);
      break;
    default:
      info->err->num_warnings++;
  }
}

static void on_output(j_common_ptr info) { (void)info; }

static void on_progress(j_common_ptr info) {
  j_decompress_ptr d = (j_decompress_ptr)info;
  uint64_t scans = (uint64_t)d->input_scan_number;
  if (scans > SCAN_LIMIT || scans * d->image_width * d->image_height > SCANNED_LIMIT)
    stop(info, "more scans than any honest file has");
}

static struct jpeg_error_mgr *handlers(job *j, char *message) {
  jpeg_std_error(&j->base);
  j->base.error_exit = on_error;
  j->base.emit_message = on_message;
  j->base.output_message = on_output;
  j->message = message;
  return &j->base;
}

// x * y / 255 to nearest.
static inline int scaled(int x, int y) {
  int t = x * y + 128;
  return ((t >> 8) + t) >> 8;
}

static void store_cmyk(const uint8_t *cmyk, uint8_t *rgb, uint32_t width) {
  for (uint32_t x = 0; x < width; x++, cmyk += 4, rgb += 3) {
    for (int c = 0; c < 3; c++) {
      int value = cmyk[3] - scaled(255 - cmyk[c], cmyk[3]);
      rgb[c] = (uint8_t)(value < 0 ? 0 : value);
    }
  }
}

static void decode(struct jpeg_decompress_struct *info, const uint8_t *data, size_t count,
                   uint32_t width, uint32_t height, int channels, uint8_t *pixels) {
  jpeg_mem_src(info, data, (unsigned long)count);
  jpeg_read_header(info, TRUE);
  if (info->image_width != width || info->image_height != height ||
      (info->num_components == 1) != (channels == 1))
    stop((j_common_ptr)info, "the header holds two sizes");
  int is_cmyk = info->num_components == 4;
  info->out_color_space = is_cmyk ? JCS_CMYK : channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress(info);
  size_t row = (size_t)width * (size_t)channels;
  JSAMPARRAY buffer = NULL;
  if (is_cmyk)
    buffer = info->mem->alloc_sarray((j_common_ptr)info, JPOOL_IMAGE, width * 4, 1);
  while (info->output_scanline < height) {
    uint8_t *line = pixels + info->output_scanline * row;
    jpeg_read_scanlines(info, is_cmyk ? buffer : (JSAMPARRAY)&line, 1);
    if (is_cmyk) store_cmyk(buffer[0], line, width);
  }
}

int ci_jpeg_decode(const uint8_t *data, size_t count, uint32_t width, uint32_t height, int channels,
                   uint8_t *pixels, char *message) {
  job j;
  struct jpeg_decompress_struct info = {0};
  struct jpeg_progress_mgr progress = {.progress_monitor = on_progress};
  info.err = handlers(&j, message);
  int failed = setjmp(j.jump);
  if (!failed) {
    jpeg_create_decompress(&info);
    info.progress = &progress;
    decode(&info, data, count, width, height, channels, pixels);
  }
  jpeg_destroy_decompress(&info);
  return failed;
}

static void encode(struct jpeg_compress_struct *info, const uint8_t *pixels, uint32_t width,
                   uint32_t height, int channels, int quality, int full_color) {
  info->image_width = width;
  info->image_height = height;
  info->input_components = channels;
  info->in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(info);
  jpeg_set_quality(info, quality, TRUE);
  if (channels == 3) {
    info->comp_info[0].h_samp_factor = full_color ? 1 : 2;
    info->comp_info[0].v_samp_factor = full_color ? 1 : 2;
  }
  jpeg_start_compress(info, TRUE);
  size_t row = (size_t)width * (size_t)channels;
  while (info->next_scanline < height) {
    JSAMPROW line = (JSAMPROW)(pixels + info->next_scanline * row);
    jpeg_write_scanlines(info, &line, 1);
  }
  jpeg_finish_compress(info);
}

int ci_jpeg_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels,
                   int quality, int full_color, ci_bytes *out, char *message) {
  job j;
  struct jpeg_compress_struct info = {0};
  unsigned char *bytes = NULL;
  unsigned long count = 0;
  *out = (ci_bytes){0};
  // The only fault a caller can cause; the destination below would leak on it.
  if (width > JPEG_MAX_DIMENSION || height > JPEG_MAX_DIMENSION)
    return ci_fail(message, "a side is over 65500 pixels");
  info.err = handlers(&j, message);
  int failed = setjmp(j.jump);
  if (!failed) {
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &bytes, &count);
    encode(&info, pixels, width, height, channels, quality, full_color);
  }
  jpeg_destroy_compress(&info);
  if (!failed) *out = (ci_bytes){bytes, count};
  return failed;
}
