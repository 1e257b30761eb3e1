#include "tests/sim/client.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "model/spec/parse.h"
#include "tests/sim/world.h"

namespace dl::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

coordinator::SpecDocument make_document(Timeline& time, std::size_t number) {
  JobSpec spec;
  spec.name = "job-" + std::to_string(number);
  spec.command = "train";
  spec.grace = milliseconds{1000 * (1 + time.roll(10))};
  const auto pick = [&](std::uint64_t count) {
    return static_cast<std::uint32_t>(time.roll(count));
  };
  const Resources gpu{.gpus = 1, .cpus = 0};
  const Resources cpu{.gpus = 0, .cpus = 1};
  if (pick(3) == 0)
    spec.roles.push_back({.role = Role::kChief, .count = 1, .resources = cpu, .command = {}});
  spec.roles.push_back({.role = Role::kWorker,
                        .count = 1 + pick(5),
                        .resources = pick(2) == 0 ? gpu : cpu,
                        .command = {}});
  if (pick(3) == 0)
    spec.roles.push_back(
        {.role = Role::kPs, .count = 1 + pick(2), .resources = cpu, .command = {}});
  return {.text = "name: " + spec.name,
          .overrides = {},
          .parsed = std::make_shared<const JobSpec>(std::move(spec))};
}

// A search of a few trials by one of the algorithms. Its processes know `lr` from their command.
coordinator::SpecDocument make_search(Timeline& time, std::size_t number) {
  static constexpr std::array kKinds = {
      "algorithm: random",
      "algorithm: tpe\n  tpe: {startup_trials: 3}",
      "algorithm: gp\n  gp: {startup_trials: 3}",
      "algorithm: asha\n  halving: {max_resource: 9, reduction: 3}",
      "algorithm: asha\n  halving: {max_resource: 9, reduction: 3, variant: promotion}",
      "algorithm: hyperband\n  halving: {max_resource: 9, reduction: 3}",
      "algorithm: pbt\n  halving: {max_resource: 9}\n  pbt: {population: 3, interval: 3}",
  };
  const auto digits = [](std::uint64_t value) { return std::to_string(value); };
  coordinator::SpecDocument document;
  document.text =
      "name: search-" + digits(number) +
      "\ncommand: train --lr=${lr}\nroles: {worker: {cpus: 1, count: " + digits(1 + time.roll(2)) +
      "}}\nsearch:\n  metric: loss\n  goal: minimize\n  " + kKinds[time.roll(kKinds.size())] +
      "\n  max_trials: " + digits(3 + time.roll(8)) +
      "\n  max_parallel: " + digits(1 + time.roll(3)) +
      "\n  max_failed_trials: " + digits(time.roll(5)) +
      "\n  seed: " + digits(1 + time.roll(1000)) + "\n  parameters: {lr: {log: [1e-4, 1e-1]}}\n";
  const spec::ParseResult parsed = spec::parse(document.text);
  DL_ASSERT(parsed.spec.has_value(), "the simulator's searches are good documents");
  document.parsed = std::make_shared<const JobSpec>(*parsed.spec);
  return document;
}

}  // namespace

void Client::start() {
  for (std::size_t i = 0; i < kJobs; ++i) {
    const bool search = world_.time().happens(world_.scenario().rates.searches);
    wishes_.push_back(
        {.key = "key-" + std::to_string(i),
         .document = search ? make_search(world_.time(), i) : make_document(world_.time(), i)});
    world_.time().after(world_.time().between(milliseconds{0}, seconds{180}),
                        [this, i] { submit(i); });
  }
}

// Until it is answered well; what is lost on the way, or refused for now, is tried again.
void Client::submit(std::size_t wish) {
  if (wishes_[wish].job != JobId{}) return;
  const auto request = next_request();
  waiting_[request] = wish;
  world_.coordinator().post(coordinator::SubmitJob{.request = request,
                                                   .document = wishes_[wish].document,
                                                   .idempotency_key = wishes_[wish].key,
                                                   .user = "ada"});
  world_.time().after(world_.time().between(seconds{3}, seconds{8}),
                      [this, wish] { submit(wish); });
}

void Client::on_reply(const coordinator::Reply& reply) {
  const auto found = waiting_.find(reply.request);
  if (found == waiting_.end()) return;
  const std::size_t wish = found->second;
  waiting_.erase(found);
  if (!reply.result) {
    world_.trace("client: " + reply.result.error().message);
    return;
  }
  const JobId job = *reply.result;
  // The answer itself may get lost: then the submit is repeated with its key.
  if (world_.fault(world_.scenario().rates.lost)) return;
  world_.trace("client: job " + to_string(job) + " is acknowledged");
  if (wishes_[wish].job == JobId{}) ++acknowledged_;
  wishes_[wish].job = job;
  world_.tell([&](Checker& checker) { checker.on_acknowledged(job, wishes_[wish].key); });
}

void Client::change_search(JobId job) {
  world_.trace("client: changes the search of job " + to_string(job));
  const auto dice = world_.time().roll(4);
  if (dice < 3) {
    world_.coordinator().post(coordinator::PauseSearch{
        .request = next_request(), .job = job, .pause = dice == 0, .user = "ada"});
  } else {
    world_.coordinator().post(coordinator::ExtendSearch{
        .request = next_request(),
        .job = job,
        .trials = static_cast<std::uint32_t>(world_.time().roll(2)),
        .max_parallel = static_cast<std::uint32_t>(1 + world_.time().roll(3))});
  }
}

void Client::resume_searches() {
  for (const auto& wish : wishes_) {
    if (wish.job == JobId{} || !wish.document.parsed->search) continue;
    world_.coordinator().post(coordinator::PauseSearch{
        .request = next_request(), .job = wish.job, .pause = false, .user = {}});
  }
}

void Client::each_second() {
  for (const auto& wish : wishes_) {
    const bool search = wish.document.parsed->search.has_value();
    if (search && wish.job != JobId{} && world_.fault(world_.scenario().rates.search_ops)) {
      change_search(wish.job);
    }
    if (wish.job == JobId{} || !world_.fault(world_.scenario().rates.cancels)) continue;
    world_.trace("client: cancels job " + to_string(wish.job));
    world_.coordinator().post(coordinator::CancelJob{
        .request = next_request(), .job = wish.job, .kill = world_.time().roll(3) == 0});
  }
}

bool Client::is_done() const { return acknowledged_ == wishes_.size(); }

}  // namespace dl::sim
