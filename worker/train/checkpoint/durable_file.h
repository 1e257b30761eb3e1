// A file that is there as a whole or not at all, whatever happens while it is written.

#pragma once

#include <filesystem>
#include <span>
#include <string_view>

#include "base/result.h"

namespace dl::worker::train {

// Writes `pieces` one after another to `path`: into "<path>.tmp", fsync, rename, fsync of the
// folder. Makes the folder when it is missing. On an error nothing of it is left.
//
// kResourceExhausted when the disk is full: names the path, the bytes needed and those free.
Result<void> write_durably(const std::filesystem::path& path,
                           std::span<const std::span<const std::byte>> pieces);

Result<void> write_durably(const std::filesystem::path& path, std::string_view text);

}  // namespace dl::worker::train
