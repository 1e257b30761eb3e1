// Who holds what of a table.
//
// A dense table is cut into ranges of equal length, whatever tensors they run over, so that a large
// tensor is spread over all servers. Server s of S holds the ranges from floor(s · N / S) on: one
// span of the table, and no server has more than one range more than another. A range is also the
// piece in which updates are applied and values sent.
//
// The rows of a sparse table are spread by a multiplication modulo their number, and what comes out
// is cut in one piece a server: every server has as many rows as every other, or one more, and ids
// in any arithmetic pattern (all even ones, a dense block) are spread evenly too. No index is
// needed to find a row.

#pragma once

#include <cstdint>

namespace dl::worker::paramserver {

// From `first` on, up to but not including `end`.
struct Span {
  std::uint64_t first = 0;
  std::uint64_t end = 0;

  std::uint64_t size() const { return end - first; }
  friend bool operator==(const Span&, const Span&) = default;
};

class KeyRanges {
 public:
  static constexpr std::uint64_t kRangeElementsMax = 64 << 10;  // 256 KiB.

  // `elements` ≥ `servers` ≥ 1.
  KeyRanges(std::uint64_t elements, std::uint32_t servers);

  std::uint64_t elements() const { return elements_; }
  std::uint64_t range_elements() const { return range_elements_; }  // All but the last have these.
  std::uint64_t ranges() const { return (elements_ - 1) / range_elements_ + 1; }

  // The ranges of a server, and their elements.
  Span ranges_of(std::uint32_t server) const;
  Span elements_of(std::uint32_t server) const;
  std::uint32_t owner(std::uint64_t element) const;

 private:
  std::uint64_t elements_;
  std::uint32_t servers_;
  std::uint64_t range_elements_;
};

class RowPlaces {
 public:
  // `rows` ≥ `servers` ≥ 1.
  RowPlaces(std::uint64_t rows, std::uint32_t servers);

  struct Place {
    std::uint32_t server;
    std::uint64_t slot;  // Among the rows of that server, from 0.
  };
  Place place(std::uint64_t row) const {
    const bool fits = rows_ >> 32 == 0;  // Then a product of two rows has 64 bits.
    const auto spread =
        fits
            ? row * multiplier_ % rows_
            : static_cast<std::uint64_t>(static_cast<unsigned __int128>(row) * multiplier_ % rows_);
    const auto server = static_cast<std::uint32_t>(spread * servers_ / rows_);
    return {server, spread - first_of(server)};
  }
  std::uint64_t rows_of(std::uint32_t server) const {
    return first_of(server + 1) - first_of(server);
  }

 private:
  std::uint64_t first_of(std::uint32_t server) const {
    return (server * rows_ + servers_ - 1) / servers_;
  }

  std::uint64_t rows_;
  std::uint32_t servers_;
  std::uint64_t multiplier_;  // Without a common factor with rows_.
};

}  // namespace dl::worker::paramserver
