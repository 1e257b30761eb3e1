#include "worker/train/testing/job.h"

#include <unistd.h>

#include <stdexcept>

#include "worker/collective/c10d_backend.h"
#include "worker/paramserver/server.h"
#include "worker/train/strategy/server_line.h"
#include "worker/train/strategy/server_options.h"
#include "worker/transport/sub_mesh.h"
#include "worker/transport/testing/gang.h"

namespace dl::worker::train::testing {
namespace {

namespace fs = std::filesystem;

// All workers on one node.
Groups groups_of(const JobSpec& spec) {
  return train::groups_of(spec.strategy, std::vector<std::string>(spec.strategy.workers, "node"));
}

// The gang of worker `mesh->rank()`, and its line to the servers where there are any.
void join_gang(TrainRequest& request, std::shared_ptr<transport::Mesh> mesh) {
  std::vector<transport::Rank> workers(request.spec.strategy.workers);
  for (transport::Rank rank = 0; rank < workers.size(); ++rank) workers[rank] = rank;
  auto communicator = std::make_unique<collective::Communicator>(
      std::make_unique<transport::SubMesh>(mesh, std::move(workers)));
  ProcessGroup group = collective::make_ring_process_group(std::move(communicator));
  if (has_servers(request.spec.strategy)) {
    request.servers = std::make_shared<ServerLine>(mesh, group, groups_of(request.spec));
  }
  request.gang = Gang(std::move(group), torch::kCPU);
}

}  // namespace

void Heard::on_steps(const Progress& progress, double, const std::vector<Scalar>& published) {
  losses[progress.step] = progress.loss;
  on_metrics(progress, published);
  if (at_step) at_step(progress.step);
}

void Heard::on_metrics(const Progress&, const std::vector<Scalar>& published) {
  for (const Scalar& metric : published) metrics[metric.tag] = metric.value;
}

void Heard::on_evaluation(const Progress&, const Evaluation& evaluation) {
  evaluations.push_back(evaluation);
}

void Heard::on_checkpoint(const Checkpoint& checkpoint) { checkpoints.push_back(checkpoint); }

void Heard::on_note(const std::string& sentence) { notes += sentence + "\n"; }

Job::Job() {
  static std::atomic<int> number{0};
  folder_ = fs::temp_directory_path() /
            ("train_test." + std::to_string(getpid()) + "." + std::to_string(++number));
  fs::remove_all(folder_);
  spec.model = ModelSpec{};
  spec.model->name = "mlp";
  spec.model->hidden = {32};
  spec.model->classes = 4;
  spec.data.format = "synthetic";
  spec.data.shape = {1, 16, 16};
  spec.data.samples = 330;
  spec.train.epochs = 3;
  spec.train.batch_size = 32;
  spec.train.learning_rate = 0.05;
  spec.train.schedule.name = "cosine";
  spec.train.report_every_steps = 1;
  static const bool configured = (configure_libtorch(1, true), true);  // Once a process.
  (void)configured;
}

Job::~Job() { fs::remove_all(folder_); }

fs::path Job::checkpoint(const std::string& file) const { return folder_ / "checkpoints" / file; }

TrainRequest Job::request(const JobSpec& job, const std::atomic<bool>* stop) const {
  TrainRequest request;
  request.spec = job;
  request.attempt = {.job = {42}, .trial = 1, .attempt = attempt};
  request.artifact_dir = folder_;
  request.resume_checkpoint = resume;
  request.inherited_checkpoint = inherit;
  auto data = open_dataset(dataset_request(*job.model, job.data, job.train.seed));
  if (data.has_error()) throw std::runtime_error(data.error().message);
  request.data = *std::move(data);
  if (change_data) change_data(request.data);
  request.stop = stop;
  return request;
}

Outcome<TrainResult> Job::run(Heard& heard, const std::atomic<bool>* stop) {
  return train::train(request(spec, stop), heard);
}

// Returns what went wrong.
std::string Job::serve(const JobSpec& job, std::shared_ptr<transport::Mesh> mesh) const {
  const Groups groups = groups_of(job);
  paramserver::ServerOptions options =
      server_options(job, static_cast<std::uint32_t>(groups.size()));
  options.run = "42.1";
  if (servers_remember) options.folder = folder_ / "servers";
  transport::SubMesh view(mesh,
                          ranks_of_servers(groups, job.strategy.workers, job.strategy.servers));
  const auto served = paramserver::serve(view, options);
  return served.has_error() ? served.error().message : std::string();
}

void Job::run_gang(Ranks& ranks) {
  JobSpec complete = spec;
  complete.strategy.workers = static_cast<std::uint32_t>(ranks.heard.size());
  fill_defaults(complete.strategy, complete.train);
  const std::uint32_t workers = complete.strategy.workers;
  const std::uint32_t servers = has_servers(complete.strategy) ? complete.strategy.servers : 0;
  transport::testing::spawn(
      {.kind = transport::testing::Kind::kInproc, .world_size = workers + servers},
      [&](std::unique_ptr<transport::Mesh> mesh) {
        const transport::Rank rank = mesh->rank();
        if (rank >= workers) {
          const auto error = serve(complete, std::move(mesh));
          if (rank == workers) ranks.server_error = error;
          return;
        }
        JobSpec mine = complete;
        if (ranks.change_spec) ranks.change_spec(rank, mine);
        TrainRequest train = request(mine, &ranks.stop[rank]);
        join_gang(train, std::move(mesh));
        ranks.results[rank] = train::train(train, ranks.heard[rank]);
      });
}

std::map<std::uint64_t, double> losses_of(Job& job, const StrategySpec& strategy,
                                          std::uint32_t workers) {
  job.spec.strategy = strategy;
  Job::Ranks ranks(workers);
  job.run_gang(ranks);
  checksum_of(ranks.results[0]);
  return ranks.heard[0].losses;
}

std::uint32_t checksum_of(const Outcome<TrainResult>& result) {
  if (result.has_error()) throw std::runtime_error(result.error().message);
  if (result->stopped) throw std::runtime_error("the run was stopped");
  return result->checksum;
}

void stop_at(Heard& heard, std::uint64_t step, std::atomic<bool>& stop) {
  heard.at_step = [step, &stop](std::uint64_t now) {
    if (now == step) stop = true;
  };
}

}  // namespace dl::worker::train::testing
