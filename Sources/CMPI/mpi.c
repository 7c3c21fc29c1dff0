#include "CMPI.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef UNCLIP_MPI

#include <mpi.h>
#include <pthread.h>
#include <time.h>

/// One of each lane.
static MPI_Comm lanes[CMPI_LANES];
#define world lanes[0]
static int rank = 0, size = 1;

/// MPI is called by one thread at a time.
static pthread_mutex_t calling = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_t mover;
static bool has_mover = false, is_ending = false;
/// How many copies go on while their process computes.
static int open_copies = 0;

static void pause_for(long nanoseconds) {
  const struct timespec pause = {0, nanoseconds};
  nanosleep(&pause, NULL);
}

/// Moves copies on, which MPI does only when it is called, while the process computes.
static void *move_copies(void *none) {
  pthread_mutex_lock(&calling);
  while (!is_ending) {
    if (open_copies == 0) {
      pthread_cond_wait(&changed, &calling);
      continue;
    }
    int found = 0;
    MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, world, &found, MPI_STATUS_IGNORE);
    pthread_mutex_unlock(&calling);
    pause_for(200000);
    pthread_mutex_lock(&calling);
  }
  pthread_mutex_unlock(&calling);
  return none;
}

bool cmpi_is_built(void) { return true; }

bool cmpi_start(void) {
  int provided = 0, started = 0;
  if (MPI_Initialized(&started) != MPI_SUCCESS) return false;
  if (!started && MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS) {
    return false;
  }
  // Messages of another library in this process cannot be taken for ours.
  for (int lane = 0; lane < CMPI_LANES; lane++) {
    if (MPI_Comm_dup(MPI_COMM_WORLD, &lanes[lane]) != MPI_SUCCESS) return false;
    MPI_Comm_set_errhandler(lanes[lane], MPI_ERRORS_RETURN);
  }
  if (MPI_Comm_rank(world, &rank) != MPI_SUCCESS || MPI_Comm_size(world, &size) != MPI_SUCCESS) {
    return false;
  }
  // Without threads in MPI, copies go on at the calls of their process alone.
  if (MPI_Query_thread(&provided) == MPI_SUCCESS && provided >= MPI_THREAD_SERIALIZED) {
    has_mover = pthread_create(&mover, NULL, move_copies, NULL) == 0;
  }
  return true;
}

void cmpi_end(void) {
  if (has_mover) {
    pthread_mutex_lock(&calling);
    is_ending = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&calling);
    pthread_join(mover, NULL);
    has_mover = false;
  }
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
    pthread_mutex_lock(&calling);
    const int code = MPI_Test(request, &done, MPI_STATUS_IGNORE);
    pthread_mutex_unlock(&calling);
    if (code != MPI_SUCCESS || done) return code;
    if (nanoseconds > 0) pause_for(nanoseconds);
    if (nanoseconds < 500000) nanoseconds += 1000;
  }
}

int cmpi_barrier(void) {
  MPI_Request request;
  pthread_mutex_lock(&calling);
  const int code = MPI_Ibarrier(world, &request);
  pthread_mutex_unlock(&calling);
  return code != MPI_SUCCESS ? code : wait_for(&request);
}

int cmpi_broadcast(void *bytes, size_t count, int root) {
  const size_t most = 1 << 30;
  for (size_t start = 0; start < count; start += most) {
    const size_t part = count - start < most ? count - start : most;
    MPI_Request request;
    pthread_mutex_lock(&calling);
    int code = MPI_Ibcast((char *)bytes + start, (int)part, MPI_BYTE, root, world, &request);
    pthread_mutex_unlock(&calling);
    if (code == MPI_SUCCESS) code = wait_for(&request);
    if (code != MPI_SUCCESS) return code;
  }
  return 0;
}

/// A copy with the sizes that it was begun with, which MPI reads until it ends.
struct cmpi_copy {
  MPI_Request request;
  int sizes[];
};

/// Makes a copy of `count` lists of one number for each rank.
static cmpi_copy *copy_with(const int *const *lists, int count) {
  cmpi_copy *copy = malloc(sizeof(cmpi_copy) + sizeof(int) * (size_t)size * (size_t)count);
  if (!copy) return NULL;
  for (int list = 0; list < count; list++) {
    memcpy(copy->sizes + list * size, lists[list], sizeof(int) * (size_t)size);
  }
  return copy;
}

