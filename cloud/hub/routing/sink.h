// Where messages of one endpoint go.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "cloud/hub/routing/message.h"
#include "cloud/hub/store/routing_records.h"

namespace pavise::hub::routing {

struct Outcome {
  std::size_t delivered = 0;     // of the first so many the endpoint said that it has them for good
  std::optional<Error> error{};  // why not all
  bool refused = false;          // the endpoint would refuse the next one again
};

// Used by one thread. Blocks, but never without a deadline.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Outcome deliver(std::span<const Message> messages) = 0;
};

}  // namespace pavise::hub::routing
