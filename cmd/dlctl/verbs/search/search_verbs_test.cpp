// The verbs about searches against a real gRPC server: what they print, and the exit code.

#include <catch2/catch.hpp>
#include <fstream>

#include "cmd/dlctl/terminal/text.h"
#include "cmd/dlctl/testing/fake_cluster.h"
#include "cmd/dlctl/testing/search_fixture.h"
#include "cmd/dlctl/testing/user.h"

namespace dl::dlctl {
namespace {

constexpr const char* kBestSpec =
    "name: fashion-mnist\n"
    "model: {name: lenet, classes: 10}\n"
    "data: {format: synthetic, samples: 640}\n"
    "train: {epochs: 4, batch_size: 32, optimizer: adam, learning_rate: 0.0021}\n";

// A user of a cluster on which the search was job 42.
struct Scene {
  explicit Scene(SearchFixture fixture = asha_search(kNow)) {
    user.env["DL_SERVER"] = fake.address();
    fake.jobs = {fixture.job};
    fake.searches[42] = fixture.listed;
    fake.job_metrics[42] = fixture.metrics;
    fake.trial_spec = kBestSpec;
  }

  FakeCluster fake;
  User user;
};

// A job without a search.
v1::Job plain_job() {
  v1::Job job = running_job(kNow);
  job.set_id(41);
  job.set_name("by-hand");
  job.set_spec(kBestSpec);
  return job;
}

}  // namespace

TEST_CASE("trials are a table with the best first", "[dlctl]") {
  Scene scene;
  const auto shown = scene.user.run({"trials", "42"});
  CHECK(shown.code == 0);
  CHECK(shown.out ==
        "Job 42 (fashion-mnist) is running: asha, 8 of 12 trials, 1 running, 3 ended, 3 stopped "
        "early, 1 failed\n"
        "\n"
        "TRIAL  STATE    ACCURACY  EPOCHS  LEARNING_RATE  BATCH_SIZE  OPTIMIZER  MOMENTUM  TIME  "
        "FROM  WHY\n"
        "  ★ 5  ended      0.8931       4         0.0021          32  adam              -   40s  "
        "   -  -\n"
        "    3  ended      0.8731       4       0.003125          64  adam              -   40s  "
        "   -  -\n"
        "    8  running      0.85       2         0.0033          32  adam              -   20s  "
        "   -  -\n"
        "    1  ended      0.8412       4           0.05         128  sgd             0.9   40s  "
        "   -  -\n"
        "    6  stopped      0.62       1           0.01         128  sgd          0.1235   10s  "
        "   -  is 5th of 6 after 1 epochs\n"
        "    2  stopped      0.55       1         0.0002          32  adam              -   10s  "
        "   -  is 2nd of 2 after 1 epochs\n"
        "    4  stopped       0.1       1            0.7          32  sgd            0.45   10s  "
        "   -  is 4th of 4 after 1 epochs\n"
        "    7  failed          -       -            0.9          64  sgd            0.88     -  "
        "   -  user_code in worker:0: the loss is not finite\n");
  const auto json = scene.user.run({"trials", "42", "-o", "json", "--top", "1"});
  CHECK(json.out.find("\"algorithm\": \"asha\"") != std::string::npos);
  CHECK(json.out.find("\"items\": [\n    {\n      \"number\": 5,") != std::string::npos);
  CHECK(json.out.find("\"number\": 3,") == std::string::npos);
}

TEST_CASE("a search's row counts its trials", "[dlctl]") {
  Scene scene;
  auto& search = *scene.fake.jobs[0].mutable_search();
  search = scene.fake.searches[42].search();
  search.set_ended(5);
  search.set_paused(1);
  // What its best trial has of the objective counts, not the best of any metric of any trial.
  for (const auto& [number, accuracy] : {std::pair(5, 0.8931), std::pair(8, 0.95)}) {
    auto& trial = *scene.fake.jobs[0].add_trials();
    trial.set_number(static_cast<std::uint32_t>(number));
    (*trial.mutable_metrics())["validation.accuracy"] = accuracy;
  }
  const auto shown = scene.user.run({"jobs"});
  CHECK(shown.code == 0);
  CHECK(shown.out.find("  6/12 trials  0.8931  ") != std::string::npos);
}

TEST_CASE("trials fit a terminal", "[dlctl]") {
  Scene scene;
  scene.user.columns = 80;
  const auto shown = scene.user.run({"trials", "42", "--color", "never", "--no-headers"});
  std::istringstream lines(shown.out);
  for (std::string line; std::getline(lines, line);) CHECK(display_width(line) <= 80);
  // Values are whole whatever is cut.
  CHECK(shown.out.find("0.003125") != std::string::npos);
  scene.user.columns = 140;
  CHECK(scene.user.run({"trials", "42", "--color", "never"}).out.find("WHY") != std::string::npos);
}

TEST_CASE("trials can be filtered, and say what they have", "[dlctl]") {
  Scene scene;
  const auto some = scene.user.run(
      {"trials", "42", "--no-headers", "--filter", "optimizer == 'sgd'", "--sort", "-momentum"});
  CHECK(some.out.starts_with("1  ended"));
  CHECK(std::count(some.out.begin(), some.out.end(), '\n') == 4);
  const auto wrong = scene.user.run({"trials", "42", "--sort", "momentun"});
  CHECK(wrong.code == 2);
  CHECK(wrong.err.starts_with(
      "dlctl: --sort: trials have no \"momentun\" (did you mean \"momentum\"?)"));
}

TEST_CASE("a job without a search has no trials to show", "[dlctl]") {
  Scene scene;
  scene.fake.jobs.push_back(plain_job());
  const auto shown = scene.user.run({"trials", "41"});
  CHECK(shown.code == 5);
  CHECK(shown.err == "dlctl: job 41 has no search\n");
}

TEST_CASE("best shows a trial's values beside the defaults, and where it is", "[dlctl]") {
  Scene scene;
  const auto shown = scene.user.run({"best", "42"});
  CHECK(shown.code == 0);
  CHECK(shown.out ==
        "Trial 42.5 is the best so far: validation.accuracy 0.8931 after 4 epochs\n"
        "\n"
        "PARAMETER             VALUE  DEFAULT\n"
        "train.learning_rate  0.0021     0.05\n"
        "train.batch_size         32      128\n"
        "train.optimizer        adam      sgd\n"
        "\n"
        "  ran for       40s\n"
        "  model         /data/jobs/42/5/model\n"
        "  checkpoint    /data/jobs/42/5/checkpoints/step-7500\n"
        "  rebuild       dlctl best 42 --submit\n"
        "  its spec      dlctl best 42 --spec\n");
  const auto other = scene.user.run({"best", "42", "--trial", "6"});
  CHECK(other.out.starts_with("Trial 42.6 stopped: validation.accuracy 0.62 after 1 epoch\n"));
  CHECK(other.out.find("  why           is 5th of 6 after 1 epochs\n") != std::string::npos);
  CHECK(other.out.find("dlctl best 42 --trial 6 --submit\n") != std::string::npos);
  const auto none = scene.user.run({"best", "42", "--trial", "99"});
  CHECK(none.code == 3);
  CHECK(none.err == "dlctl: job 42 has no trial 99; it has 8, which `dlctl trials 42` lists\n");
}

TEST_CASE("the spec of the best can be printed and submitted", "[dlctl]") {
  Scene scene;
  const auto spec = scene.user.run({"best", "42", "--spec"});
  CHECK(spec.code == 0);
  const auto valid = scene.user.run({"validate", "-"}, spec.out);
  CHECK(valid.out.starts_with("<stdin>: ok: job \"fashion-mnist\", model lenet"));
  const auto longer =
      scene.user.run({"best", "42", "--submit", "--set", "train.epochs=50", "--set", "name=final"});
  CHECK(longer.code == 0);
  CHECK(longer.out.starts_with("Submitted job 42 ("));
  REQUIRE(scene.fake.submits.size() == 1);
  const std::string& sent = scene.fake.submits[0].document();
  CHECK(sent.find("epochs: 50") != std::string::npos);
  CHECK(sent.find("name: final") != std::string::npos);
  CHECK(sent.find("learning_rate: 0.0021") != std::string::npos);
  const auto wrong = scene.user.run({"best", "42", "--submit", "--set", "train.epoks=50"});
  CHECK(wrong.code == 7);
  CHECK(wrong.err.find("epoks") != std::string::npos);
  CHECK(scene.fake.submits.size() == 1);
  CHECK(scene.user.run({"best", "42", "--submit", "--spec"}).code == 2);
}

TEST_CASE("best of several objectives is the front, of which one is chosen", "[dlctl]") {
  Scene scene(pareto_search(kNow));
  const auto shown = scene.user.run({"best", "42"});
  CHECK(shown.code == 0);
  CHECK(shown.out ==
        "TRIAL  STATE  ACCURACY  LATENCY_MS  EPOCHS  WIDTH  TIME  FROM  WHY\n"
        "  ★ 3  ended      0.76         4.5       1     24   20s     -  -\n"
        "  ★ 6  ended      0.82           9       1     48   20s     -  -\n"
        "  ★ 9  ended      0.88        13.5       1     72   20s     -  -\n"
        " ★ 12  ended      0.94          18       1     96   20s     -  -\n"
        "\n"
        "4 trials are better than all others in some trade; together they cover a hypervolume of "
        "3.22 from the worst values seen.\n");
  const auto spec = scene.user.run({"best", "42", "--spec"});
  CHECK(spec.code == 2);
  CHECK(spec.err.find("choose one with --trial: 3, 6, 9, 12\n") != std::string::npos);
  CHECK(scene.user.run({"best", "42", "--trial", "9", "--spec"}).code == 0);
}

TEST_CASE("before any trial has a result none is the best", "[dlctl]") {
  auto fixture = asha_search(kNow);
  fixture.listed.mutable_search()->clear_best();
  Scene scene(fixture);
  const auto shown = scene.user.run({"best", "42"});
  CHECK(shown.code == 5);
  CHECK(shown.err ==
        "dlctl: no trial of job 42 has reported its objective yet, so none is the best; `dlctl "
        "trials 42` shows those that run\n");
}

TEST_CASE("a trial that still runs may be the best so far, and says that it runs", "[dlctl]") {
  auto fixture = asha_search(kNow);
  fixture.listed.mutable_search()->set_best(0, 8);
  Scene scene(fixture);
  const auto shown = scene.user.run({"best", "42"});
  CHECK(shown.code == 0);
  CHECK(shown.out.starts_with(
      "Trial 42.8 is the best so far (running): validation.accuracy 0.85 after 2 epochs\n"));
  // Only a trial that ran to its end has left a model.
  CHECK(shown.out.find("  model  ") == std::string::npos);
  CHECK(shown.out.find("  checkpoint    /data/jobs/42/8/checkpoints/step-3750\n") !=
        std::string::npos);
  CHECK(scene.user.run({"trials", "42"}).out.find("★ 8  running") != std::string::npos);
}

TEST_CASE("compare puts jobs side by side, searches or not", "[dlctl]") {
  Scene scene;
  scene.fake.jobs.push_back(plain_job());
  auto& series = *scene.fake.job_metrics[41].add_series();
  series.set_name("validation.accuracy");
  auto& point = *series.add_points();
  point.set_step(1407);
  point.set_value(0.8931);
  const auto shown = scene.user.run({"compare", "42", "41"});
  CHECK(shown.code == 0);
  CHECK(
      shown.out.starts_with("                          42 fashion-mnist   41 by-hand\n"
                            "state                              running      running\n"
                            "algorithm                             asha            -\n"
                            "trials                                   8            1\n"
                            "best validation.accuracy            0.8931       0.8931\n"
                            "in trial                                 5            -\n"
                            "spent                            17 epochs     3 epochs\n"
                            "compute                        5m CPU time  1m CPU time\n"
                            "time                                    5m           1m\n"
                            "train.learning_rate                 0.0021            -\n"
                            "train.batch_size                        32            -\n"
                            "train.optimizer                       adam            -\n"
                            "\n"
                            "best validation.accuracy so far, by epochs\n"));
  CHECK(shown.out.find("  * 42 fashion-mnist\n") != std::string::npos);
  const auto json = scene.user.run({"compare", "42", "41", "-o", "json"});
  CHECK(json.out.find("\"metric\": \"validation.accuracy\"") != std::string::npos);
  CHECK(json.out.find("\"best_so_far\": [") != std::string::npos);
  const auto wrong = scene.user.run({"compare", "42", "--over", "tim"});
  CHECK(wrong.code == 2);
  CHECK(wrong.err.find("(did you mean \"time\"?)") != std::string::npos);
}

TEST_CASE("jobs with different objectives are not compared", "[dlctl]") {
  Scene scene;
  const auto other = pareto_search(kNow);
  v1::Job job = other.job;
  job.set_id(43);
  scene.fake.jobs.push_back(job);
  scene.fake.searches[43] = other.listed;
  scene.fake.searches[43].set_job(43);
  const auto shown = scene.user.run({"compare", "42", "43"});
  CHECK(shown.code == 5);
  CHECK(shown.err ==
        "dlctl: job 43 seeks to maximize accuracy, not to maximize validation.accuracy; compare "
        "jobs with one objective\n");
}

TEST_CASE("report says what mattered, and writes a page", "[dlctl]") {
  Scene scene(pareto_search(kNow));
  const auto shown = scene.user.run({"report", "42"});
  CHECK(shown.code == 0);
  CHECK(
      shown.out.starts_with("Job 42 (small-and-good) succeeded: random, 12 of 12 trials, 12 ended\n"
                            "It is over: 12 trials have been tried\n"
                            "\n"
                            "best accuracy so far, by epochs of all trials\n"));
  CHECK(shown.out.find("  width  ████████████████████ 100 % ± 0\n") != std::string::npos);
  CHECK(shown.out.find("hypervolume of 3.22") != std::string::npos);
  const auto file = (scene.user.home / "report.html").string();
  const auto written = scene.user.run({"report", "42", "--html", file});
  CHECK(written.code == 0);
  CHECK(written.out.empty());
  CHECK(written.err == "Wrote " + file + "; open it in a browser.\n");
  std::ifstream in(file);
  std::stringstream page;
  page << in.rdbuf();
  CHECK(page.str().starts_with("<!doctype html>"));
  CHECK(page.str().find("12 ended. It is over: 12 trials have been tried</p>") !=
        std::string::npos);
  CHECK(page.str().find("over 12 trials after 1 epoch; the rest is") != std::string::npos);
  CHECK(page.str().find("<h2>Pareto front</h2><svg") != std::string::npos);
  CHECK(page.str() == scene.user.run({"report", "42", "--html", "-"}).out);
  const auto nowhere = scene.user.run({"report", "42", "--html", "/nowhere/report.html"});
  CHECK(nowhere.code == 3);
  CHECK(nowhere.err.starts_with("dlctl: cannot write /nowhere/report.html: "));
  CHECK(scene.user.run({"report", "42", "-o", "json"}).out.find("\"hypervolume\": 3.2") !=
        std::string::npos);
}

constexpr const char* kSearch =
    "name: fashion-mnist\n"
    "model: {name: lenet, classes: 10}\n"
    "data: {format: synthetic, samples: 640}\n"
    "train: {epochs: 16}\n"
    "search:\n"
    "  metric: validation.accuracy\n"
    "  goal: maximize\n"
    "  algorithm: successive_halving\n"
    "  max_trials: 16\n"
    "  max_parallel: 16\n"
    "  parameters:\n"
    "    train.learning_rate: {log: [1e-4, 1e-1]}\n";

TEST_CASE("preview says what a search tries first and spends, offline", "[dlctl]") {
  User user;
  const auto shown = user.run({"preview", "-", "--unit-time", "30s", "--first", "0"}, kSearch);
  CHECK(shown.code == 0);
  CHECK(shown.out ==
        "fashion-mnist: successive_halving, 16 trials over 1 parameter, 16 at once; a whole trial "
        "takes 16 epochs\n"
        "\n"
        "Trials that train so far:\n"
        "EPOCHS  TRIALS  SHARE\n"
        "     1      16  100 %\n"
        "     4       4   25 %\n"
        "    16       1    6 %\n"
        "\n"
        "It spends 40 epochs, 16 % of the 256 that all trials would take to their end.\n"
        "With 16 at once that is 8m, if the cluster has room for them.\n");
  const auto first = user.run({"preview", "-", "--first", "3"}, kSearch);
  CHECK(first.out.find("TRIAL  learning_rate\n    1  ") != std::string::npos);
  const auto ruled = user.run(
      {"preview", "-", "--set", "search.algorithm=tpe", "--set", "search.early_stopping.rule=asha"},
      kSearch);
  CHECK(ruled.out.starts_with("fashion-mnist: tpe with asha, 16 trials over 1 parameter"));
  const auto json = user.run({"preview", "-", "-o", "json"}, kSearch);
  CHECK(json.out.find("\"resource_of_all\": ") != std::string::npos);
  const auto plain = user.run({"preview", "-"}, "command: echo\n");
  CHECK(plain.code == 2);
  CHECK(plain.err.starts_with("dlctl: <stdin> has no search: the job runs once; "));
  CHECK(user.run({"preview", "-"}, "comand: echo\n").code == 7);
}

}  // namespace dl::dlctl
