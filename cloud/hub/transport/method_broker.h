// Direct methods on their way: who was called, who waits for the answer, until when.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "cloud/hub/transport/connection_table.h"
#include "common/base/clock.h"

namespace pavise::hub {

// Limits of IoT Hub: seconds a call may wait for its device and for its answer.
inline constexpr std::int64_t kMethodTimeoutMaxMs = 300'000;
inline constexpr std::size_t kMethodPayloadMax = 128UL * 1024;
// Calls under way in all.
inline constexpr std::size_t kMethodCallsUnderWayMax = 20'000;

inline constexpr ErrorInfo kMethodTimedOut{"PV-HUB-028", Retry::later,
                                           "the device did not answer the method in time",
                                           "Try again, or call with a longer response timeout."};
inline constexpr ErrorInfo kTooManyMethodCalls{
    "PV-HUB-029", Retry::later, "too many method calls are under way", "Try again later."};
inline constexpr ErrorInfo kMethodPayloadTooLarge{"PV-HUB-030", Retry::never,
                                                  "a method's payload or answer exceeds 128 KiB",
                                                  "Send large data by file upload or telemetry."};
inline constexpr ErrorInfo kDeviceWentAway{"PV-HUB-031", Retry::later,
                                           "the device disconnected during the method call",
                                           "Try again when it is online."};

struct MethodInvocation {
  iothub::Identity identity;
  std::string name;
  std::string payload_json;             // empty: none
  std::int64_t connect_timeout_ms = 0;  // how long to wait for an absent device
  std::int64_t response_timeout_ms = 30'000;
};

// Thread-safe. Callers of expire() own time.
class MethodBroker {
 public:
  using Done = std::function<void(Result<MethodReply>)>;
  // Hands a call to a connection; called with no lock held, from any thread.
  using Send = std::function<void(ConnectionRef, MethodCalled)>;

  // Called with no lock held when expire() is due earlier than it last said.
  using Wake = std::function<void()>;

  MethodBroker(const Clock& clock, const ConnectionTable& table, Send send, Wake wake = {});

  // `done` is called exactly once, from any thread; it must not block. kDeviceNotListening,
  // kMethodTimedOut, kDeviceWentAway, kTooManyMethodCalls, kMethodPayloadTooLarge.
  void invoke(MethodInvocation invocation, Done done);
  // An answer of `from`; calls that were given to another connection are not its to answer.
  void answer(std::uint64_t call, ConnectionRef from, Result<MethodReply> reply);
  // The identity began to listen for methods.
  void on_listening(const iothub::Identity& identity, ConnectionRef connection);
  // Ends the calls that it was given; of one identity, if that only left it.
  void on_connection_ended(ConnectionRef connection, const iothub::Identity* left = nullptr);
  // Ends what is due. Returns when to call again, in steady time; INT64_MAX: when something comes.
  std::int64_t expire();
  std::size_t waiting() const;  // calls under way
  // Also refuses every later call with it.
  void end_all(const Error& reason);

 private:
  struct Call {
    MethodInvocation invocation;
    Done done;
    std::optional<ConnectionRef> sent_to;  // nullopt: waits for the device
    std::int64_t deadline_ms = 0;
  };
  using Calls = std::unordered_map<std::uint64_t, Call>;

  // True if expire() is due earlier now.
  bool set_deadline(std::uint64_t number, Call& call, std::int64_t deadline_ms);
  Done take(Calls::iterator at);  // with mutex_ held

  const Clock& clock_;
  const ConnectionTable& table_;
  const Send send_;
  const Wake wake_;
  mutable std::mutex mutex_;
  Calls calls_;
  std::multimap<std::int64_t, std::uint64_t> deadlines_;
  std::unordered_multimap<iothub::Identity, std::uint64_t> waiting_;
  std::uint64_t next_call_ = 1;
  std::optional<Error> closed_;
};

}  // namespace pavise::hub
