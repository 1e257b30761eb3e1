#include "worker/train/non_finite.h"
#include "worker/train/strategy/strategy.h"

namespace dl::worker::train {

std::string culprit_of(const Gang& gang, Replica& replica, const Samples& samples) {
  return culprit_of(replica, samples, [&gang](double mine) {
    std::vector<double> places(gang.size(), 0);
    places[gang.rank()] = mine;
    return gang.sum(places);
  });
}

std::string culprit_of(Replica& replica, const Samples& samples, const GatherPlaces& gather) {
  replica.backward(samples, {.divisor = samples.global_count, .anew = true});
  const std::optional<std::size_t> bad = first_non_finite(replica.gradients());
  const std::vector<double> places = gather(bad ? static_cast<double>(*bad + 1) : 0);
  for (std::size_t rank = 0; rank < places.size(); ++rank) {
    if (places[rank] == 0) continue;
    const auto place = static_cast<std::size_t>(places[rank]) - 1;
    return "rank " + std::to_string(rank) + "'s gradient of " + replica.parameters()[place].name;
  }
  // Each rank's was, or dropout was luckier this time.
  return "the sum of the ranks' gradients";
}

}  // namespace dl::worker::train
