#include "tests/sim/network.h"

#include "tests/sim/world.h"

namespace dl::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

LinkPtr Network::connect(const NodeId& node) {
  if (is_partitioned(node) || !world_.coordinator().is_up()) return nullptr;
  auto link = std::make_shared<Link>();
  link->id = next_id_++;
  link->node = node;
  links_[link->id] = link;
  return link;
}

void Network::send(const LinkPtr& link, Timestamp& last, std::function<bool()> is_closed,
                   const std::function<void()>& deliver) {
  Timeline& time = world_.time();
  const auto& rates = world_.scenario().rates;
  if (link->broken || is_partitioned(link->node) || world_.fault(rates.lost)) return;
  const auto post = [&](Timestamp at) {
    time.after(at - time.now(), [link, is_closed, deliver] {
      if (!link->broken && !is_closed()) deliver();
    });
  };
  const Duration slowest = world_.is_faulty() ? world_.scenario().delay_max : milliseconds{20};
  Timestamp at = time.now() + time.between(milliseconds{1}, slowest);
  if (!world_.fault(rates.reordered)) {
    at = std::max(at, last + Duration{1});
    last = at;
  }
  post(at);
  if (world_.fault(rates.doubled)) post(at + time.between(Duration{1}, slowest));
}

void Network::to_coordinator(const LinkPtr& link, std::function<void()> deliver) {
  send(
      link, link->last_here, [link] { return link->closed_here; }, deliver);
}

void Network::to_agent(const LinkPtr& link, std::function<void()> deliver) {
  send(
      link, link->last_there, [link] { return link->closed_there; }, deliver);
}

void Network::break_link(const LinkPtr& link) {
  if (link->broken) return;
  link->broken = true;
  Timeline& time = world_.time();
  const NodeId node = link->node;
  time.after(time.between(milliseconds{1}, seconds{2}), [this, link, node] {
    if (std::exchange(link->closed_there, true)) return;
    world_.machine(node).on_closed(link);
  });
  time.after(time.between(milliseconds{1}, seconds{2}),
             [this, link] { world_.coordinator().on_closed(link); });
}

void Network::set_partitioned(const NodeId& node, bool partitioned) {
  partitioned_[node] = partitioned;
  if (!partitioned) return;
  // Keepalives find out.
  for (const auto& link : links_of(node)) {
    world_.time().after(seconds{5}, [this, link] {
      if (is_partitioned(link->node)) break_link(link);
    });
  }
}

bool Network::is_partitioned(const NodeId& node) const {
  const auto found = partitioned_.find(node);
  return found != partitioned_.end() && found->second;
}

LinkPtr Network::link_of(const NodeId& node) const {
  LinkPtr newest;
  for (const auto& [id, link] : links_) {
    if (link->node != node || link->closed_here || link->session == 0) continue;
    if (!newest || link->session > newest->session) newest = link;
  }
  return newest;
}

LinkPtr Network::find(std::uint64_t id) const {
  const auto found = links_.find(id);
  return found == links_.end() ? nullptr : found->second;
}

std::vector<LinkPtr> Network::links_of(const NodeId& node) const {
  std::vector<LinkPtr> all;
  for (const auto& [id, link] : links_) {
    if (link->node == node) all.push_back(link);
  }
  return all;
}

void Network::break_all() {
  const auto all = std::move(links_);
  links_.clear();
  for (const auto& [id, link] : all) {
    link->closed_here = true;
    break_link(link);
  }
}

}  // namespace dl::sim
