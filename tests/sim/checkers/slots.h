// No slot is held by two live processes, as the machines themselves see it.

#pragma once

#include "tests/sim/checkers/checker.h"

namespace dl::sim {

class SlotsChecker : public Checker {
 public:
  using Checker::Checker;

  void on_boot(const NodeId& node, const NodeResources& resources) override {
    machines_[node].resources = resources;
  }

  void on_spawn(const ProcessView& process) override {
    Machine& machine = machines_[process.node];
    for (const auto gpu : process.slots.gpu_indexes) {
      const auto [holder, taken] = machine.gpus.emplace(gpu, process.task);
      if (!taken) clash(process, "GPU " + std::to_string(gpu), holder->second);
    }
    for (const auto port : process.ports) {
      const auto [holder, taken] = machine.ports.emplace(port, process.task);
      if (!taken) clash(process, "port " + std::to_string(port), holder->second);
    }
    machine.cpus += process.slots.cpus;
    if (machine.cpus > machine.resources.cpus) {
      violation(to_string(process.task) + " starts on node " + process.node + ", which has " +
                std::to_string(machine.resources.cpus) + " CPU slots, as number " +
                std::to_string(machine.cpus));
    }
  }

  void on_exit(const ProcessView& process) override {
    Machine& machine = machines_[process.node];
    for (const auto gpu : process.slots.gpu_indexes) machine.gpus.erase(gpu);
    for (const auto port : process.ports) machine.ports.erase(port);
    machine.cpus -= process.slots.cpus;
  }

 private:
  struct Machine {
    NodeResources resources;
    std::map<std::uint32_t, TaskId> gpus;
    std::map<std::uint16_t, TaskId> ports;
    std::uint32_t cpus = 0;
  };

  void clash(const ProcessView& process, const std::string& what, const TaskId& holder) {
    violation(to_string(process.task) + " starts on " + what + " of node " + process.node +
              ", which " + to_string(holder) + " still holds");
  }

  std::map<NodeId, Machine> machines_;
};

}  // namespace dl::sim
