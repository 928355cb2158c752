// What the session of a device or module asks of the hub, and what it hears.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cloud/hub/ports/principal.h"
#include "cloud/hub/segment_log/record.h"
#include "common/base/bytes.h"

namespace pavise::hub {

// Chosen by the session, unique among its own requests; comes back with the answer.
using Token = std::uint32_t;

// What a session serves for an identity.
enum class Channel : std::uint8_t { telemetry = 1, messages = 2, methods = 4, twin = 8 };
using Channels = std::uint8_t;
inline constexpr Channels kAllChannels = 15;

// After an answer that says "later", a session asks again for a waiting message after so long:
// nobody else would tell it.
inline constexpr std::int64_t kAskAgainMs = 1'000;

// A cloud-to-device message on its way to a device.
struct DeviceMessage {
  std::string lock_token;  // UUID text; names this delivery
  std::uint64_t sequence_number = 0;
  UnixMillis enqueued_ms = 0;
  std::uint32_t delivery_count = 0;  // earlier deliveries that were abandoned
  std::string properties;            // encoded property bag, system properties as "$.mid" and so on
  Bytes payload;
};
enum class Settlement { complete, abandon, reject };

struct TwinRequest {
  enum class Kind { get, merge_reported };
  Kind kind = Kind::get;
  std::string patch_json = {};
  std::optional<std::uint64_t> if_version = {};
};
struct TwinReply {
  std::string body;           // of get: the device's view of the twin
  std::uint64_t version = 0;  // of merge_reported: the new version of the section
};

struct MethodReply {
  int status = 0;
  std::string payload_json;  // "null" where the device sent nothing
};

class DevicePort {
 public:
  virtual ~DevicePort() = default;

  // From memory; does not block. Errors PV-AUT, PV-SAS, PV-HUB say why in words; the client is only
  // told that it is not authorised.
  virtual Result<Principal> authenticate(const Claim& claim) = 0;

  // This session serves `channels` of the identity from now on, besides those that it serves
  // already. One session serves an identity at a time: an older one hears ChannelLost.
  // Precondition: the principal of this identity was authenticated here.
  virtual void attach(const Principal& principal, Channels channels) = 0;
  virtual void detach(const iothub::Identity& identity, Channels channels) = 0;
  // This session serves the identity no longer, and goes on with others.
  virtual void leave(const iothub::Identity& identity) = 0;

  // A client was told of an error under this tracking id: for the hub's log. `device` as far as it
  // is known.
  virtual void note_refusal(std::string_view device, std::string_view tracking_id,
                            const Error& why) {
    (void)device, (void)tracking_id, (void)why;
  }

  // Queues a record for the event log and returns its number; on_durable() names it later. Any
  // error ends the session.
  virtual Result<std::uint64_t> append(const RecordView& record) = 0;

  // Answered by TwinAnswered.
  virtual void ask_twin(const iothub::Identity& identity, TwinRequest request, Token token) = 0;

  // The answer to MethodCalled, or why there is none; an unknown or late call is ignored.
  virtual void answer_method(std::uint64_t call, Result<MethodReply> reply) = 0;

  // Locks the oldest waiting message. Answered by MessageOffered; when there is none,
  // MessageWaiting comes once there is one.
  virtual void next_message(const iothub::Identity& identity, Token token) = 0;
  // Answered by MessageSettled. Locks that are never settled end after a minute and count as
  // abandoned; those of this session when it ends.
  virtual void settle_message(const iothub::Identity& identity, const std::string& lock_token,
                              Settlement settlement, Token token) = 0;

  // Subscriptions of a persistent MQTT session (a set of iothub::Subscription); nullopt: none.
  virtual std::optional<std::uint8_t> load_subscriptions(const iothub::Identity& identity) = 0;
  virtual void store_subscriptions(const iothub::Identity& identity,
                                   std::optional<std::uint8_t> subscriptions) = 0;
};

// --- What the session hears ----------------------------------------------------------------------

struct TwinAnswered {
  Token token;
  Result<TwinReply> reply;
};
struct DesiredChanged {
  iothub::Identity identity;
  std::uint64_t version;
  std::shared_ptr<const std::string> body;  // the patch with $version
};
struct MethodCalled {
  iothub::Identity identity;
  std::uint64_t call;  // for answer_method()
  std::string name;
  std::string payload_json;  // empty: none was given
};
struct MessageWaiting {
  iothub::Identity identity;
};
struct MessageOffered {
  Token token;
  Result<std::optional<DeviceMessage>> message;
};
struct MessageSettled {
  Token token;
  Status outcome;
};
// Another session serves the identity now, or it lost its rights (`reason` says which).
struct ChannelLost {
  iothub::Identity identity;
  Error reason;
};

}  // namespace pavise::hub
