#include "worker/train/outcome.h"

#include <torch/torch.h>

#include <new>

namespace dl::worker::train {
namespace {

// torch appends a stack trace, which helps nobody who reads a job's status.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

Failure failure_of_current_exception() {
  try {
    throw;
  } catch (const c10::OutOfMemoryError& error) {
    return {FailureKind::kOutOfMemory, "",
            first_line(error.what_without_backtrace()) +
                "; lower train.batch_size or take a smaller model"};
  } catch (const std::bad_alloc&) {
    return {FailureKind::kOutOfMemory, "",
            "the process has no memory left; lower train.batch_size, or raise resources.memory"};
  } catch (const c10::DistError& error) {
    return {FailureKind::kCommunication, "", first_line(error.what_without_backtrace())};
  } catch (const c10::Error& error) {
    const std::string message = first_line(error.what_without_backtrace());
    if (message.find("not enough memory") != std::string::npos) {
      return {FailureKind::kOutOfMemory, "", message + "; lower train.batch_size"};
    }
    return {FailureKind::kUserCode, "", "libtorch: " + message};
  } catch (const std::exception& error) {
    return {FailureKind::kUserCode, "", first_line(error.what())};
  }
}

}  // namespace dl::worker::train
