#include "cmd/dlctl/host.h"

#include <atomic>
#include <csignal>

namespace dl::dlctl {
namespace {

std::atomic<bool> g_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may set it");

std::string xdg_dir(const Environment& env, std::string_view name, std::string_view below_home) {
  if (const auto dir = env(name); dir && !dir->empty()) return *dir + "/dl";
  return env("HOME").value_or("/tmp") + std::string(below_home) + "/dl";
}

}  // namespace

std::string config_dir(const Environment& env) {
  return xdg_dir(env, "XDG_CONFIG_HOME", "/.config");
}
std::string state_dir(const Environment& env) {
  return xdg_dir(env, "XDG_STATE_HOME", "/.local/state");
}

InterruptGuard::InterruptGuard() {
  g_interrupted = false;
  struct sigaction action {};
  action.sa_handler = [](int) { g_interrupted = true; };
  sigaction(SIGINT, &action, nullptr);
}

InterruptGuard::~InterruptGuard() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  sigaction(SIGINT, &action, nullptr);
}

bool interrupted() { return g_interrupted; }

}  // namespace dl::dlctl
