// What services read: batches of feedback records, and file notifications.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/hub/store/checks.h"
#include "cloud/hub/store/sqlite_transaction.h"
#include "common/base/time_text.h"

namespace pavise::hub::store {

using sqlite::Row;

namespace {

namespace json = boost::json;

int column_of(ServiceQueue queue) {
  return queue == ServiceQueue::feedback ? 0 : 1;
}

// One record as services read it (reference D2).
json::object record_json(const Row& row) {
  const std::string outcome = row.text(3);
  json::object record;
  record["originalMessageId"] = row.text(2);
  record["enqueuedTimeUtc"] = utc_text(row.integer(1));
  record["statusCode"] = outcome;
  record["description"] = outcome;
  record["deviceId"] = row.text(4);
  record["deviceGenerationId"] = std::to_string(row.integer(5));
  return record;
}

}  // namespace

Result<FeedbackSettings> SqliteTransaction::queue_settings(std::int64_t hub, ServiceQueue queue) {
  if (queue == ServiceQueue::file_notifications) {
    PAVISE_TRY_ASSIGN(const FileUploadSettings settings, file_upload_settings(hub));
    return settings.notification;
  }
  FeedbackSettings out;
  PAVISE_TRY(query(
      "SELECT feedback_ttl_s, feedback_delivery_count_max, feedback_lock_s FROM hubs WHERE id = ?1",
      [&](const Row& row) {
        out = {static_cast<std::uint32_t>(row.integer(0)),
               static_cast<std::uint32_t>(row.integer(1)),
               static_cast<std::uint32_t>(row.integer(2))};
      },
      hub));
  return out;
}

// ---- coming in

Status SqliteTransaction::insert_service_message(std::int64_t hub, ServiceQueue queue,
                                                 std::string_view body) {
  const UnixMillis now = clock_.now_ms();
  PAVISE_TRY_ASSIGN(const FeedbackSettings settings, queue_settings(hub, queue));
  PAVISE_TRY(
      change("INSERT INTO service_messages (hub, queue, enqueued, expires, body) "
             "VALUES (?1, ?2, ?3, ?4, ?5)",
             hub, column_of(queue), now, now + std::int64_t{settings.ttl_s} * 1000, body));
  return {};
}

Status SqliteTransaction::enqueue_file_notification(const iothub::HubName& hub,
                                                    std::string_view body_json) {
  if (body_json.size() > kServiceMessageSizeMax) return kMessageTooLarge;
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  return insert_service_message(hub_id, ServiceQueue::file_notifications, body_json);
}

// Feedback records wait until there are enough, or the oldest waited long enough.
Result<bool> SqliteTransaction::feedback_is_due(std::int64_t hub) {
  PAVISE_TRY_ASSIGN(
      const auto oldest,
      number("SELECT at FROM feedback_records WHERE hub = ?1 ORDER BY id LIMIT 1", hub));
  if (!oldest) return false;
  if (*oldest + kFeedbackDelayMs <= clock_.now_ms()) return true;
  PAVISE_TRY_ASSIGN(
      const auto full,
      number("SELECT 1 FROM feedback_records WHERE hub = ?1 ORDER BY id LIMIT 1 OFFSET ?2", hub,
             kFeedbackBatchMax - 1));
  return full.has_value();
}

Status SqliteTransaction::make_feedback_message(std::int64_t hub) {
  json::array records;
  std::int64_t last = 0;
  PAVISE_TRY(query(
      "SELECT id, at, message_id, outcome, device, generation FROM feedback_records "
      "WHERE hub = ?1 ORDER BY id LIMIT ?2",
      [&](const Row& row) {
        last = row.integer(0);
        records.push_back(record_json(row));
      },
      hub, kFeedbackBatchMax));
  PAVISE_TRY(change("DELETE FROM feedback_records WHERE hub = ?1 AND id <= ?2", hub, last));
  return insert_service_message(hub, ServiceQueue::feedback, json::serialize(records));
}

Status SqliteTransaction::make_due_feedback(std::size_t limit, Released& released) {
  const UnixMillis due = clock_.now_ms() - kFeedbackDelayMs;
  while (limit-- > 0) {
    std::optional<std::int64_t> hub;
    std::string name;
    PAVISE_TRY(query(
        "SELECT h.id, h.name FROM feedback_records AS f JOIN hubs AS h ON h.id = f.hub "
        "WHERE f.at <= ?1 ORDER BY f.at LIMIT 1",
        [&](const Row& row) {
          hub = row.integer(0);
          name = row.text(1);
        },
        due));
    if (!hub) return {};
    PAVISE_TRY(make_feedback_message(*hub));
    auto parsed = iothub::HubName::parse(name);
    if (!parsed) return damaged("a hub's name");
    released.service_messages.push_back(*std::move(parsed));
  }
  return {};
}

// ---- going out

// A delivery that was not completed counts; at the maximum, or when its time is over, it ends.
Status SqliteTransaction::end_service_messages(std::span<const std::int64_t> ended,
                                               Released& released) {
  for (const std::int64_t each : ended) {
    std::string hub;
    std::int64_t hub_id = 0;
    std::int64_t deliveries = 0;
    ServiceQueue queue = ServiceQueue::feedback;
    bool goes = false;
    PAVISE_TRY(query(
        "SELECT h.name, s.lock_until IS NULL OR s.expires <= ?2, s.deliveries, h.id, s.queue "
        "FROM service_messages AS s JOIN hubs AS h ON h.id = s.hub WHERE s.id = ?1",
        [&](const Row& row) {
          hub = row.text(0);
          goes = row.integer(1) != 0;
          deliveries = row.integer(2);
          hub_id = row.integer(3);
          if (row.integer(4) != column_of(queue)) queue = ServiceQueue::file_notifications;
        },
        each, clock_.now_ms()));
    PAVISE_TRY_ASSIGN(const FeedbackSettings settings, queue_settings(hub_id, queue));
    goes = goes || deliveries + 1 >= settings.delivery_count_max;
    auto name = iothub::HubName::parse(hub);
    if (!name) return damaged("the hub of a service message");
    if (goes) {
      PAVISE_TRY(change("DELETE FROM service_messages WHERE id = ?1", each));
      continue;
    }
    PAVISE_TRY(
        change("UPDATE service_messages SET deliveries = deliveries + 1, lock_token = NULL, "
               "lock_until = NULL, owner = NULL WHERE id = ?1",
               each));
    released.service_messages.push_back(*std::move(name));
  }
  return {};
}

// The oldest that nobody holds, after those in front of it that are over have ended.
Result<std::optional<std::int64_t>> SqliteTransaction::oldest_service_message(std::int64_t hub,
                                                                              ServiceQueue queue) {
  for (;;) {
    std::optional<std::int64_t> found;
    bool over = false;
    PAVISE_TRY(query(
        "SELECT id, coalesce(lock_until, expires) <= ?3 FROM service_messages WHERE hub = ?1 AND "
        "queue = ?2 AND (lock_until IS NULL OR lock_until <= ?3) ORDER BY id LIMIT 1",
        [&](const Row& row) {
          found = row.integer(0);
          over = row.integer(1) != 0;
        },
        hub, column_of(queue), clock_.now_ms()));
    if (!found || !over) return found;
    Released ignored;
    PAVISE_TRY(end_service_messages(std::span(&*found, 1), ignored));
  }
}

Result<std::optional<ServiceMessage>> SqliteTransaction::lock_service_message(
    const iothub::HubName& hub, ServiceQueue queue, LockOwner owner) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  ServiceMessage out;
  PAVISE_TRY_ASSIGN(out.lock_token, new_uuid());
  PAVISE_TRY_ASSIGN(auto oldest, oldest_service_message(hub_id, queue));
  if (!oldest && queue == ServiceQueue::feedback) {
    PAVISE_TRY_ASSIGN(const bool due, feedback_is_due(hub_id));
    if (due) {
      PAVISE_TRY(make_feedback_message(hub_id));
      PAVISE_TRY_ASSIGN(oldest, oldest_service_message(hub_id, queue));
    }
  }
  if (!oldest) return std::optional<ServiceMessage>();
  PAVISE_TRY_ASSIGN(const FeedbackSettings settings, queue_settings(hub_id, queue));
  PAVISE_TRY(change(
      "UPDATE service_messages SET lock_token = ?2, owner = ?3, lock_until = ?4 "
      "WHERE id = ?1",
      *oldest, out.lock_token, owner, clock_.now_ms() + std::int64_t{settings.lock_s} * 1000));
  PAVISE_TRY(query(
      "SELECT enqueued, body FROM service_messages WHERE id = ?1",
      [&](const Row& row) {
        out.enqueued_ms = row.integer(0);
        out.body_json = row.text(1);
      },
      *oldest));
  return std::optional(std::move(out));
}

Status SqliteTransaction::settle_service_message(const iothub::HubName& hub, ServiceQueue queue,
                                                 std::string_view lock_token,
                                                 Settlement settlement) {
  PAVISE_TRY_ASSIGN(const std::int64_t hub_id, hub_number(hub));
  PAVISE_TRY_ASSIGN(const auto found,
                    number("SELECT id FROM service_messages WHERE hub = ?1 AND queue = ?2 AND "
                           "lock_token = ?3 AND lock_until > ?4",
                           hub_id, column_of(queue), lock_token, clock_.now_ms()));
  if (!found) return kLockLost;
  if (settlement == Settlement::abandon) {
    Released ignored;
    return end_service_messages(std::span(&*found, 1), ignored);
  }
  PAVISE_TRY(change("DELETE FROM service_messages WHERE id = ?1", *found));
  return {};
}

}  // namespace pavise::hub::store
