// Cloud-to-device messages: wait, are locked by a receiver, end, and leave a feedback record if the
// sender wanted one.
#include <algorithm>

#include "cloud/hub/store/checks.h"
#include "cloud/hub/store/sqlite_transaction.h"
#include "protocol/iothub/property_bag.h"

namespace pavise::hub::store {

using sqlite::Row;

namespace {

constexpr std::string_view kSuccess = "Success";
constexpr std::string_view kExpired = "Expired";
constexpr std::string_view kDeliveryCountExceeded = "DeliveryCountExceeded";
constexpr std::string_view kRejected = "Rejected";
constexpr std::string_view kPurged = "Purged";

bool is_wanted(FeedbackWanted wanted, std::string_view outcome) {
  switch (wanted) {
    case FeedbackWanted::none:
      return false;
    case FeedbackWanted::positive:
      return outcome == kSuccess;
    case FeedbackWanted::negative:
      return outcome != kSuccess;
    case FeedbackWanted::full:
      return true;
  }
  return false;
}

std::string message_id(std::string_view properties) {
  const auto bag = iothub::PropertyBag::parse(properties);
  const iothub::Property* found = bag ? bag->find("$.mid") : nullptr;
  return found != nullptr ? found->value : std::string();
}

FeedbackWanted wanted_from(std::int64_t column) {
  return static_cast<FeedbackWanted>(column);
}

Error not_found(const iothub::Identity& id) {
  return {id.is_module() ? kModuleNotFound : kDeviceNotFound, id.client_id()};
}

constexpr std::string_view kQueueColumns =
    "SELECT h.id, i.id, i.generation, h.message_ttl_s, h.delivery_count_max, h.name, i.device, "
    "i.module FROM identities AS i JOIN hubs AS h ON h.id = i.hub WHERE ";

}  // namespace

// ---- which queue

Result<SqliteTransaction::QueueOf> SqliteTransaction::queue_of(const iothub::Identity& id) {
  std::optional<QueueOf> found;
  static const std::string sql =
      std::string(kQueueColumns) + "h.name = ?1 AND i.device = ?2 AND i.module = ?3";
  PAVISE_TRY(query(
      sql,
      [&](const Row& row) {
        found = QueueOf{row.integer(0),
                        row.integer(1),
                        static_cast<std::uint64_t>(row.integer(2)),
                        static_cast<std::uint32_t>(row.integer(3)),
                        static_cast<std::uint32_t>(row.integer(4)),
                        id};
      },
      id.hub().text(), id.device(), id.module_id()));
  if (!found) return not_found(id);
  return *std::move(found);
}

Result<SqliteTransaction::QueueOf> SqliteTransaction::queue_of_message(std::int64_t message) {
  std::optional<iothub::Identity> id;
  static const std::string sql =
      std::string(kQueueColumns) + "i.id = (SELECT identity FROM messages WHERE id = ?1)";
  PAVISE_TRY(query(
      sql,
      [&](const Row& row) {
        if (auto hub = iothub::HubName::parse(row.text(5)))
          id = iothub::Identity::make(*std::move(hub), row.text(6), row.text(7));
      },
      message));
  if (!id) return damaged("the identity of a message");
  return queue_of(*id);
}

// `condition` names at most one message.
template <class... Args>
Result<std::optional<SqliteTransaction::Queued>> SqliteTransaction::queued(
    std::string_view condition, const Args&... args) {
  std::string sql = "SELECT id, feedback, deliveries, expires, lock_until, enqueued, properties ";
  sql.append("FROM messages WHERE ").append(condition);
  std::optional<Queued> found;
  PAVISE_TRY(query(
      sql,
      [&](const Row& row) {
        found = Queued{row.integer(0),
                       wanted_from(row.integer(1)),
                       static_cast<std::uint32_t>(row.integer(2)),
                       row.integer(3),
                       row.is_null(4) ? std::optional<UnixMillis>() : row.integer(4),
                       row.integer(5),
                       row.text(6)};
      },
      args...));
  return found;
}

// ---- how a message ends

Result<bool> SqliteTransaction::drop(const QueueOf& queue, const Queued& message,
                                     std::string_view outcome) {
  PAVISE_TRY(change("DELETE FROM messages WHERE id = ?1", message.number));
  if (!is_wanted(message.feedback, outcome)) return false;
  PAVISE_TRY(
      change("INSERT INTO feedback_records (hub, at, message_id, outcome, device, generation) "
             "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
             queue.hub, clock_.now_ms(), message_id(message.properties), outcome, queue.id.device(),
             queue.generation));
  return true;
}

// A delivery that was not completed counts; at the maximum the message ends.
Result<bool> SqliteTransaction::abandon(const QueueOf& queue, const Queued& message) {
  if (message.deliveries + 1 >= queue.deliveries_max)
    return drop(queue, message, kDeliveryCountExceeded);
  PAVISE_TRY(change(
      "UPDATE messages SET deliveries = deliveries + 1, lock_token = NULL, lock_until = NULL, "
      "owner = NULL WHERE id = ?1",
      message.number));
  return false;
}

// Ends what is over in one queue: locks first, so that no message hides behind one.
Result<bool> SqliteTransaction::tidy(const QueueOf& queue) {
  const UnixMillis now = clock_.now_ms();
  bool feedback = false;
  for (;;) {
    PAVISE_TRY_ASSIGN(const auto message,
                      queued("identity = ?1 AND (lock_until <= ?2 OR (lock_until IS NULL AND "
                             "expires <= ?2)) ORDER BY id LIMIT 1",
                             queue.identity, now));
    if (!message) return feedback;
    PAVISE_TRY_ASSIGN(const bool added, message->lock_until ? abandon(queue, *message)
                                                            : drop(queue, *message, kExpired));
    feedback = feedback || added;
  }
}

// ---- sending

Result<std::uint32_t> SqliteTransaction::messages_waiting(const iothub::Identity& id) {
  PAVISE_TRY_ASSIGN(const QueueOf queue, queue_of(id));
  PAVISE_TRY_ASSIGN(const auto rows,
                    number("SELECT count(*) FROM messages WHERE identity = ?1", queue.identity));
  return static_cast<std::uint32_t>(rows.value_or(0));
}

Result<std::uint64_t> SqliteTransaction::enqueue_message(const iothub::HubName& hub,
                                                         const MessageToDevice& message) {
  const auto id = iothub::Identity::make(hub, message.device, message.module_id);
  if (!id) return Error(kDeviceNotFound, "the id is not well-formed");
  if (message.payload.size() + message.properties.size() > kMessageSizeMax) return kMessageTooLarge;
  PAVISE_TRY(hub_number(hub));
  PAVISE_TRY_ASSIGN(const QueueOf queue, queue_of(*id));
  const UnixMillis now = clock_.now_ms();
  constexpr std::int64_t kTtlMsMax = std::int64_t{kMessageTtlSMax} * 1000;
  if (message.expires_ms > now + kTtlMsMax) return kBadExpiry;
  const UnixMillis expires =
      message.expires_ms != 0 ? message.expires_ms : now + std::int64_t{queue.ttl_s} * 1000;
  constexpr std::string_view kCount = "SELECT count(*) FROM messages WHERE identity = ?1";
  PAVISE_TRY_ASSIGN(auto waiting, number(kCount, queue.identity));
  if (waiting.value_or(0) >= static_cast<std::int64_t>(kMessagesWaitingMax)) {
    // What ended and was not swept yet does not count. The feedback it leaves is found by the
    // sweep.
    PAVISE_TRY(tidy(queue));
    PAVISE_TRY_ASSIGN(waiting, number(kCount, queue.identity));
    if (waiting.value_or(0) >= static_cast<std::int64_t>(kMessagesWaitingMax)) return kQueueFull;
  }
  PAVISE_TRY(
      change("INSERT INTO messages (identity, enqueued, expires, feedback, properties, payload) "
             "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
             queue.identity, now, expires, static_cast<int>(message.feedback), message.properties,
             message.payload));
  return static_cast<std::uint64_t>(db_.last_insert_id());
}

// ---- receiving

Result<HubTransaction::Offer> SqliteTransaction::lock_message(const iothub::Identity& id,
                                                              LockOwner owner) {
  PAVISE_TRY_ASSIGN(const QueueOf queue, queue_of(id));
  Offer offer;
  PAVISE_TRY_ASSIGN(const std::string token, new_uuid());
  PAVISE_TRY_ASSIGN(offer.feedback_added, tidy(queue));
  PAVISE_TRY_ASSIGN(
      const auto message,
      queued("identity = ?1 AND lock_until IS NULL ORDER BY id LIMIT 1", queue.identity));
  if (!message) return offer;
  PAVISE_TRY(
      change("UPDATE messages SET lock_token = ?2, lock_until = ?3, owner = ?4 WHERE id = ?1",
             message->number, token, clock_.now_ms() + kMessageLockMs, owner));
  DeviceMessage out;
  out.lock_token = token;
  out.sequence_number = static_cast<std::uint64_t>(message->number);
  out.enqueued_ms = message->enqueued;
  out.delivery_count = message->deliveries;
  out.properties = message->properties;
  PAVISE_TRY(query(
      "SELECT payload FROM messages WHERE id = ?1",
      [&](const Row& row) { out.payload = row.blob(0); }, message->number));
  offer.message = std::move(out);
  return offer;
}

Result<Settled> SqliteTransaction::settle_message(const iothub::Identity& id,
                                                  std::string_view lock_token,
                                                  Settlement settlement) {
  const auto found = queue_of(id);
  if (!found && !failure_) return kLockLost;
  PAVISE_TRY_ASSIGN(const QueueOf queue, found);
  PAVISE_TRY_ASSIGN(const auto message,
                    queued("identity = ?1 AND lock_token = ?2 AND lock_until > ?3", queue.identity,
                           lock_token, clock_.now_ms()));
  if (!message) return kLockLost;
  switch (settlement) {
    case Settlement::complete: {
      PAVISE_TRY_ASSIGN(const bool added, drop(queue, *message, kSuccess));
      return Settled{added};
    }
    case Settlement::reject: {
      PAVISE_TRY_ASSIGN(const bool added, drop(queue, *message, kRejected));
      return Settled{added};
    }
    case Settlement::abandon: {
      PAVISE_TRY_ASSIGN(const bool added, abandon(queue, *message));
      return Settled{added};
    }
  }
  return kLockLost;
}

Result<Purged> SqliteTransaction::purge_messages(const iothub::Identity& id) {
  PAVISE_TRY_ASSIGN(const QueueOf queue, queue_of(id));
  Purged purged;
  for (;;) {
    PAVISE_TRY_ASSIGN(const auto message,
                      queued("identity = ?1 ORDER BY id LIMIT 1", queue.identity));
    if (!message) return purged;
    PAVISE_TRY_ASSIGN(const bool added, drop(queue, *message, kPurged));
    ++purged.messages;
    purged.feedback_added = purged.feedback_added || added;
  }
}

// ---- what ends by time or with a connection

Result<std::vector<std::int64_t>> SqliteTransaction::numbers(std::string_view sql,
                                                             std::int64_t value,
                                                             std::size_t limit) {
  std::vector<std::int64_t> out;
  PAVISE_TRY(query(sql, [&](const Row& row) { out.push_back(row.integer(0)); }, value, limit));
  return out;
}

// Ends these locks, or these messages if they are over.
Status SqliteTransaction::end_messages(std::span<const std::int64_t> ended, Released& released) {
  for (const std::int64_t each : ended) {
    PAVISE_TRY_ASSIGN(const QueueOf queue, queue_of_message(each));
    PAVISE_TRY_ASSIGN(const auto message, queued("id = ?1", each));
    if (!message) return damaged("a message");
    const bool locked = message->lock_until.has_value();
    PAVISE_TRY_ASSIGN(const bool added,
                      locked ? abandon(queue, *message) : drop(queue, *message, kExpired));
    if (added) released.feedback.push_back(queue.id.hub());
    if (locked) released.messages.push_back(queue.id);
  }
  return {};
}

template <class T>
void unique(std::vector<T>& values) {
  std::ranges::sort(values);
  const auto rest = std::ranges::unique(values);
  values.erase(rest.begin(), rest.end());
}

Result<Released> SqliteTransaction::release_locks(LockOwner owner) {
  Released released;
  if (owner == kNoOwner) return released;
  constexpr auto kAll = static_cast<std::size_t>(INT64_MAX);
  PAVISE_TRY_ASSIGN(const auto messages,
                    numbers("SELECT id FROM messages WHERE owner = ?1 ORDER BY id LIMIT ?2",
                            static_cast<std::int64_t>(owner), kAll));
  PAVISE_TRY(end_messages(messages, released));
  PAVISE_TRY_ASSIGN(const auto others,
                    numbers("SELECT id FROM service_messages WHERE owner = ?1 ORDER BY id LIMIT ?2",
                            static_cast<std::int64_t>(owner), kAll));
  PAVISE_TRY(end_service_messages(others, released));
  unique(released.messages);
  unique(released.feedback);
  unique(released.service_messages);
  return released;
}

Result<Released> SqliteTransaction::sweep(std::size_t limit) {
  Released released;
  const UnixMillis now = clock_.now_ms();
  for (const std::string_view sql :
       {"SELECT id FROM messages WHERE lock_until IS NOT NULL AND lock_until <= ?1 "
        "ORDER BY lock_until LIMIT ?2",
        "SELECT id FROM messages WHERE lock_until IS NULL AND expires <= ?1 "
        "ORDER BY expires LIMIT ?2"}) {
    PAVISE_TRY_ASSIGN(const auto ended, numbers(sql, now, limit));
    PAVISE_TRY(end_messages(ended, released));
    limit -= ended.size();
  }
  for (const std::string_view sql :
       {"SELECT id FROM service_messages WHERE lock_until IS NOT NULL AND lock_until <= ?1 "
        "ORDER BY lock_until LIMIT ?2",
        "SELECT id FROM service_messages WHERE lock_until IS NULL AND expires <= ?1 "
        "ORDER BY expires LIMIT ?2"}) {
    PAVISE_TRY_ASSIGN(const auto ended, numbers(sql, now, limit));
    PAVISE_TRY(end_service_messages(ended, released));
    limit -= ended.size();
  }
  PAVISE_TRY(make_due_feedback(limit, released));
  unique(released.messages);
  unique(released.feedback);
  unique(released.service_messages);
  return released;
}

Result<std::optional<UnixMillis>> SqliteTransaction::next_sweep_ms() {
  return number(
      "SELECT min(at) FROM ("
      "SELECT min(expires) AS at FROM messages WHERE lock_until IS NULL UNION ALL "
      "SELECT min(lock_until) FROM messages WHERE lock_until IS NOT NULL UNION ALL "
      "SELECT min(expires) FROM service_messages WHERE lock_until IS NULL UNION ALL "
      "SELECT min(lock_until) FROM service_messages WHERE lock_until IS NOT NULL UNION ALL "
      "SELECT min(at) + ?1 FROM feedback_records)",
      kFeedbackDelayMs);
}

Status SqliteTransaction::end_stale_locks() {
  for (const std::string_view sql :
       {"UPDATE messages SET lock_token = NULL, lock_until = NULL, owner = NULL "
        "WHERE owner IS NOT NULL AND owner <> 0",
        "UPDATE service_messages SET lock_token = NULL, lock_until = NULL, owner = NULL "
        "WHERE owner IS NOT NULL AND owner <> 0"})
    PAVISE_TRY(change(sql));
  return {};
}

}  // namespace pavise::hub::store
