// What Distribution needs of MPI: its life, and copies of bytes between processes.
//
// Sums are computed here from the values of all ranks, in the order of the ranks, so they do not depend
// on an implementation's algorithm. Without UNCLIP_MPI there is one rank.
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

/// A copy between all ranks that goes on while they compute: a thread lets MPI move it on. What it reads
/// and writes must stay where it is until it has ended.
typedef struct cmpi_copy cmpi_copy;

/// Copies of one lane must begin in one order on every rank; those of different lanes need not.
enum { CMPI_LANES = 3 };

/// Begins to gather counts[r] units of 1 or 4 bytes from each rank r at offsets[r] of `all`, on every
/// rank.
int cmpi_begin_all_gather(
    int lane, size_t unit, const void *own, void *all, const int *counts, const int *offsets,
    cmpi_copy *_Nullable *_Nonnull copy);
/// Begins to send send_counts[r] units to each rank r, and to receive receive_counts[r] from it.
int cmpi_begin_all_to_all(
    int lane, size_t unit, const void *send, const int *send_counts, const int *send_offsets,
    void *receive, const int *receive_counts, const int *receive_offsets,
    cmpi_copy *_Nullable *_Nonnull copy);
/// Goes on with all copies, and tells whether this one has ended, which releases it.
int cmpi_test(cmpi_copy *copy, bool *ended);
/// Waits for a copy and releases it.
int cmpi_finish(cmpi_copy *copy);

/// Adds `count` lists of `length` numbers, one after another in `parts`, in their order and in double
/// precision.
void cmpi_add_floats(const void *parts, size_t count, size_t length, void *sum);
void cmpi_add_doubles(const void *parts, size_t count, size_t length, void *sum);

/// Writes the text of an error code.
void cmpi_error_text(int code, char *text, size_t size);

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif
