// Golden texts of what a terminal shows, and of what a pipe gets.

#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <sstream>

#include "cmd/dlctl/terminal/curve.h"
#include "cmd/dlctl/terminal/progress_line.h"
#include "cmd/dlctl/terminal/screen.h"
#include "cmd/dlctl/terminal/table.h"

namespace dl::dlctl {
namespace {

Environment environment(std::map<std::string, std::string> values) {
  return [values = std::move(values)](std::string_view name) -> std::optional<std::string> {
    const auto found = values.find(std::string(name));
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

Terminal tty(std::size_t width) { return {.tty = true, .width = width, .height = 24}; }

Table jobs() {
  Table table({{.header = "JOB", .right = true},
               {.header = "NAME", .cut_to = 8},
               {.header = "USER", .wide_only = true},
               {.header = "CPUS", .right = true, .drop_order = 1},
               {.header = "WHY", .cut_to = 10}});
  table.add_row({{"42"}, {"fashion-mnist"}, {"anna"}, {"2"}, {""}});
  table.add_row({{"7"}, {"resnet\n\x1b[2J-tf"}, {"bo"}, {"16"}, {"waits for 6 GPUs; 3 are free"}});
  return table;
}

}  // namespace

TEST_CASE("a table in a pipe is written in full", "[terminal]") {
  CHECK(jobs().render({}) ==
        "JOB  NAME           CPUS  WHY\n"
        " 42  fashion-mnist     2  -\n"
        "  7  resnet [2J-tf    16  waits for 6 GPUs; 3 are free\n");
  CHECK(jobs().render({.wide = true, .headers = false}) ==
        "42  fashion-mnist  anna   2  -\n"
        " 7  resnet [2J-tf  bo    16  waits for 6 GPUs; 3 are free\n");
}

TEST_CASE("a table on a terminal cuts, then drops columns", "[terminal]") {
  CHECK(jobs().render({.terminal = tty(40)}) ==
        "JOB  NAME           CPUS  WHY\n"
        " 42  fashion-mnist     2  -\n"
        "  7  resnet [2J-tf    16  waits for 6 G…\n");
  CHECK(jobs().render({.terminal = tty(28)}) ==
        "JOB  NAME         WHY\n"
        " 42  fashion-mn…  -\n"
        "  7  resnet [2J…  waits for…\n");
}

TEST_CASE("a table colours cells without moving columns", "[terminal]") {
  Table table({{.header = "A"}, {.header = "B"}});
  table.add_row({{"x", Style::kGreen}, {"y"}});
  CHECK(table.render({.terminal = {.color = true}}) ==
        "\x1b[1mA\x1b[0m  \x1b[1mB\x1b[0m\n\x1b[32mx\x1b[0m  y\n");
}

TEST_CASE("width counts columns, not bytes", "[terminal]") {
  CHECK(display_width("naïve") == 5);
  CHECK(display_width("日本") == 4);
  CHECK(display_width("\x1b[31mred\x1b[0m") == 3);
  CHECK(cut("日本語", 5) == "日本…");
  CHECK(cut("\x1b[31mabcdef\x1b[0m", 4) == "\x1b[31mabc…\x1b[0m");
  CHECK(cut("abcdef", 4, false) == "abc~");
  CHECK(cut("abcd", 4) == "abcd");
  CHECK(pad_left("é", 3) == "  é");
}

TEST_CASE("numbers are written for people", "[terminal]") {
  CHECK(with_commas(999) == "999");
  CHECK(with_commas(1234567) == "1,234,567");
  CHECK(short_number(0.93124) == "0.9312");
  CHECK(short_number(12345.6) == "12346");
  CHECK(short_number(0.00001) == "1e-05");
  CHECK(byte_size(512) == "512 B");
  CHECK(byte_size(12u << 20) == "12 MiB");
  CHECK(byte_size(1536) == "1.5 KiB");
}

TEST_CASE("a bar is full only at the end", "[terminal]") {
  CHECK(bar(0.999, 10, true) == "█████████░");
  CHECK(bar(1.0, 10, true) == "██████████");
  CHECK(bar(0.5, 4, false) == "[##..]");
  CHECK(bar(7, 2, false) == "[##]");
}

TEST_CASE("the progress line gives up what matters least", "[terminal]") {
  const ProgressView view{.epoch = 3,
                          .epochs = 5,
                          .step = 1460,
                          .steps = 2345,
                          .per_second = 2993.5,
                          .loss = 0.31209,
                          .eta_seconds = 480,
                          .unit = "images"};
  CHECK(progress_line(view, {}) ==
        "████████████░░░░░░░░  62%  epoch 4/5  step 1,460/2,345  loss 0.3121  2,994 images/s  "
        "8m left");
  CHECK(progress_line(view, tty(80)) ==
        "██████░░░░  62%  epoch 4/5  loss 0.3121  2,994 images/s  8m left");
  CHECK(progress_line(view, tty(40)) == "██████░░░░  62%  epoch 4/5  8m left");
  CHECK(progress_cell(view, true) == "██████░░░░ 62% 8m");
  CHECK(progress_cell({.step = 10}, true) == "step 10");
  CHECK(progress_cell({}, true).empty());
  CHECK(progress_line({.step = 7, .loss = 1.5}, {}) == "step 7  loss 1.5");
}

TEST_CASE("colour follows the flag, then NO_COLOR, then CLICOLOR_FORCE", "[terminal]") {
  const auto color = [](bool is_tty, std::map<std::string, std::string> env, ColorChoice choice) {
    return make_terminal(is_tty, 80, 24, environment(std::move(env)), choice).color;
  };
  CHECK(color(true, {}, ColorChoice::kAuto));
  CHECK_FALSE(color(false, {}, ColorChoice::kAuto));
  CHECK_FALSE(color(true, {{"NO_COLOR", "1"}}, ColorChoice::kAuto));
  CHECK(color(true, {{"NO_COLOR", ""}}, ColorChoice::kAuto));
  CHECK(color(false, {{"CLICOLOR_FORCE", "1"}}, ColorChoice::kAuto));
  CHECK_FALSE(color(false, {{"CLICOLOR_FORCE", "0"}}, ColorChoice::kAuto));
  CHECK_FALSE(color(true, {{"NO_COLOR", "1"}, {"CLICOLOR_FORCE", "1"}}, ColorChoice::kAuto));
  CHECK_FALSE(color(true, {{"TERM", "dumb"}}, ColorChoice::kAuto));
  CHECK(color(false, {{"NO_COLOR", "1"}}, ColorChoice::kAlways));
  CHECK_FALSE(color(true, {}, ColorChoice::kNever));
}

TEST_CASE("the size is COLUMNS, then the terminal's, and none in a pipe", "[terminal]") {
  const auto width = [](bool is_tty, std::size_t columns, std::map<std::string, std::string> env) {
    return make_terminal(is_tty, columns, 0, environment(std::move(env)), ColorChoice::kAuto).width;
  };
  CHECK(width(true, 120, {}) == 120);
  CHECK(width(true, 120, {{"COLUMNS", "100"}}) == 100);
  CHECK(width(true, 120, {{"COLUMNS", "wide"}}) == 120);
  CHECK(width(true, 0, {}) == 80);
  CHECK(width(false, 0, {{"COLUMNS", "100"}}) == 0);
  CHECK_FALSE(make_terminal(true, 80, 24, environment({{"LC_ALL", "C"}}), {}).unicode);
  CHECK(make_terminal(true, 80, 24, environment({{"LANG", "de_DE.UTF-8"}}), {}).unicode);
}

TEST_CASE("a screen redraws in place on a terminal and appends in a pipe", "[terminal]") {
  std::ostringstream out;
  Screen screen(out, tty(10));
  screen.show("one\ntwo\n");
  screen.show("one\ntwo\n");
  screen.print("event\n");
  screen.show("a line too long\n");
  CHECK(out.str() ==
        "one\ntwo\n"
        "\r\x1b[2A\x1b[Jevent\none\ntwo\n"
        "\r\x1b[2A\x1b[Ja line to…\n");
  std::ostringstream pipe;
  Screen plain(pipe, {});
  plain.show("one\n");
  plain.show("one\n");
  plain.show("two\n");
  plain.clear();
  CHECK(pipe.str() == "one\ntwo\n");
}

TEST_CASE("a curve labels its ends and joins its points", "[terminal]") {
  const std::vector<CurvePoint> points = {{0, 1}, {5, 0.5}, {10, 0}, {11, std::nan("")}};
  CHECK(curve(points, 20, 3, false) ==
        "1 |****\n"
        "  |    ********\n"
        "0 |            *****\n"
        "   0              10\n");
  CHECK(curve({}, 20, 3, true).empty());
  const std::vector<CurvePoint> flat = {{3, 2}};
  CHECK(curve(flat, 20, 1, false) == "2 |        *\n   3               3\n");
}

}  // namespace dl::dlctl