/// Hands over a copy that has begun, and lets others call MPI again.
static int begun(int code, cmpi_copy *copy, cmpi_copy **result) {
  if (code == MPI_SUCCESS) {
    *result = copy;
    open_copies++;
    pthread_cond_signal(&changed);
  }
  pthread_mutex_unlock(&calling);
  if (code != MPI_SUCCESS) free(copy);
  return code;
}

static void end_copy(cmpi_copy *copy) {
  pthread_mutex_lock(&calling);
  open_copies--;
  pthread_mutex_unlock(&calling);
  free(copy);
}

int cmpi_begin_all_gather(
    int lane, size_t unit, const void *own, void *all, const int *counts, const int *offsets,
    cmpi_copy **result) {
  const int *const lists[] = {counts, offsets};
  cmpi_copy *copy = copy_with(lists, 2);
  if (!copy) return MPI_ERR_NO_MEM;
  const int *sizes = copy->sizes;
  const MPI_Datatype type = unit == 4 ? MPI_FLOAT : MPI_BYTE;
  pthread_mutex_lock(&calling);
  return begun(
      MPI_Iallgatherv(
          own, sizes[rank], type, all, sizes, sizes + size, type, lanes[lane], &copy->request),
      copy, result);
}

int cmpi_begin_all_to_all(
    int lane, size_t unit, const void *send, const int *send_counts, const int *send_offsets,
    void *receive, const int *receive_counts, const int *receive_offsets, cmpi_copy **result) {
  const int *const lists[] = {send_counts, send_offsets, receive_counts, receive_offsets};
  cmpi_copy *copy = copy_with(lists, 4);
  if (!copy) return MPI_ERR_NO_MEM;
  const int *sizes = copy->sizes;
  const MPI_Datatype type = unit == 4 ? MPI_FLOAT : MPI_BYTE;
  pthread_mutex_lock(&calling);
  return begun(
      MPI_Ialltoallv(
          send, sizes, sizes + size, type, receive, sizes + 2 * size, sizes + 3 * size, type,
          lanes[lane], &copy->request),
      copy, result);
}

int cmpi_test(cmpi_copy *copy, bool *ended) {
  int done = 0;
  pthread_mutex_lock(&calling);
  const int code = MPI_Test(&copy->request, &done, MPI_STATUS_IGNORE);
  pthread_mutex_unlock(&calling);
  *ended = done;
  if (code != MPI_SUCCESS || done) end_copy(copy);
  return code;
}

int cmpi_finish(cmpi_copy *copy) {
  const int code = wait_for(&copy->request);
  end_copy(copy);
  return code;
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

struct cmpi_copy {
  char none;
};

static cmpi_copy alone;

int cmpi_begin_all_gather(
    int lane, size_t unit, const void *own, void *all, const int *counts, const int *offsets,
    cmpi_copy **result) {
  memcpy((char *)all + (size_t)offsets[0] * unit, own, (size_t)counts[0] * unit);
  *result = &alone;
  return 0;
}

int cmpi_begin_all_to_all(
    int lane, size_t unit, const void *send, const int *send_counts, const int *send_offsets,
    void *receive, const int *receive_counts, const int *receive_offsets, cmpi_copy **result) {
  memcpy(
      (char *)receive + (size_t)receive_offsets[0] * unit,
      (const char *)send + (size_t)send_offsets[0] * unit, (size_t)send_counts[0] * unit);
  *result = &alone;
  return 0;
}

int cmpi_test(cmpi_copy *copy, bool *ended) {
  *ended = true;
  return 0;
}

int cmpi_finish(cmpi_copy *copy) { return 0; }

void cmpi_error_text(int code, char *text, size_t count) { snprintf(text, count, "error %d", code); }

#endif

// A block of sums stays in the processor's cache while the parts are added.
#define ADD(TYPE)                                                                  \
  enum { block = 1024 };                                                           \
  double total[block];                                                             \
  for (size_t start = 0; start < length; start += block) {                         \
    const size_t most = length - start < block ? length - start : block;           \
    for (size_t i = 0; i < most; i++) total[i] = 0;                                \
    for (size_t part = 0; part < count; part++) {                                  \
      const TYPE *values = (const TYPE *)parts + part * length + start;            \
      for (size_t i = 0; i < most; i++) total[i] += (double)values[i];             \
    }                                                                              \
    for (size_t i = 0; i < most; i++) ((TYPE *)sum)[start + i] = (TYPE)total[i];   \
  }

void cmpi_add_floats(const void *parts, size_t count, size_t length, void *sum) { ADD(float) }
void cmpi_add_doubles(const void *parts, size_t count, size_t length, void *sum) { ADD(double) }
