// What several objectives leave as best: the Pareto front, and how much of the space it covers.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace dl::scheduler {

// Losses of one trial, one per objective; less is better.
using Losses = std::vector<double>;

// Indices, rising, of those that no other is at least as good as in all objectives and better in
// one. Of equals all are in it; one with a value that is not finite is not.
std::vector<std::uint32_t> pareto_front(std::span<const Losses> losses);

// The volume between the reference and the points that are better than it in every objective:
// exact, by slices (Knowles 2002). Meant for fronts of up to some hundred points.
double hypervolume(std::span<const Losses> losses, const Losses& reference);

// The worst value of each objective, of finite ones.
Losses worst_of(std::span<const Losses> losses);

}  // namespace dl::scheduler
