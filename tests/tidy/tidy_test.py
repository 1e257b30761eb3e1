#!/usr/bin/env python3
"""The rules of tidy.py catch what they are for."""

import unittest

import tidy


def texts(found):
    return [text for _, text in found]


class TidyTest(unittest.TestCase):
    def test_an_arrow_that_points_back_is_found(self):
        found = texts(tidy.check_includes("model/job.h", ['#include "daemon/agent/state.h"']))
        self.assertEqual(found, ["arrow: model may not include daemon/agent/state.h"])

    def test_the_daemons_do_not_know_the_worker(self):
        lines = ['#include "worker/train/loop.h"']
        self.assertTrue(texts(tidy.check_includes("daemon/runtime/agent/shell.cpp", lines)))
        self.assertFalse(texts(tidy.check_includes("cmd/worker/main.cpp", lines)))

    def test_a_library_outside_its_home_is_found(self):
        lines = ["#include <torch/torch.h>"]
        self.assertTrue(texts(tidy.check_includes("daemon/runtime/server/jobs.cpp", lines)))
        self.assertFalse(texts(tidy.check_includes("worker/train/loop.cpp", lines)))

    def test_a_clock_in_a_pure_folder_is_found(self):
        lines = ["auto now = std::chrono::system_clock::now();"]
        self.assertTrue(texts(tidy.check_bans("daemon/coordinator/decide.cpp", lines)))
        self.assertFalse(texts(tidy.check_bans("daemon/runtime/server/clock.cpp", lines)))

    def test_a_ban_in_a_comment_is_not_code(self):
        self.assertFalse(texts(tidy.check_bans("model/job.h", ["// never reads system_clock"])))

    def test_unfinished_work_is_found_even_in_comments(self):
        self.assertTrue(texts(tidy.check_bans("model/job.h", ["// TODO: later"])))

    def test_sizes(self):
        header = ["// What it is for.", "#pragma once"] + ["int x;"] * 300
        self.assertTrue(any("302 lines" in text for text in texts(tidy.check_size("a.h", header))))
        self.assertTrue(texts(tidy.check_size("a.cpp", ["x" * 101])))
        self.assertFalse(texts(tidy.check_size("a.cpp", ["x" * 100])))

    def test_a_header_says_what_it_is_for(self):
        self.assertIn("header: say first what it is for",
                      texts(tidy.check_size("a.h", ["#pragma once"])))


if __name__ == "__main__":
    unittest.main()
