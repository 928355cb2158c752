// What the session of a service asks of the hub, and what it hears: messages to devices, feedback,
// and the telemetry read-out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cloud/hub/ports/device_port.h"

namespace pavise::hub {

enum class FeedbackWanted { none, positive, negative, full };

struct MessageToDevice {
  std::string device;
  std::string module_id = {};
  std::string properties;     // encoded property bag, system properties as "$.mid" and so on
  UnixMillis expires_ms = 0;  // 0: the hub's default
  FeedbackWanted feedback = FeedbackWanted::none;
  Bytes payload;
};

// A batch of feedback records, or one file notification, as the JSON that services read.
struct ServiceMessage {
  std::string lock_token;
  UnixMillis enqueued_ms = 0;
  std::string body_json;
};
enum class ServiceQueue { feedback, file_notifications };

// Telemetry is read by partition (a hash of the device id) and position in the log.
inline constexpr unsigned kPartitionsMax = 32;  // of one hub
struct PartitionInfo {
  std::uint64_t first_offset = 0;  // oldest that is kept
  std::uint64_t next_offset = 0;   // where the next record will stand, or later
  std::uint64_t last_offset = 0;   // newest record of the partition
  UnixMillis last_enqueued_ms = 0;
  bool empty = true;
};
struct EventQuery {
  unsigned partition = 0;
  std::uint64_t from = 0;  // first offset wanted
  std::size_t records_max = 100;
  std::size_t bytes_max = 256UL * 1024;
};
struct EventPage {
  std::vector<Record> records;
  std::uint64_t next = 0;  // where to read on, whether or not there were records
  bool at_end = false;     // nothing more is durable now
};

enum class PartitionGrant {
  granted,
  epoch_reads,       // a reader with an epoch, or with a higher one, reads already
  too_many_readers,  // without an epoch, of one consumer group
};

class ServicePort {
 public:
  virtual ~ServicePort() = default;

  // Answered by MessageSent. Errors: no such device, queue full, too large.
  virtual void send_message(const iothub::HubName& hub, MessageToDevice message, Token token) = 0;

  // Answered by ServiceMessageOffered; when there is none, ServiceMessageWaiting comes once there
  // is one.
  virtual void next_service_message(const iothub::HubName& hub, ServiceQueue queue,
                                    Token token) = 0;
  virtual void settle_service_message(const iothub::HubName& hub, ServiceQueue queue,
                                      const std::string& lock_token, Settlement settlement,
                                      Token token) = 0;  // answered by MessageSettled

  virtual unsigned partition_count(const iothub::HubName& hub) = 0;
  virtual UnixMillis created_ms(const iothub::HubName& hub) = 0;
  // Answered by PartitionDescribed.
  virtual void describe_partition(const iothub::HubName& hub, unsigned partition, Token token) = 0;
  // First offset at or after a time. Answered by OffsetFound.
  virtual void find_offset(const iothub::HubName& hub, unsigned partition, UnixMillis at_or_after,
                           Token token) = 0;
  // Answered by EventsRead: when `at_end` is set, EventsArrived comes once there is more.
  virtual void read_events(const iothub::HubName& hub, const EventQuery& query, Token token) = 0;
  // A reader with an epoch displaces those with a lower one, and those without: they hear
  // ReaderDisplaced.
  virtual PartitionGrant claim_partition(const iothub::HubName& hub,
                                         const std::string& consumer_group, unsigned partition,
                                         std::optional<std::int64_t> epoch, Token reader) = 0;
  virtual void release_partition(const iothub::HubName& hub, const std::string& consumer_group,
                                 unsigned partition, Token reader) = 0;
};

struct MessageSent {
  Token token;
  Status outcome;
};
struct ServiceMessageWaiting {
  iothub::HubName hub;
  ServiceQueue queue;
};
struct ServiceMessageOffered {
  Token token;
  Result<std::optional<ServiceMessage>> message;
};
struct PartitionDescribed {
  Token token;
  Result<PartitionInfo> info;
};
struct OffsetFound {
  Token token;
  Result<std::uint64_t> offset;
};
struct EventsRead {
  Token token;
  Result<EventPage> page;
};
struct EventsArrived {};
struct ReaderDisplaced {
  Token reader;
};

}  // namespace pavise::hub
