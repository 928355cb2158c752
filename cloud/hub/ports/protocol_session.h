// What the transport loop needs of a session, whatever protocol it speaks.
#pragma once

#include <optional>
#include <variant>

#include "cloud/hub/ports/device_port.h"
#include "cloud/hub/ports/gatekeeper.h"
#include "cloud/hub/ports/http_port.h"
#include "cloud/hub/ports/service_port.h"

namespace pavise::hub {

struct SessionNow {
  std::int64_t steady_ms = 0;
  UnixMillis wall_ms = 0;
};

using SessionEvent =
    std::variant<TwinAnswered, DesiredChanged, MethodCalled, MessageWaiting, MessageOffered,
                 MessageSettled, ChannelLost, MessageSent, ServiceMessageWaiting,
                 ServiceMessageOffered, PartitionDescribed, OffsetFound, EventsRead, EventsArrived,
                 ReaderDisplaced, HttpAnswered>;

// A state machine without I/O: bytes, time and events go in; what is to be sent is appended to
// `out`. Not thread-safe; never blocks.
class ProtocolSession {
 public:
  virtual ~ProtocolSession() = default;

  virtual void on_bytes(ByteView bytes, SessionNow now, Bytes& out) = 0;
  // Records below this number are on disk.
  virtual void on_durable(std::uint64_t number_end, Bytes& out) = 0;
  // Records in [begin, end) are lost: the session ends if the client waits for one of them.
  virtual void on_not_stored(std::uint64_t begin, std::uint64_t end, Bytes& out) = 0;
  virtual void on_event(SessionEvent& event, SessionNow now, Bytes& out) = 0;
  virtual void on_time(SessionNow now, Bytes& out) = 0;

  // What these were granted ends. Only where an identity that proved itself here is concerned; a
  // session of one identity ends.
  virtual void on_rights_changed(const RightsChanged& change, SessionNow now, Bytes& out) {
    (void)now;
    close(change.reason, out);
  }

  // Ends the session for an outside reason. Idempotent: the first reason stays.
  virtual void close(Error reason, Bytes& out) = 0;
  // Set once the session has ended; what is in `out` is still to be sent, then the connection ends.
  virtual const std::optional<Error>& closed() const = 0;

  // False while too much of it waits for the disk, the store or the peer: stop reading.
  virtual bool wants_input() const = 0;
  // The peer does not take what was sent (or does again): what can wait is held back meanwhile.
  virtual void set_output_blocked(bool blocked, Bytes& out) { (void)blocked, (void)out; }
  // Steady time at which on_time() is due.
  virtual std::int64_t deadline_ms() const = 0;
  // False until a principal was accepted: such connections are few and short.
  virtual bool established() const = 0;
};

}  // namespace pavise::hub
