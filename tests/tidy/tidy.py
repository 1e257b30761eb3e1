#!/usr/bin/env python3
"""Checks what a compiler does not: the arrows between folders, the bans, the size norms.

docs/STYLE.md gives each rule's reason. Prints `file:line: rule: what to do instead`; exits 1 when
there is anything to print.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A folder may include itself, what it names here, and nothing else of ours.
ARROWS = {
    "base": [],
    "model": ["base"],
    "scheduler": ["base", "model"],
    "daemon/coordinator": ["base", "model", "scheduler"],
    "daemon/agent": ["base", "model"],
    "daemon/runtime": ["base", "model", "scheduler", "daemon", "dl/v1"],
    "worker/transport": ["base", "model"],
    "worker/collective": ["base", "model", "worker/transport"],
    "worker/paramserver": ["base", "model", "worker/transport", "worker/train/checkpoint"],
    "worker/control": ["base", "model", "dl/v1"],
    "worker/train/checkpoint": ["base"],  # A file format, below whoever writes such files.
    "worker/train": ["base", "model", "worker/transport", "worker/collective",
                     "worker/paramserver", "worker/control"],
    "cmd": ["base", "model", "scheduler", "daemon/runtime", "worker", "cmd", "dl/v1"],
    "tests": ["base", "model", "scheduler", "daemon", "worker", "cmd", "dl/v1", "tests"],
}

# Where a third-party library may be included; a longer prefix wins over none.
HOMES = {
    r"grpc(pp)?/": ["daemon/runtime", "worker/control", "cmd", "tests"],
    r"google/protobuf/": ["daemon/runtime", "worker/control", "cmd", "tests"],
    r"boost/(asio|beast)": ["daemon/runtime", "worker/serve", "worker/transport/tcp", "tests"],
    r"yaml-cpp/": ["model/spec", "daemon/runtime/config", "cmd/dlctl", "tests"],
    r"(torch|c10|ATen)/": ["worker/train", "worker/serve", "worker/collective", "cmd/worker"],
    r"Eigen/": ["scheduler/search"],
    r"sqlite3": ["daemon/runtime/journal", "tests"],
    r"spdlog/": ["base", "daemon/runtime", "cmd"],
}

PURE = ["base", "model", "scheduler", "daemon/coordinator", "daemon/agent"]
# Programs and the log: the shell's, though their folder is pure.
IMPURE_FILES = {"base/log.h", "base/log.cpp", "base/assert.cpp", "model/spec/spec_reference.cpp"}
PURE_BANS = {
    r"\b(system|steady|high_resolution)_clock\b": "take a Timestamp as an argument",
    r"#include <(fstream|thread|mutex|condition_variable|future|random|filesystem|iostream)>":
        "the shell does I/O, threads and randomness",
    r"#include <(unistd|fcntl|sys/\w+|sys/socket|netinet/\w+)\.?h?>": "the shell makes system calls",
    r"\bgetenv\b": "settings come as arguments",
    r"\bstd::(rand|random_device|mt19937)": "randomness comes from State::seed",
}
BANS = {
    r"\busing namespace std;": "name what you use",
    r"\b(TODO|FIXME|XXX|HACK)\b": "finish it, or write down why not",
    r"\bstrcpy\(|\bsprintf\(|\bstrcat\(": "use std::string or snprintf",
    r"\bvolatile\b": "use std::atomic",
    r"\bdynamic_cast<": "use a variant or a virtual function",
    r"\bsystem\(\"": "use posix_spawn",
    r"#define (?!DL_|CATCH_CONFIG|_GNU_SOURCE)": "use constexpr, or a DL_ macro",
    r"\bmktemp\(|\btmpnam\(": "use mkstemp",
}
TEST_BANS = {
    r"\bCHECK\(true\)|\bREQUIRE\(true\)": "a check must be able to fail",
}

HEADER_LINES_MAX = 250
SOURCE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
FOLDER_NOUNS_MAX = 20
COLUMNS_MAX = 100


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, capture_output=True, text=True, check=True)
    for name in sorted(filter(None, listed.stdout.split("\0"))):
        path = ROOT / name
        if path.suffix in {".h", ".cpp"} and path.exists() and "testdata" not in name:
            yield name, path.read_text().splitlines()


def longest_prefix(name, prefixes):
    matches = [p for p in prefixes if name == p or name.startswith(p + "/")]
    return max(matches, key=len, default=None)


def is_test(name):
    return name.startswith("tests/") or "/testing/" in name or re.search(r"_(test|fuzz)\.cpp$", name)


def check_includes(name, lines):
    home = longest_prefix(name, ARROWS)
    for number, line in enumerate(lines, 1):
        match = re.match(r'#include ["<]([^">]+)[">]', line)
        if not match:
            continue
        target = match.group(1)
        ours = longest_prefix(target, list(ARROWS) + ["daemon", "worker", "dl/v1"])
        if ours and home and not is_test(name):
            allowed = ARROWS[home] + [home]
            if not any(target.startswith(a + "/") for a in allowed):
                yield number, f"arrow: {home} may not include {target}"
        for pattern, homes in HOMES.items():
            if re.match(pattern, target) and not is_test(name):
                if not any(name.startswith(h + "/") for h in homes):
                    yield number, f"home: {target} belongs in {', '.join(homes)}"


def check_bans(name, lines):
    bans = dict(BANS)
    if is_test(name):
        bans.update(TEST_BANS)
    elif longest_prefix(name, PURE) and name not in IMPURE_FILES:
        bans.update(PURE_BANS)
    for number, line in enumerate(lines, 1):
        code = line.split("//")[0] if "TODO" not in line and "FIXME" not in line else line
        for pattern, instead in bans.items():
            if re.search(pattern, code):
                yield number, f"ban: {instead}"


def check_size(name, lines):
    limit = HEADER_LINES_MAX if name.endswith(".h") else SOURCE_LINES_MAX
    if len(lines) > limit:
        yield limit, f"size: {len(lines)} lines, at most {limit}: split it by noun"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX and not re.search(r'https?://|R"', line):
            yield number, f"size: {len(line)} columns, at most {COLUMNS_MAX}"
    if name.endswith(".h") and not any(line == "#pragma once" for line in lines):
        yield 1, "header: #pragma once is missing"
    if name.endswith(".h") and not (lines and lines[0].startswith("//")):
        yield 1, "header: say first what it is for"


def check_functions(paths):
    import lizard
    for path in paths:
        for function in lizard.analyze_file(str(ROOT / path)).function_list:
            length = function.end_line - function.start_line + 1
            if length > FUNCTION_LINES_MAX and not function.name.startswith("TEST_CASE"):
                yield path, function.start_line, (
                    f"size: {function.name} has {length} lines, at most {FUNCTION_LINES_MAX}")


def check_folders(names):
    folders = {}
    for name in names:
        folders.setdefault(str(pathlib.PurePath(name).parent), []).append(name)
    for folder, files in folders.items():
        nouns = {pathlib.PurePath(f).stem for f in files if not is_test(f)}
        if len(nouns) > FOLDER_NOUNS_MAX:
            yield folder, 0, f"size: {len(nouns)} nouns, at most {FOLDER_NOUNS_MAX}: make subfolders"


def check_format(names):
    if not names:
        return
    result = subprocess.run(["clang-format-14", "--dry-run", "-Werror", *names], cwd=ROOT,
                            capture_output=True, text=True)
    for line in result.stderr.splitlines():
        match = re.match(r"(.+?):(\d+):\d+: error: code should be clang-formatted", line)
        if match:
            yield match.group(1), int(match.group(2)), "format: run clang-format-14 -i on it"


def main():
    problems, names = [], []
    for name, lines in tracked():
        names.append(name)
        for check in (check_includes, check_bans, check_size):
            problems += [(name, number, text) for number, text in check(name, lines)]
    problems += check_functions(n for n in names if not is_test(n))
    problems += check_folders(names)
    problems += check_format(names)
    for name, number, text in sorted(set(problems)):
        print(f"{name}:{number}: {text}")
    print(f"tidy: {len(names)} files, {len(set(problems))} problems")
    return 1 if problems or not names else 0


if __name__ == "__main__":
    sys.exit(main())
