// Routes of a hub, compiled. Immutable, thread-safe.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/hub/routing/message.h"
#include "cloud/hub/store/routing_records.h"
#include "protocol/query/route.h"

namespace pavise::hub::routing {

// Errors of query::Condition::parse.
Result<query::Condition> parse_condition(std::string_view text);

// What one route says of a message by itself; one that is off or of another source takes none.
// Errors of query::Condition::parse.
Result<query::RouteVerdict> judge(const store::RouteRecord& route, const Message& message,
                                  const query::Document* twin);

class Plan {
 public:
  // Only those that are enabled; with `endpoint`, only those that lead to it. One whose condition
  // cannot be read, of another version, is left out.
  explicit Plan(std::span<const store::RouteRecord> records, std::string_view endpoint = {});

  bool empty() const { return routes_.empty(); }
  // Whether a condition may look at the sender's twin.
  bool looks_at_twins() const { return looks_at_twins_; }
  // Names of the routes that take it, in their order.
  std::vector<std::string> takers(const Message& message, const query::Document* twin) const;
  bool takes(store::RouteSource source) const;

 private:
  struct Route {
    std::string name;
    store::RouteSource source;
    query::Condition condition;
  };
  std::vector<Route> routes_;
  bool looks_at_twins_ = false;
};

}  // namespace pavise::hub::routing
