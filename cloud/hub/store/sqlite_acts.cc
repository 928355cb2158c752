// The audit of a hub.
#include <algorithm>

#include "cloud/hub/store/sqlite_transaction.h"

namespace pavise::hub::store {

using sqlite::Row;

namespace {

// Without half a character at the end.
std::string_view shortened(std::string_view text) {
  if (text.size() <= kActTextMax) return text;
  std::size_t end = kActTextMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

}  // namespace

Status SqliteTransaction::note_act(const iothub::HubName& hub, const ActRecord& act) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(
      const auto last,
      number("SELECT number FROM acts WHERE hub = ?1 ORDER BY number DESC LIMIT 1", hub_id));
  const std::int64_t next = last.value_or(0) + 1;
  PAVISE_TRY(
      change("INSERT INTO acts (hub, number, at, actor, peer, action, subject, detail) "
             "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
             hub_id, next, act.at_ms, shortened(act.actor), shortened(act.peer),
             shortened(act.action), shortened(act.subject), shortened(act.detail)));
  constexpr auto kept = static_cast<std::int64_t>(kActsMax);
  if (next > kept)
    PAVISE_TRY(change("DELETE FROM acts WHERE hub = ?1 AND number <= ?2", hub_id, next - kept));
  return {};
}

Result<std::vector<ActRecord>> SqliteTransaction::acts(const iothub::HubName& hub,
                                                       std::uint64_t before, std::size_t limit) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  const auto below =
      before == 0 || before > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(before);
  std::vector<ActRecord> out;
  PAVISE_TRY(query(
      "SELECT number, at, actor, peer, action, subject, detail FROM acts "
      "WHERE hub = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3",
      [&](const Row& row) {
        out.push_back({.number = static_cast<std::uint64_t>(row.integer(0)),
                       .at_ms = row.integer(1),
                       .actor = row.text(2),
                       .peer = row.text(3),
                       .action = row.text(4),
                       .subject = row.text(5),
                       .detail = row.text(6)});
      },
      hub_id, below, std::min(limit, kPageSizeMax)));
  return out;
}

}  // namespace pavise::hub::store
