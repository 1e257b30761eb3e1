#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>

#include <string>

namespace dl {

void log_init(std::string_view program, std::string_view level, LogFormat format) {
  auto logger = spdlog::stderr_color_mt(std::string(program));
  logger->set_level(spdlog::level::from_str(std::string(level)));
  if (level != "off" && logger->level() == spdlog::level::off) {
    logger->set_level(spdlog::level::info);
  }
  logger->set_pattern(
      format == LogFormat::kJson
          ? R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l","program":"%n","message":"%v"})"
          : "%Y-%m-%dT%H:%M:%S.%e %^%l%$ %n: %v");
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace dl
