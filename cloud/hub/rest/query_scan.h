// Queries against the store: which documents are looked at, and how much of the answer one page
// holds.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cloud/hub/rest/continuation.h"
#include "cloud/hub/store/hub_store.h"
#include "common/base/clock.h"
#include "protocol/query/query.h"

namespace pavise::hub::rest {

inline constexpr std::size_t kQueryPageDefault = 100;  // rows on a page, unless the client says
inline constexpr std::size_t kQueryPageMax = 1000;     // what more is asked for counts as

inline constexpr ErrorInfo kQueryTooLong{
    "PV-HRS-021", Retry::never, "the query did not end in the time that one call has",
    "Aggregate over fewer devices, or read rows by pages and count them yourself."};

// Work of one call. A page ends early at the first that is reached, with a token to go on from
// there; what can only be told after all documents were seen (COUNT and its kin) fails at
// `aggregate_ms`.
struct QueryBounds {
  std::size_t documents = 20'000;         // looked at
  std::size_t bytes = 2UL * 1024 * 1024;  // of rows; one row always fits
  std::int64_t page_ms = 10'000;
  std::int64_t aggregate_ms = 60'000;
  std::size_t store_page = 100;  // documents that are in memory at a time: a twin has up to 80 KB
};

struct QueryPage {
  std::vector<std::string> rows;     // JSON
  std::optional<Continuation> next;  // nullopt: that was all
};

struct QueryScan {
  store::HubStore& store;
  const Clock& clock;
  std::function<bool(const iothub::Identity&)> connected;
  QueryBounds bounds;
};

// Blocks on the store. Each `store_page` is read from a state of its own: a device that is added or
// removed meanwhile is seen or not. kQueryTooLong, query::kTooManyGroups, query::kBadDocument,
// errors of the store.
Result<QueryPage> run_query(const QueryScan& scan, const iothub::HubName& hub,
                            const query::Query& query, const Continuation& from,
                            std::size_t rows_max);

}  // namespace pavise::hub::rest
