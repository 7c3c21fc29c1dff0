// What Distribution needs of MPI: its life, and copies of bytes between processes.
//
// Sums are computed by the caller from the bytes of all ranks, in the order of the ranks, so they do
// not depend on an implementation's algorithm. Without UNCLIP_MPI there is one rank.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma clang assume_nonnull begin

/// Whether this was built with MPI.
bool cmpi_is_built(void);
/// Starts MPI, once in a process, so that its errors are returned; false if it cannot start.
bool cmpi_start(void);
/// Ends MPI; every rank must call it.
void cmpi_end(void);
/// Ends every process of the run at once.
_Noreturn void cmpi_abort(int status);
int cmpi_rank(void);
int cmpi_size(void);

// The calls below return 0, or an MPI error code.

/// Waits for every rank.
int cmpi_barrier(void);
/// Copies bytes of the root to all.
int cmpi_broadcast(void *bytes, size_t count, int root);
/// Gathers counts[r] bytes from each rank r at offsets[r] of `all`, on every rank.
int cmpi_all_gather(
    const void *own, void *all, const int *counts, const int *offsets);
/// Sends send_counts[r] bytes to each rank r, and receives receive_counts[r] from it.
int cmpi_all_to_all(
    const void *send, const int *send_counts, const int *send_offsets, void *receive,
    const int *receive_counts, const int *receive_offsets);
/// Writes the text of an error code.
void cmpi_error_text(int code, char *text, size_t size);

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif
