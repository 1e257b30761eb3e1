#include "worker/collective/c10d_backend.h"

#include <torch/torch.h>

#include <catch2/catch.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include "worker/transport/testing/gang.h"

namespace dl::worker::collective {
namespace {

using transport::Mesh;
using transport::testing::Kind;
using transport::testing::spawn;
using GroupPtr = c10::intrusive_ptr<c10d::ProcessGroup>;

GroupPtr make_group(std::unique_ptr<Mesh> mesh) {
  return make_ring_process_group(std::make_unique<Communicator>(std::move(mesh)));
}

torch::nn::Sequential make_model() {
  torch::nn::Sequential model(torch::nn::Linear(20, 64), torch::nn::ReLU(),
                              torch::nn::Linear(64, 64), torch::nn::ReLU(),
                              torch::nn::Linear(64, 5));
  // The same on all ranks without touching the process's random generator, which they share.
  const torch::NoGradGuard no_grad;
  for (at::Tensor& parameter : model->parameters()) {
    const at::Tensor ramp = torch::arange(parameter.numel()).to(torch::kFloat);
    parameter.copy_((torch::sin(ramp * 12.9898) * 0.2).view_as(parameter));
  }
  return model;
}

constexpr int kBatch = 16;
constexpr int kSteps = 30;

// Rows [begin, end) of the batch of `step`.
std::pair<at::Tensor, at::Tensor> make_batch(int step, int begin, int end) {
  const at::Tensor ramp = torch::arange(kBatch * 20).to(torch::kFloat) + step * 7.0;
  const at::Tensor inputs = torch::cos(ramp * 0.37).view({kBatch, 20});
  const at::Tensor labels = (torch::arange(kBatch) + step).remainder(5);
  return {inputs.slice(0, begin, end), labels.slice(0, begin, end)};
}

std::shared_ptr<c10d::Reducer> make_reducer(const Tensors& parameters, const GroupPtr& group) {
  const std::vector<bool> sparse(parameters.size(), false);
  // Buckets of 4 KiB make several, so that their order is put to the test as well.
  const auto [buckets, limits] =
      c10d::compute_bucket_assignment_by_size(parameters, {4096}, sparse);
  return std::make_shared<c10d::Reducer>(
      parameters, std::vector<std::vector<std::size_t>>(buckets.rbegin(), buckets.rend()), group,
      sparse, 4096, /*find_unused_parameters=*/false, /*gradient_as_bucket_view=*/true,
      std::unordered_map<std::size_t, std::string>(), 4096,
      /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false,
      std::vector<std::int64_t>());
}

// The parameters after kSteps on the share of `rank`.
Tensors train(std::uint32_t rank, std::uint32_t world, const GroupPtr& group) {
  torch::nn::Sequential model = make_model();
  const Tensors parameters = model->parameters();
  std::shared_ptr<c10d::Reducer> reducer = group ? make_reducer(parameters, group) : nullptr;
  torch::optim::SGD optimizer(parameters, torch::optim::SGDOptions(0.1).momentum(0.9));
  const int share = kBatch / static_cast<int>(world);
  const int begin = static_cast<int>(rank) * share;
  for (int step = 0; step < kSteps; ++step) {
    for (const at::Tensor& parameter : parameters) {
      if (parameter.grad().defined()) parameter.mutable_grad().zero_();
    }
    if (reducer) reducer->rebuild_buckets();
    const auto [inputs, labels] = make_batch(step, begin, begin + share);
    const at::Tensor output = model->forward(inputs);
    if (reducer) reducer->prepare_for_backward({output});
    torch::nn::functional::cross_entropy(output, labels).backward();
    optimizer.step();
  }
  return parameters;
}

TEST_CASE(
    "a model under c10d::Reducer ends bit-identical on all ranks, as one process would have it",
    "[c10d]") {
  const auto world = GENERATE(2u, 4u);
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp);
  at::set_num_threads(1);
  const Tensors alone = train(0, 1, nullptr);
  std::vector<Tensors> results(world);
  spawn({.kind = kind, .world_size = world}, [&](std::unique_ptr<Mesh> mesh) {
    const std::uint32_t rank = mesh->rank();
    const GroupPtr group = make_group(std::move(mesh));
    results[rank] = train(rank, world, group);
    group->barrier()->wait();
  });
  for (std::size_t i = 0; i < alone.size(); ++i) {
    for (const Tensors& result : results) CHECK(torch::equal(result[i], results[0][i]));
    CHECK(torch::allclose(results[0][i], alone[i], 1e-6, 1e-6));
  }
}

TEST_CASE("the process group's collectives do what their names say", "[c10d]") {
  std::vector<std::string> wrong(3);
  spawn({.world_size = 3}, [&](std::unique_ptr<Mesh> mesh) {
    const int rank = static_cast<int>(mesh->rank());
    std::string& complaint = wrong[static_cast<std::size_t>(rank)];
    const GroupPtr group = make_group(std::move(mesh));
    const auto expect = [&](const char* what, const at::Tensor& actual, const at::Tensor& wanted) {
      if (!torch::equal(actual, wanted)) complaint += std::string(what) + " ";
    };
    Tensors sum = {torch::full({5}, rank + 1, torch::kLong)};
    Tensors root = {torch::full({70000}, rank, torch::kBool)};
    Tensors mine = {torch::full({2, 3}, rank, torch::kDouble)};
    std::vector<Tensors> all = {{torch::zeros({2, 3}, torch::kDouble),
                                 torch::zeros({2, 3}, torch::kDouble),
                                 torch::zeros({2, 3}, torch::kDouble)}};
    at::Tensor flat = torch::empty({6, 3}, torch::kDouble);
    Tensors several = {torch::full({3}, rank, torch::kFloat), torch::full({4}, 2, torch::kInt)};
    c10d::AllreduceOptions max;
    max.reduceOp = c10d::ReduceOp::MAX;
    Tensors most = {torch::full({9}, rank, torch::kFloat)};
    // Queued one after the other, waited for at the end.
    const std::vector<WorkPtr> works = {group->allreduce(sum),
                                        group->broadcast(root, {.rootRank = 1}),
                                        group->allgather(all, mine),
                                        group->_allgather_base(flat, mine[0]),
                                        group->allreduce_coalesced(several),
                                        group->allreduce(most, max),
                                        group->barrier()};
    for (const WorkPtr& work : works) work->wait();
    expect("allreduce", sum[0], torch::full({5}, 6, torch::kLong));
    expect("broadcast", root[0], torch::ones({70000}, torch::kBool));
    for (int r = 0; r < 3; ++r) {
      const at::Tensor block = torch::full({2, 3}, r, torch::kDouble);
      expect("allgather", all[0][static_cast<std::size_t>(r)], block);
      expect("_allgather_base", flat.slice(0, r * 2, r * 2 + 2), block);
    }
    expect("allreduce_coalesced", several[0], torch::full({3}, 3, torch::kFloat));
    expect("allreduce_coalesced", several[1], torch::full({4}, 6, torch::kInt));
    expect("allreduce max", most[0], torch::full({9}, 2, torch::kFloat));
  });
  for (const std::string& complaint : wrong) CHECK(complaint.empty());
}

TEST_CASE("a submitted call has its turn among the collectives", "[c10d]") {
  std::vector<std::string> wrong(2);
  spawn({.world_size = 2}, [&](std::unique_ptr<Mesh> mesh) {
    const auto rank = mesh->rank();
    const GroupPtr group = make_group(std::move(mesh));
    Tensors sum = {torch::full({1000}, 1.0f)};
    group->allreduce(sum);
    const at::Tensor doubled = sum[0];
    const WorkPtr work = ring_backend(*group).submit(
        [doubled](Communicator& communicator) -> Result<void> {
          doubled.mul_(2);
          if (communicator.world_size() != 2) return invalid_argument("another communicator");
          return {};
        },
        {doubled});
    group->allreduce(sum)->wait();
    if (!torch::equal(sum[0], torch::full({1000}, 8.0f))) wrong[rank] += "out of turn ";
    if (!work->getFuture()->value().toTensorVector()[0].is_same(doubled)) wrong[rank] += "results ";
    const WorkPtr failing = ring_backend(*group).submit(
        [](Communicator&) -> Result<void> { return invalid_argument("no such thing"); });
    try {
      failing->wait();
      wrong[rank] += "went through ";
    } catch (const CollectiveError& error) {
      if (error.error().message != "no such thing") wrong[rank] += error.error().message;
    }
    group->barrier()->wait();  // A call that only failed here does not end the communicator.
  });
  for (const std::string& complaint : wrong) CHECK(complaint.empty());
}

// What is in `actual` is what is in `wanted`, or `complaint` says that it is not.
void compare(std::string& complaint, const char* what, const at::Tensor& actual,
             const at::Tensor& wanted) {
  if (!torch::equal(actual, wanted)) complaint += std::string(what) + " ";
}

TEST_CASE("the process group reduces to one rank and scatters reductions", "[c10d]") {
  std::vector<std::string> wrong(3);
  spawn({.world_size = 3}, [&](std::unique_ptr<Mesh> mesh) {
    const int rank = static_cast<int>(mesh->rank());
    std::string& complaint = wrong[static_cast<std::size_t>(rank)];
    const GroupPtr group = make_group(std::move(mesh));
    c10d::ReduceOptions to_two;
    to_two.rootRank = 2;
    Tensors reduced = {torch::full({9}, rank, torch::kChar)};
    Tensors own = {torch::zeros({4})};
    std::vector<Tensors> parts = {
        {torch::full({4}, 1.0), torch::full({4}, 2.0), torch::full({4}, rank + 3.0)}};
    c10d::ReduceScatterOptions average;
    average.reduceOp = c10d::ReduceOp::AVG;
    at::Tensor flat_in = torch::arange(6).to(torch::kHalf) * rank;
    at::Tensor flat_out = torch::zeros({2}, torch::kHalf);
    for (const WorkPtr& work :
         {group->reduce(reduced, to_two), group->reduce_scatter(own, parts, average),
          group->_reduce_scatter_base(flat_out, flat_in)}) {
      work->wait();
    }
    compare(complaint, "reduce", reduced[0], torch::full({9}, rank == 2 ? 3 : rank, torch::kChar));
    compare(complaint, "reduce_scatter", own[0], torch::full({4}, rank == 2 ? 4.0 : rank + 1.0));
    compare(complaint, "_reduce_scatter_base", flat_out,
            torch::arange(2 * rank, 2 * rank + 2).to(torch::kHalf) * 3);
  });
  for (const std::string& complaint : wrong) CHECK(complaint.empty());
}

TEST_CASE("the process group moves tensors from any rank to any other", "[c10d]") {
  std::vector<std::string> wrong(3);
  spawn({.world_size = 3}, [&](std::unique_ptr<Mesh> mesh) {
    const int rank = static_cast<int>(mesh->rank());
    std::string& complaint = wrong[static_cast<std::size_t>(rank)];
    const GroupPtr group = make_group(std::move(mesh));
    const auto block = [](int value) { return torch::full({2, 2}, value, torch::kLong); };
    const auto blocks = [&](int a, int b, int c) { return Tensors{block(a), block(b), block(c)}; };
    c10d::GatherOptions to_one;
    to_one.rootRank = 1;
    c10d::ScatterOptions from_two;
    from_two.rootRank = 2;
    Tensors mine = {block(rank)};
    std::vector<Tensors> gathered, brought;
    if (rank == 1) gathered = {blocks(9, 9, 9)};
    if (rank == 2) brought = {blocks(10, 11, 12)};
    Tensors given = {block(9)};
    Tensors to = blocks(rank * 10, rank * 10 + 1, rank * 10 + 2), from = blocks(9, 9, 9);
    at::Tensor rows = torch::arange(6).view({6, 1}) + rank * 100, came = torch::zeros_like(rows);
    std::vector<std::int64_t> equal, out_splits(3, rank == 0 ? 1 : rank == 1 ? 2 : 3);
    std::vector<std::int64_t> uneven = {1, 2, 3};
    at::Tensor uneven_came = torch::zeros({3 * out_splits[0], 1}, torch::kLong);
    Tensors sent = {block(70 + rank)}, received = {block(0)};
    std::vector<WorkPtr> works = {
        group->gather(gathered, mine, to_one), group->scatter(given, brought, from_two),
        group->alltoall(from, to), group->alltoall_base(came, rows, equal, equal),
        group->alltoall_base(uneven_came, rows, out_splits, uneven)};
    if (rank == 0) works.push_back(group->send(sent, 2, 5));
    if (rank == 2) works.push_back(group->recv(received, 0, 5));
    for (const WorkPtr& work : works) work->wait();
    for (int r = 0; r < 3; ++r) {
      const auto i = static_cast<std::size_t>(r);
      if (rank == 1) compare(complaint, "gather", gathered[0][i], block(r));
      compare(complaint, "alltoall", from[i], block(r * 10 + rank));
      compare(complaint, "alltoall_base", came.slice(0, 2 * r, 2 * r + 2),
              torch::arange(2 * rank, 2 * rank + 2).view({2, 1}) + r * 100);
      const std::int64_t first = rank == 0 ? 0 : rank == 1 ? 1 : 3, count = out_splits[0];
      compare(complaint, "alltoall_base, uneven", uneven_came.slice(0, r * count, (r + 1) * count),
              torch::arange(first, first + count).view({count, 1}) + r * 100);
    }
    compare(complaint, "scatter", given[0], block(10 + rank));
    if (rank == 2) compare(complaint, "recv", received[0], block(70));
  });
  for (const std::string& complaint : wrong) CHECK(complaint.empty());
}

TEST_CASE("ranks that train different models are told which bucket, and both sizes", "[c10d]") {
  std::vector<std::string> said(2);
  spawn({.world_size = 2}, [&](std::unique_ptr<Mesh> mesh) {
    const std::uint32_t rank = mesh->rank();
    RingBackend backend(std::make_unique<Communicator>(std::move(mesh)));
    backend.set_label("bucket 3 (conv" + std::to_string(rank) + ".weight)");
    Tensors tensors = {torch::ones({rank == 0 ? 2000 : 3000})};
    try {
      backend.allreduce(tensors, {})->wait();
    } catch (const CollectiveError& error) {
      said[rank] = error.error().message;
    }
  });
  const bool first = said[0].find("this rank in") != std::string::npos;
  CHECK_THAT(first ? said[0] : said[1],
             Catch::Contains(first ? "2000 float32; bucket 3 (conv0.weight)) failed on rank 0"
                                   : "3000 float32; bucket 3 (conv1.weight)) failed on rank 1") &&
                 Catch::Contains(first ? "3000 float32), this rank" : "2000 float32), this rank"));
}

TEST_CASE("a collective that fails throws the rank and the cause, from wait and from the future",
          "[c10d]") {
  std::vector<std::string> said(2);
  spawn({.world_size = 3}, [&](std::unique_ptr<Mesh> mesh) {
    const std::uint32_t rank = mesh->rank();
    const GroupPtr group = make_group(std::move(mesh));
    if (rank == 2) return group->abort();
    Tensors tensors = {torch::ones({100000})};
    const WorkPtr work = group->allreduce(tensors);
    try {
      work->wait();
    } catch (const CollectiveError& error) {
      said[rank] = error.error().message;
    }
    if (!work->getFuture()->hasError()) said[rank] += " (the future does not know)";
    try {
      group->barrier()->wait();
      said[rank] += " (the next call went through)";
    } catch (const CollectiveError&) {
    }
  });
  for (std::uint32_t rank = 0; rank < 2; ++rank) {
    CHECK_THAT(said[rank],
               Catch::StartsWith("all-reduce 1 (two-shot, sum of 100000 float32) failed on "
                                 "rank " +
                                 std::to_string(rank) + ": rank 2"));
    CHECK_THAT(said[rank], !Catch::Contains(std::string(" (the")));
  }
}

TEST_CASE("tensors the ring cannot take are refused by name", "[c10d]") {
  spawn({.world_size = 1}, [](std::unique_ptr<Mesh> mesh) {
    const GroupPtr group = make_group(std::move(mesh));
    Tensors gaps = {torch::ones({4, 4}).slice(1, 0, 2)};
    Tensors complex = {torch::ones({4}, torch::kComplexFloat)};
    CHECK_THROWS_WITH(group->allreduce(gaps), Catch::Contains("make it contiguous first"));
    CHECK_THROWS_WITH(group->allreduce(complex), Catch::Contains("ComplexFloat"));
  });
}

}  // namespace
}  // namespace dl::worker::collective
