#include "cmd/worker/announcer.h"

#include <chrono>
#include <cstdio>

namespace dl::worker {
namespace {

Timestamp now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

// The epoch under way, counted from 1; the last one when all are done.
std::uint32_t current_epoch(const Progress& progress) {
  return std::min(progress.epoch + 1, progress.epochs);
}

}  // namespace

void Announcer::on_steps(const Progress& progress, double learning_rate,
                         const std::vector<train::Scalar>& metrics) {
  std::printf("epoch %u/%u  step %llu/%llu  loss %.4f  %.0f samples/s  learning rate %.4g\n",
              current_epoch(progress), progress.epochs,
              static_cast<unsigned long long>(progress.step),
              static_cast<unsigned long long>(progress.steps), progress.loss,
              progress.samples_per_second, learning_rate);
  std::vector<train::Scalar> all = {{"train.loss", progress.loss},
                                    {"train.samples_per_second", progress.samples_per_second},
                                    {"train.learning_rate", learning_rate}};
  all.insert(all.end(), metrics.begin(), metrics.end());
  publish(progress, all);
}

void Announcer::on_metrics(const Progress& progress, const std::vector<train::Scalar>& metrics) {
  for (const train::Scalar& metric : metrics) {
    std::printf("epoch %u/%u  %s %.4g\n", progress.epoch, progress.epochs, metric.tag.c_str(),
                metric.value);
  }
  publish(progress, metrics);
}

void Announcer::on_evaluation(const Progress& progress, const train::Evaluation& evaluation) {
  std::vector<train::Scalar> metrics = {{"validation.loss", evaluation.loss},
                                        {"validation.accuracy", evaluation.accuracy}};
  std::string more;
  for (const auto& [name, value] : evaluation.more) {
    metrics.push_back({"validation." + name, value});
    char text[32];
    std::snprintf(text, sizeof text, "%.4f", value);
    more += "  " + name + " " + text;
  }
  std::printf("epoch %u/%u  step %llu/%llu  validation loss %.4f  accuracy %.2f %%%s of %llu\n",
              progress.epoch, progress.epochs, static_cast<unsigned long long>(progress.step),
              static_cast<unsigned long long>(progress.steps), evaluation.loss,
              100 * evaluation.accuracy, more.c_str(),
              static_cast<unsigned long long>(evaluation.samples));
  publish(progress, metrics);
}

void Announcer::on_checkpoint(const Checkpoint& checkpoint) {
  std::printf("wrote checkpoint %s\n", checkpoint.path.c_str());
  channel_.post({.progress = {}, .metrics = {}, .checkpoint = checkpoint, .failure = {}});
}

void Announcer::on_note(const std::string& sentence) { std::printf("%s\n", sentence.c_str()); }

void Announcer::publish(const Progress& progress, const std::vector<train::Scalar>& metrics) {
  const Timestamp time = now();
  control::Report report{.progress = progress, .metrics = {}, .checkpoint = {}, .failure = {}};
  for (const train::Scalar& metric : metrics) {
    report.metrics.push_back(
        {.name = metric.tag, .step = progress.step, .value = metric.value, .time = time});
  }
  channel_.post(std::move(report));
  if (!events_) return;
  if (const auto written = events_->add(progress.step, metrics, time); written.has_error()) {
    on_note("no more TensorBoard events: " + written.error().message);
    events_.reset();
  }
}

}  // namespace dl::worker
