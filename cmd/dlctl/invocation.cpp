#include "cmd/dlctl/invocation.h"

#include <thread>

#include "base/quantity.h"
#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/terminal/screen.h"

namespace dl::dlctl {

Terminal Invocation::terminal(bool tty) const {
  const ColorChoice choice = flags_.color == "always"  ? ColorChoice::kAlways
                             : flags_.color == "never" ? ColorChoice::kNever
                                                       : ColorChoice::kAuto;
  return make_terminal(tty, host_.size.columns, host_.size.rows, host_.env, choice);
}

TableOptions Invocation::table_options() const {
  const bool wide = flags_.output == "wide";
  TableOptions options{.terminal = out_terminal(), .wide = wide, .headers = !flags_.no_headers};
  if (wide) options.terminal.width = 0;  // Who asks for everything gets it, wrapped if need be.
  return options;
}

Result<Client*> Invocation::client() {
  if (!client_) {
    DL_TRY(const Duration timeout, parse_duration(flags_.timeout));
    DL_TRY(Endpoint endpoint, resolve_endpoint(flags_.server, flags_.context, host_.env));
    client_.emplace(std::move(endpoint),
                    std::chrono::duration_cast<std::chrono::milliseconds>(timeout));
  }
  return &*client_;
}

std::string Invocation::document_text(const boost::json::value& value) const {
  return flags_.output == "yaml" ? to_yaml_text(value) : to_json_text(value);
}

Result<ExitCode> Invocation::show(bool watch, const std::function<Result<std::string>()>& render) {
  if (!watch) {
    DL_TRY(const std::string text, render());
    host_.out << text << std::flush;
    return ExitCode::kOk;
  }
  const InterruptGuard guard;
  Screen screen(host_.out, out_terminal());
  do {
    const auto text = render();
    if (text) {
      screen.show(*text);
    } else if (exit_code_of(text.error()) == ExitCode::kUnreachable && host_.out_tty) {
      screen.show(error_line(text.error(), out_terminal()));
    } else {
      return text.error();
    }
  } while (wait_for(std::chrono::seconds(1)));
  return ExitCode::kOk;
}

std::string error_line(const Error& error, const Terminal& terminal) {
  return styled("dlctl:", Style::kRed, terminal.color) + " " + error.message + "\n";
}

bool wait_for(std::chrono::milliseconds time) {
  constexpr std::chrono::milliseconds kSlice{50};
  for (auto left = time; left.count() > 0 && !interrupted(); left -= kSlice) {
    std::this_thread::sleep_for(std::min(left, kSlice));
  }
  return !interrupted();
}

}  // namespace dl::dlctl
