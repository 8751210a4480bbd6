/* Decodes bitsback archives and blocks alone from memory.
 *
 *     bitsback_archive *archive = bitsback_open(bytes, size);
 *     if (bitsback_error(archive)) ...            the error, or NULL
 *     for (i = 0; i < bitsback_count(archive); i++) ...
 *     bitsback_free(archive);
 *
 * bitsback_open decodes the archive. Its items are arrays: one for an array (all its elements), one for each array of
 * an npz file, one for each picture or page, and the bytes of each other file, with the dtype "|u1".
 * Items are numbered in the archive's order. Only bitsback_free takes ownership of its argument. Returned pointers are
 * valid until the archive is freed. Several threads may use an archive at once.
 */
#ifndef BITSBACK_DECODE_H
#define BITSBACK_DECODE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bitsback_archive bitsback_archive;

/* Opens an archive or a block alone. NULL only if memory is short; see bitsback_error. */
bitsback_archive *bitsback_open(const uint8_t *bytes, size_t size);

/* The error message of the archive, one line of UTF-8, or NULL without an error. */
const char *bitsback_error(const bitsback_archive *archive);

/* The number of items; 0 after an error. */
size_t bitsback_count(const bitsback_archive *archive);

/* The name of an item in UTF-8, empty if it has none; NULL if there is no such item. */
const char *bitsback_name(const bitsback_archive *archive, size_t item);

/* NumPy's type string of an item, such as "<u2"; NULL if there is no such item. */
const char *bitsback_dtype(const bitsback_archive *archive, size_t item);

/* The number of dimensions of an item, and a pointer to them; 0 and NULL if there is no such item. */
size_t bitsback_dimensions(const bitsback_archive *archive, size_t item);
const uint64_t *bitsback_shape(const bitsback_archive *archive, size_t item);

/* The number of bytes of an item. */
size_t bitsback_size(const bitsback_archive *archive, size_t item);

/* Copies the elements of an item, in C order. Returns 0, or -1 if there is no such item or `size` is not its size. */
int bitsback_decode(const bitsback_archive *archive, size_t item, uint8_t *out, size_t size);

/* Frees an archive; NULL is ignored. */
void bitsback_free(bitsback_archive *archive);

#ifdef __cplusplus
}
#endif

#endif
