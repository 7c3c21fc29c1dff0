#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

// The most memory that one text may unpack to, and all texts of a file together.
enum { CHUNK_LIMIT = 4 << 20, TEXTS_LIMIT = 32 << 20 };

// The state of one call.
typedef struct {
  jmp_buf jump;
  char *message;
  const uint8_t *data;
  size_t left;
  ci_bytes *out;
  size_t capacity;
  // Bytes that texts may still take; freed blocks are not returned to it.
  size_t memory_left;
} job;

static void on_error(png_structp png, png_const_charp text) {
  job *j = png_get_error_ptr(png);
  ci_fail(j->message, text);
  longjmp(j->jump, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void on_read(png_structp png, png_bytep bytes, size_t count) {
  job *j = png_get_io_ptr(png);
  if (count > j->left) png_error(png, "the file ends early");
  memcpy(bytes, j->data, count);
  j->data += count;
  j->left -= count;
}

static void on_write(png_structp png, png_bytep bytes, size_t count) {
  job *j = png_get_io_ptr(png);
  if (count > j->capacity - j->out->count) {
    size_t capacity = j->capacity * 2 + count + 4096;
    uint8_t *grown = realloc(j->out->data, capacity);
    if (!grown) png_error(png, "out of memory");
    j->out->data = grown;
    j->capacity = capacity;
  }
  memcpy(j->out->data + j->out->count, bytes, count);
  j->out->count += count;
}

static void on_flush(png_structp png) { (void)png; }

// libpng limits each text but not their sum, and silently drops what it cannot allocate.
static png_voidp on_malloc(png_structp png, png_alloc_size_t size) {
  job *j = png_get_mem_ptr(png);
  if (size > j->memory_left) png_error(png, "its texts are longer than any program writes");
  j->memory_left -= size;
  return malloc(size);
}

static void on_free(png_structp png, png_voidp block) {
  (void)png;
  free(block);
}

static png_structp reader(job *j) {
  png_structp png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, j, on_error, on_warning, j,
                                             on_malloc, on_free);
  if (png) {
    png_set_read_fn(png, j, on_read);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_chunk_malloc_max(png, CHUNK_LIMIT);
  }
  return png;
}

static void decode(png_structp png, png_infop info, uint32_t width, uint32_t height, int channels,
                   uint8_t *pixels) {
  // All chunks but IHDR, PLTE, tRNS, IDAT and IEND are skipped.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  png_read_info(png, info);
  if (png_get_image_width(png, info) != width || png_get_image_height(png, info) != height)
    png_error(png, "the header holds two sizes");
  int color = png_get_color_type(png, info);
  int file_has_alpha =
      (color & PNG_COLOR_MASK_ALPHA) != 0 || png_get_valid(png, info, PNG_INFO_tRNS) != 0;
  int want_alpha = channels == 2 || channels == 4;
  png_set_expand(png);
  png_set_strip_16(png);
  if (file_has_alpha && !want_alpha) png_set_strip_alpha(png);
  if (!file_has_alpha && want_alpha) png_set_add_alpha(png, 0xFF, PNG_FILLER_AFTER);
  int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  size_t row = (size_t)width * (size_t)channels;
  if (png_get_rowbytes(png, info) != row) png_error(png, "the header holds two colour types");
  for (int pass = 0; pass < passes; pass++)
    for (uint32_t y = 0; y < height; y++) png_read_row(png, pixels + y * row, NULL);
  png_read_end(png, NULL);
}

int ci_png_decode(const uint8_t *data, size_t count, uint32_t width, uint32_t height, int channels,
                  uint8_t *pixels, char *message) {
  job j = {.message = message, .data = data, .left = count, .memory_left = SIZE_MAX};
  png_structp png = reader(&j);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    png_destroy_read_struct(&png, NULL, NULL);
    return ci_fail(message, "out of memory");
  }
  int failed = setjmp(j.jump);
  if (!failed) decode(png, info, width, height, channels, pixels);
  png_destroy_read_struct(&png, &info, NULL);
  return failed;
}

