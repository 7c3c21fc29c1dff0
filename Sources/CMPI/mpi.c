#include "CMPI.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef UNCLIP_MPI

#include <mpi.h>
#include <time.h>

static MPI_Comm world;
static int rank = 0, size = 1;

bool cmpi_is_built(void) { return true; }

bool cmpi_start(void) {
  int provided = 0, started = 0;
  if (MPI_Initialized(&started) != MPI_SUCCESS) return false;
  if (!started && MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS) {
    return false;
  }
  // Messages of another library in this process cannot be taken for ours.
  if (MPI_Comm_dup(MPI_COMM_WORLD, &world) != MPI_SUCCESS) return false;
  MPI_Comm_set_errhandler(world, MPI_ERRORS_RETURN);
  return MPI_Comm_rank(world, &rank) == MPI_SUCCESS && MPI_Comm_size(world, &size) == MPI_SUCCESS;
}

void cmpi_end(void) {
  int ended = 0;
  if (MPI_Finalized(&ended) == MPI_SUCCESS && !ended) MPI_Finalize();
}

void cmpi_abort(int status) {
  MPI_Abort(world, status);
  abort();
}

int cmpi_rank(void) { return rank; }
int cmpi_size(void) { return size; }

/// Waits without taking a core from the ranks that still compute, of which one machine may have
/// several.
static int wait_for(MPI_Request *request) {
  long nanoseconds = 0;
  for (;;) {
    int done = 0;
    const int code = MPI_Test(request, &done, MPI_STATUS_IGNORE);
    if (code != MPI_SUCCESS || done) return code;
    if (nanoseconds > 0) {
      const struct timespec pause = {0, nanoseconds};
      nanosleep(&pause, NULL);
    }
    if (nanoseconds < 500000) nanoseconds += 1000;
  }
}

int cmpi_barrier(void) {
  MPI_Request request;
  const int code = MPI_Ibarrier(world, &request);
  return code != MPI_SUCCESS ? code : wait_for(&request);
}

int cmpi_broadcast(void *bytes, size_t count, int root) {
  const size_t most = 1 << 30;
  for (size_t start = 0; start < count; start += most) {
    const size_t part = count - start < most ? count - start : most;
    MPI_Request request;
    int code = MPI_Ibcast((char *)bytes + start, (int)part, MPI_BYTE, root, world, &request);
    if (code == MPI_SUCCESS) code = wait_for(&request);
    if (code != MPI_SUCCESS) return code;
  }
  return 0;
}

int cmpi_all_gather(
    const void *own, void *all, const int *counts, const int *offsets) {
  MPI_Request request;
  const int code = MPI_Iallgatherv(
      own, counts[rank], MPI_BYTE, all, counts, offsets, MPI_BYTE, world, &request);
  return code != MPI_SUCCESS ? code : wait_for(&request);
}

int cmpi_all_to_all(
    const void *send, const int *send_counts, const int *send_offsets, void *receive,
    const int *receive_counts, const int *receive_offsets) {
  MPI_Request request;
  const int code = MPI_Ialltoallv(
      send, send_counts, send_offsets, MPI_BYTE, receive, receive_counts, receive_offsets,
      MPI_BYTE, world, &request);
  return code != MPI_SUCCESS ? code : wait_for(&request);
}

void cmpi_error_text(int code, char *text, size_t count) {
  char full[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  if (MPI_Error_string(code, full, &length) != MPI_SUCCESS) full[0] = 0;
  snprintf(text, count, "%s", full);
}

#else

bool cmpi_is_built(void) { return false; }
bool cmpi_start(void) { return true; }
void cmpi_end(void) {}
void cmpi_abort(int status) { exit(status); }
int cmpi_rank(void) { return 0; }
int cmpi_size(void) { return 1; }
int cmpi_barrier(void) { return 0; }

int cmpi_broadcast(void *bytes, size_t count, int root) {
  return 0;
}

int cmpi_all_gather(
    const void *own, void *all, const int *counts, const int *offsets) {
  memcpy((char *)all + offsets[0], own, (size_t)counts[0]);
  return 0;
}

int cmpi_all_to_all(
    const void *send, const int *send_counts, const int *send_offsets, void *receive,
    const int *receive_counts, const int *receive_offsets) {
  memcpy(
      (char *)receive + receive_offsets[0], (const char *)send + send_offsets[0],
      (size_t)send_counts[0]);
  return 0;
}

void cmpi_error_text(int code, char *text, size_t count) { snprintf(text, count, "error %d", code); }

#endif
