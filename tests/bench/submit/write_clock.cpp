// The job of the launch bench: writes the time, in nanoseconds since 1970, into the file named by
// its argument. Static and without iostreams, so that loading it adds next to nothing.

#include <cstdio>
#include <ctime>

int main(int argc, char** argv) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  std::FILE* file = argc == 2 ? std::fopen(argv[1], "w") : nullptr;
  if (file == nullptr) return 2;
  std::fprintf(file, "%lld%09ld\n", static_cast<long long>(now.tv_sec), now.tv_nsec);
  return std::fclose(file) == 0 ? 0 : 1;
}
