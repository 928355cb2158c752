// What was done through a hub's own calls.
#include <boost/json/array.hpp>

#include "cloud/server/log/log.h"
#include "cloud/server/routes/handlers.h"
#include "cloud/server/routes/views.h"

namespace pavise::server {

namespace json = boost::json;
using hub::store::ActRecord;

namespace {

json::object act_view(const ActRecord& act) {
  return {{"id", act.number},     {"time", rfc3339(act.at_ms / 1000)},
          {"actor", act.actor},   {"address", act.peer},
          {"action", act.action}, {"subject", act.subject},
          {"detail", act.detail}};
}

}  // namespace

Result<Reply> read_hub_audit(Call& call) {
  PAVISE_TRY_ASSIGN(const auto limit,
                    call.query.number("limit", 1, security::kPageSizeMax, kPageDefault));
  PAVISE_TRY_ASSIGN(const auto before, call.query.number("before", 1, INT64_MAX, 0));
  std::vector<ActRecord> entries;
  PAVISE_TRY(call.services.hubs.queue.store().read([&](hub::store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(entries, reader.acts(call.named_hub().hub.name, before, limit));
    return {};
  }));
  json::array items;
  for (const ActRecord& entry : entries) items.push_back(act_view(entry));
  json::value next;
  if (entries.size() == limit) next = entries.back().number;
  return Reply{.body = {{"entries", std::move(items)}, {"next", std::move(next)}}};
}

}  // namespace pavise::server