static void encode(png_structp png, png_infop info, const uint8_t *pixels, uint32_t width,
                   uint32_t height, int channels, int compression, const ci_text *texts,
                   int text_count) {
  static const int colors[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                               PNG_COLOR_TYPE_RGB_ALPHA};
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_compression_level(png, compression);
  png_set_IHDR(png, info, width, height, 8, colors[channels - 1], PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
  for (int i = 0; i < text_count; i++) {
    png_text text = {0};
    text.compression = texts[i].is_utf8 ? PNG_ITXT_COMPRESSION_NONE : PNG_TEXT_COMPRESSION_NONE;
    text.key = texts[i].key;
    text.text = texts[i].value;
    text.text_length = strlen(texts[i].value);
    png_set_text(png, info, &text, 1);
  }
  png_write_info(png, info);
  size_t row = (size_t)width * (size_t)channels;
  for (uint32_t y = 0; y < height; y++) png_write_row(png, pixels + y * row);
  png_write_end(png, NULL);
}

int ci_png_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels,
                  int compression, const ci_text *texts, int text_count, ci_bytes *out,
                  char *message) {
  job j = {.message = message, .out = out};
  *out = (ci_bytes){0};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &j, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    png_destroy_write_struct(&png, NULL);
    return ci_fail(message, "out of memory");
  }
  png_set_write_fn(png, &j, on_write, on_flush);
  int failed = setjmp(j.jump);
  if (!failed)
    encode(png, info, pixels, width, height, channels, compression, texts, text_count);
  png_destroy_write_struct(&png, &info);
  if (failed) ci_bytes_free(out);
  return failed;
}

// Texts may follow the pixels, and libpng can only get there by decoding them.
static void skip_pixels(png_structp png, png_infop info, uint8_t *volatile *row) {
  job *j = png_get_mem_ptr(png);
  size_t left = j->memory_left;
  j->memory_left = SIZE_MAX;
  int passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  *row = malloc(png_get_rowbytes(png, info));
  if (!*row) png_error(png, "out of memory");
  uint32_t height = png_get_image_height(png, info);
  for (int pass = 0; pass < passes; pass++)
    for (uint32_t y = 0; y < height; y++) png_read_row(png, *row, NULL);
  j->memory_left = left;
}

static void read_texts(png_structp png, png_infop info, uint8_t *volatile *row, ci_text **texts,
                       int *text_count) {
  png_read_info(png, info);
  skip_pixels(png, info, row);
  png_read_end(png, info);
  png_textp found = NULL;
  int count = png_get_text(png, info, &found, NULL);
  if (count == 0) return;
  *texts = calloc((size_t)count, sizeof(ci_text));
  if (!*texts) png_error(png, "out of memory");
  *text_count = count;
  for (int i = 0; i < count; i++) {
    ci_text *text = &(*texts)[i];
    text->is_utf8 = found[i].compression >= PNG_ITXT_COMPRESSION_NONE;
    text->key = strdup(found[i].key);
    text->value = strdup(found[i].text ? found[i].text : "");
    if (!text->key || !text->value) png_error(png, "out of memory");
  }
}

int ci_png_texts(const uint8_t *data, size_t count, ci_text **texts, int *text_count,
                 char *message) {
  job j = {.message = message, .data = data, .left = count, .memory_left = TEXTS_LIMIT};
  uint8_t *volatile row = NULL;
  *texts = NULL;
  *text_count = 0;
  png_structp png = reader(&j);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    png_destroy_read_struct(&png, NULL, NULL);
    return ci_fail(message, "out of memory");
  }
  int failed = setjmp(j.jump);
  if (!failed) read_texts(png, info, &row, texts, text_count);
  png_destroy_read_struct(&png, &info, NULL);
  free(row);
  if (failed) {
    ci_png_texts_free(*texts, *text_count);
    *texts = NULL;
    *text_count = 0;
  }
  return failed;
}

void ci_png_texts_free(ci_text *texts, int text_count) {
  for (int i = 0; i < text_count; i++) {
    free(texts[i].key);
    free(texts[i].value);
  }
  free(texts);
}
