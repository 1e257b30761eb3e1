// One training run of the compression bench: an mlp on Fashion-MNIST, its workers as threads of
// this process. Prints {"accuracy": …} of the test images.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "worker/collective/c10d_backend.h"
#include "worker/train/models/model.h"
#include "worker/train/train.h"
#include "worker/transport/testing/gang.h"

namespace dl::bench {
namespace {

using namespace worker;
using namespace worker::train;

struct Silent : Observer {
  void on_steps(const Progress&, double, const std::vector<Scalar>&) override {}
  void on_metrics(const Progress&, const std::vector<Scalar>&) override {}
  void on_evaluation(const Progress&, const Evaluation&) override {}
  void on_checkpoint(const Checkpoint&) override {}
  void on_note(const std::string&) override {}
};

struct Settings {
  std::string compression = "none";
  std::uint64_t seed = 1;
  std::uint32_t workers = 4;
  std::uint32_t epochs = 4;
  std::string data = "/usr/share/datasets/fashion-mnist";
};

JobSpec spec_of(const Settings& settings) {
  JobSpec spec;
  spec.model.emplace();
  spec.model->name = "mlp";
  spec.model->hidden = {200, 200};
  spec.model->classes = 10;
  spec.data.format = "idx";
  spec.data.path = settings.data;
  spec.train.epochs = settings.epochs;
  spec.train.batch_size = 128;
  spec.train.learning_rate = 0.05;
  spec.train.schedule.name = "cosine";
  spec.train.seed = settings.seed;
  spec.train.report_every_steps = 100;
  spec.strategy.workers = settings.workers;
  spec.strategy.compression.name = settings.compression;
  spec.strategy.compression.automatic = false;
  spec.checkpoint.every_epochs = 0;
  return spec;
}

Outcome<TrainResult> run(const Settings& settings, const std::filesystem::path& folder) {
  const JobSpec spec = spec_of(settings);
  const DatasetRequest dataset = dataset_request(*spec.model, spec.data, spec.train.seed);
  Outcome<TrainResult> result = Failure{FailureKind::kUserCode, "", "rank 0 has not run"};
  transport::testing::spawn(
      {.world_size = settings.workers}, [&](std::unique_ptr<transport::Mesh> mesh) {
        const transport::Rank rank = mesh->rank();
        auto communicator = std::make_unique<collective::Communicator>(std::move(mesh));
        TrainRequest request;
        request.spec = spec;
        request.attempt = {.job = {1}, .trial = 1, .attempt = 1};
        request.artifact_dir = folder;
        request.data = transport::testing::must(open_dataset(dataset));
        request.gang =
            Gang(collective::make_ring_process_group(std::move(communicator)), torch::kCPU);
        Silent observer;
        Outcome<TrainResult> mine = train::train(request, observer);
        if (rank == 0) result = std::move(mine);
      });
  return result;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
  dl::bench::Settings settings;
  CLI::App app{"One training run of the compression bench; compression_bench.py starts it"};
  app.add_option("--compression", settings.compression);
  app.add_option("--seed", settings.seed);
  app.add_option("--workers", settings.workers);
  app.add_option("--epochs", settings.epochs);
  app.add_option("--data", settings.data, "the folder of Fashion-MNIST's idx files");
  CLI11_PARSE(app, argc, argv);
  dl::worker::train::configure_libtorch(1, true);
  std::string folder = (std::filesystem::temp_directory_path() / "dl-bench-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return 1;
  const auto result = dl::bench::run(settings, folder);
  std::filesystem::remove_all(folder);
  if (result.has_error()) {
    std::fprintf(stderr, "compression_accuracy: %s\n", result.error().message.c_str());
    return 1;
  }
  std::printf("{\"accuracy\": %.4f}\n", result->evaluation.accuracy);
  return 0;
}
