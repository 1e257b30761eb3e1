#include "cmd/dlctl/terminal/table.h"

#include <algorithm>

#include "base/assert.h"

namespace dl::dlctl {
namespace {
constexpr std::size_t kGap = 2;
}

struct Table::Shape {
  std::vector<std::size_t> shown;   // Indexes of columns.
  std::vector<std::size_t> widths;  // By index of column.

  std::size_t total() const {
    std::size_t sum = shown.empty() ? 0 : kGap * (shown.size() - 1);
    for (const auto i : shown) sum += widths[i];
    return sum;
  }
};

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add_row(std::vector<Cell> cells) {
  DL_ASSERT(cells.size() == columns_.size(), "a row has a cell for every column");
  for (auto& cell : cells) {
    cell.text = one_line(cell.text);
    if (cell.text.empty()) cell = {"-", Style::kDim};
  }
  rows_.push_back(std::move(cells));
}

Table::Shape Table::shape_for(const TableOptions& options) const {
  Shape shape;
  shape.widths.resize(columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].wide_only && !options.wide) continue;
    const auto is_empty = [i](const auto& row) { return row[i].text == "-"; };
    if (columns_[i].if_any && options.terminal.width > 0 &&
        std::all_of(rows_.begin(), rows_.end(), is_empty)) {
      continue;
    }
    shape.shown.push_back(i);
    if (options.headers) shape.widths[i] = display_width(columns_[i].header);
    for (const auto& row : rows_) {
      shape.widths[i] = std::max(shape.widths[i], display_width(row[i].text));
    }
  }
  const std::size_t limit = options.terminal.width;
  const std::vector<std::size_t> full = shape.widths;
  while (limit > 0 && shape.total() > limit) {
    // The widest column that may still be cut gives way, as far as it must.
    const auto slack = [&](std::size_t i) {
      const std::size_t least = columns_[i].cut_to;
      return least > 0 && shape.widths[i] > least ? shape.widths[i] - least : 0;
    };
    const auto widest =
        *std::max_element(shape.shown.begin(), shape.shown.end(),
                          [&](std::size_t a, std::size_t b) { return slack(a) < slack(b); });
    if (slack(widest) > 0) {
      shape.widths[widest] -= std::min(slack(widest), shape.total() - limit);
      continue;
    }
    const auto dropped =
        std::max_element(shape.shown.begin(), shape.shown.end(), [&](std::size_t a, std::size_t b) {
          return columns_[a].drop_order < columns_[b].drop_order;
        });
    if (columns_[*dropped].drop_order == 0) break;
    shape.shown.erase(dropped);
    shape.widths = full;  // The others may have their room back.
  }
  return shape;
}

std::string Table::line(const std::vector<Cell>& cells, const Shape& shape,
                        const Terminal& terminal) const {
  std::string text;
  for (std::size_t n = 0; n < shape.shown.size(); ++n) {
    const std::size_t i = shape.shown[n];
    const std::string content = cut(cells[i].text, shape.widths[i], terminal.unicode);
    const std::string padded = columns_[i].right             ? pad_left(content, shape.widths[i])
                               : n + 1 == shape.shown.size() ? content
                                                             : pad_right(content, shape.widths[i]);
    if (n > 0) text += std::string(kGap, ' ');
    text += styled(padded, cells[i].style, terminal.color);
  }
  return text + '\n';
}

std::string Table::render(const TableOptions& options) const {
  const Shape shape = shape_for(options);
  std::string text;
  if (options.headers) {
    std::vector<Cell> headers;
    for (const auto& column : columns_) headers.push_back({column.header, Style::kBold});
    text += line(headers, shape, options.terminal);
  }
  for (const auto& row : rows_) text += line(row, shape, options.terminal);
  return text;
}

}  // namespace dl::dlctl
