/* Decodes bitsback archives and blocks alone from memory.
 *
 *     bitsback_archive *archive = bitsback_open(bytes, size);
 *     if (bitsback_error(archive)) ...            the error, or NULL
 *     for (i = 0; i < bitsback_count(archive); i++) ...
 *     bitsback_free(archive);
 *
 * An archive is decoded when it is opened. Its items are its arrays: one of an array (all its elements), one for each
 * array of an npz file, one for each picture or page, and the bytes of each other file, of the dtype "|u1".
 * Items are numbered in the archive's order. No function takes ownership of its arguments but bitsback_free, and what
 * they return lives as long as the archive. An archive may be used by several threads at once, until it is freed.
 */
#ifndef BITSBACK_DECODE_H
#define BITSBACK_DECODE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bitsback_archive bitsback_archive;

/* Opens an archive or a block alone. Never NULL unless memory is short; see bitsback_error. */
bitsback_archive *bitsback_open(const uint8_t *bytes, size_t size);

/* What is wrong with the archive, in one line of UTF-8, or NULL if nothing is. */
const char *bitsback_error(const bitsback_archive *archive);

/* The number of items; 0 after an error. */
size_t bitsback_count(const bitsback_archive *archive);

/* The name of an item in UTF-8, empty where it has none; NULL if there is no such item. */
const char *bitsback_name(const bitsback_archive *archive, size_t item);

/* NumPy's type string of an item, as "<u2"; NULL if there is no such item. */
const char *bitsback_dtype(const bitsback_archive *archive, size_t item);

/* The number of dimensions of an item, and where they stand; 0 and NULL if there is no such item. */
size_t bitsback_dimensions(const bitsback_archive *archive, size_t item);
const uint64_t *bitsback_shape(const bitsback_archive *archive, size_t item);

/* The number of bytes of an item. */
size_t bitsback_size(const bitsback_archive *archive, size_t item);

/* Copies the elements of an item, in C order. Gives 0, or -1 if there is no such item or `size` is not its size. */
int bitsback_decode(const bitsback_archive *archive, size_t item, uint8_t *out, size_t size);

/* Frees an archive; NULL is let pass. */
void bitsback_free(bitsback_archive *archive);

#ifdef __cplusplus
}
#endif

#endif
