#include "tests/sim/client.h"

#include <algorithm>

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

}  // namespace

void Client::start() {
  for (std::size_t i = 0; i < kJobs; ++i) {
    wishes_.push_back(
        {.key = "key-" + std::to_string(i), .document = make_document(world_.time(), i)});
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

void Client::each_second() {
  for (const auto& wish : wishes_) {
    if (wish.job == JobId{} || !world_.fault(world_.scenario().rates.cancels)) continue;
    world_.trace("client: cancels job " + to_string(wish.job));
    world_.coordinator().post(coordinator::CancelJob{
        .request = next_request(), .job = wish.job, .kill = world_.time().roll(3) == 0});
  }
}

bool Client::is_done() const { return acknowledged_ == wishes_.size(); }

}  // namespace dl::sim
