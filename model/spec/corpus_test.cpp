// Documents in every dialect, and what becomes of them: testdata/corpus has good ones, each with
// its native form and notes in a .golden file, testdata/bad wrong ones, each with the exact text a
// user sees. Lines of a .set file are overrides.
//
// DL_UPDATE_GOLDENS=1 writes the goldens anew; read the difference before you commit it.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "model/spec/parse.h"

namespace dl::spec {
namespace {

namespace fs = std::filesystem;

const fs::path kTestdata = fs::path(DL_SOURCE_DIR) / "model" / "spec" / "testdata";

std::string read_file(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::vector<fs::path> documents(const std::string& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(kTestdata / folder)) {
    const auto extension = entry.path().extension();
    if (extension == ".yaml" || extension == ".json") found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::string> overrides_of(fs::path document) {
  std::vector<std::string> lines;
  std::ifstream in(document.replace_extension(".set"));
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void check_golden(const fs::path& document, const std::string& kind, const std::string& text) {
  const fs::path golden = document.string() + kind;
  if (std::getenv("DL_UPDATE_GOLDENS") != nullptr) std::ofstream(golden) << text;
  CHECK(read_file(golden) == text);
}

std::string commented(const std::vector<Problem>& notes, const fs::path& document) {
  std::istringstream lines(to_string(notes, document.filename().string()));
  std::string text;
  for (std::string line; std::getline(lines, line);) text += "# " + line + "\n";
  return text;
}

TEST_CASE("documents of every dialect become native ones, and say what they lose", "[corpus]") {
  std::set<std::string> dialects;
  const auto all = documents("corpus");
  for (const fs::path& document : all) {
    INFO(document);
    const std::string text = read_file(document);
    const auto overrides = overrides_of(document);
    const Conversion yaml = convert(text, overrides, Language::kYaml);
    INFO(to_string(yaml.parsed.problems, document.filename().string()));
    REQUIRE(yaml.parsed.spec);
    CHECK(yaml.parsed.dialect == document.parent_path().filename());
    CHECK(yaml.parsed.spec->search);
    check_golden(document, ".golden", commented(yaml.parsed.notes, document) + yaml.text);
    for (const Language language : {Language::kYaml, Language::kJson}) {
      const ParseResult again = parse(convert(text, overrides, language).text);
      INFO(to_string(again.problems, "converted"));
      CHECK(again.dialect == "native");
      CHECK(again.spec == yaml.parsed.spec);
    }
    CHECK(parse(to_yaml(*yaml.parsed.spec)).spec == yaml.parsed.spec);
    CHECK(parse(to_json(*yaml.parsed.spec)).spec == yaml.parsed.spec);
    dialects.insert(yaml.parsed.dialect);
  }
  CHECK(all.size() >= 38);
  CHECK(dialects.size() == 6);
}

TEST_CASE("wrong documents of every dialect are refused with all that is wrong", "[corpus]") {
  const auto all = documents("bad");
  for (const fs::path& document : all) {
    INFO(document);
    const ParseResult result = parse(read_file(document), overrides_of(document));
    CHECK_FALSE(result.spec);
    check_golden(document, ".error", to_string(result.problems, document.filename().string()));
  }
  CHECK(all.size() >= 30);
}

TEST_CASE("damaged documents of every dialect are refused or read, never worse", "[corpus]") {
  std::uint32_t random = 7;
  const auto next = [&random](std::size_t below) {
    random = random * 1664525 + 1013904223;
    return (random >> 8) % below;
  };
  constexpr std::string_view kBytes = "{}[]:,#&*!|>'\"%@`?- \n\t\\09az\x80\xff";
  for (const fs::path& document : documents("corpus")) {
    const std::string whole = read_file(document);
    for (int i = 0; i < 20; ++i) {
      std::string text = whole;
      for (int edits = 0; edits < 3; ++edits) text[next(text.size())] = kBytes[next(kBytes.size())];
      const ParseResult result = parse(text);
      INFO(text);
      REQUIRE(result.spec.has_value() == result.problems.empty());
    }
  }
}

TEST_CASE("the schema for editors is that of the table", "[spec]") {
  INFO("make it anew: build/dev/bin/spec_reference --schema > docs/spec.schema.json");
  CHECK(read_file(fs::path(DL_SOURCE_DIR) / "docs" / "spec.schema.json") == schema_json());
}

}  // namespace
}  // namespace dl::spec
