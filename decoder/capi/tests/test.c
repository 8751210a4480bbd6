/* Opens the files that it is given and prints their items: sh capi/tests/run.sh builds and runs it. */
#include <stdio.h>
#include <stdlib.h>

#include "bitsback_decode.h"

static int show(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return 1;
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(size + 1);
    if (!bytes || fread(bytes, 1, size, file) != size) return 1;
    fclose(file);
    bitsback_archive *archive = bitsback_open(bytes, size);
    free(bytes);
    if (!archive) return 1;
    if (bitsback_error(archive)) printf("%s: %s\n", path, bitsback_error(archive));
    for (size_t i = 0; i < bitsback_count(archive); i++) {
        size_t length = bitsback_size(archive, i);
        uint8_t *out = malloc(length + 1);
        if (!out || bitsback_decode(archive, i, out, length) || !bitsback_decode(archive, i, out, length + 1)) return 1;
        uint32_t sum = 0;
        for (size_t k = 0; k < length; k++) sum = sum * 31 + out[k];
        printf("%s: %s %s [", path, bitsback_name(archive, i), bitsback_dtype(archive, i));
        for (size_t k = 0; k < bitsback_dimensions(archive, i); k++)
            printf("%s%llu", k ? ", " : "", (unsigned long long)bitsback_shape(archive, i)[k]);
        printf("] %08x\n", sum);
        free(out);
    }
    if (bitsback_name(archive, bitsback_count(archive))) return 1;
    bitsback_free(archive);
    return 0;
}

int main(int count, char **paths) {
    if (bitsback_count(NULL) || bitsback_error(NULL)) return 1;
    bitsback_free(NULL);
    for (int i = 1; i < count; i++)
        if (show(paths[i])) return fprintf(stderr, "%s failed\n", paths[i]), 1;
    return 0;
}
