// Table lines up columns for people and for `awk`.
//
// On a terminal a row never takes more than one line: columns that may be cut give way first,
// then those that may be left out. In a pipe everything is written in full.

#pragma once

#include <string>
#include <vector>

#include "cmd/dlctl/terminal/terminal.h"
#include "cmd/dlctl/terminal/text.h"

namespace dl::dlctl {

struct Column {
  std::string header;
  bool right = false;      // Numbers stand right.
  bool wide_only = false;  // Only with -o wide.
  std::size_t cut_to = 0;  // May be cut down to so many columns; 0: never is.
  int drop_order = 0;      // Left out when all else fails, highest first; 0: never is.
  bool if_any = false;     // On a terminal only when some row has something to say.
};

struct Cell {
  std::string text;
  Style style = Style::kPlain;
};

struct TableOptions {
  Terminal terminal;
  bool wide = false;
  bool headers = true;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns);

  // As many cells as there are columns. An empty cell is shown as "-".
  void add_row(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }

  // Lines, each with its line end. Without rows: only the headers.
  std::string render(const TableOptions& options) const;

 private:
  struct Shape;  // Which columns are shown, and how wide.

  Shape shape_for(const TableOptions& options) const;
  std::string line(const std::vector<Cell>& cells, const Shape& shape,
                   const Terminal& terminal) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace dl::dlctl
