// One rank of the all-reduce bench over Open MPI: SIZE COUNT pairs as arguments, one line of output
// each, as rank.cpp prints them.

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { kWarmUpCalls = 3 };
static const double kWarmUpSeconds = 0.1;

static int by_value(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static void time_calls(float* data, int elements, int count, int world, double* seconds) {
  for (int i = 0; i < count; ++i) {
    for (int j = 0; j < elements; ++j) data[j] = 1.0f;
    MPI_Barrier(MPI_COMM_WORLD);
    const double begin = MPI_Wtime();
    MPI_Allreduce(MPI_IN_PLACE, data, elements, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    seconds[i] = MPI_Wtime() - begin;
    if (data[0] != (float)world || data[elements - 1] != (float)world) {
      fprintf(stderr, "the sum is wrong\n");
      MPI_Abort(MPI_COMM_WORLD, 1);
    }
  }
}

static void measure(size_t bytes, int count, int rank, int world) {
  const int elements = (int)(bytes / sizeof(float));
  float* data = malloc(bytes);
  double* seconds = malloc(sizeof(double) * (size_t)(count + kWarmUpCalls));
  const double begin = MPI_Wtime();
  for (double warm = 0; warm < kWarmUpSeconds;) {
    time_calls(data, elements, kWarmUpCalls, world, seconds);
    warm = MPI_Wtime() - begin;
    MPI_Allreduce(MPI_IN_PLACE, &warm, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  }
  time_calls(data, elements, count, world, seconds);
  MPI_Allreduce(MPI_IN_PLACE, seconds, count, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  qsort(seconds, (size_t)count, sizeof(double), by_value);
  if (rank == 0) {
    printf("allreduce %zu %.9f\n", bytes, seconds[count / 2]);
    fflush(stdout);
  }
  free(seconds);
  free(data);
}

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank, world;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &world);
  for (int i = 1; i + 1 < argc; i += 2) {
    measure(strtoull(argv[i], NULL, 10), atoi(argv[i + 1]), rank, world);
  }
  MPI_Finalize();
}
