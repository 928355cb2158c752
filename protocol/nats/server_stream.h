// What a NATS server sends, as values (docs.nats.io, "Client Protocol"). A state machine without
// I/O. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "protocol/nats/errors.h"

namespace pavise::nats {

inline constexpr std::size_t kLineMax = 64UL * 1024;     // INFO names every server of a cluster
inline constexpr std::size_t kPayloadMax = 64UL * 1024;  // we are sent acknowledgements only

struct Info {
  std::uint64_t max_payload = 1024UL * 1024;
  bool headers = false;
  bool tls_offered = false;  // required or available
};
struct Delivery {
  std::string subject{};
  Bytes payload{};
  int status = 0;  // of its header, 503: nobody took what was published; 0: none
};
struct Ping {};
struct Pong {};
struct Ok {};
struct Complaint {
  std::string text{};
};
using Event = std::variant<Info, Delivery, Ping, Pong, Ok, Complaint>;

class ServerStream {
 public:
  // Holds at most one line and one payload besides what was given at once.
  void feed(ByteView bytes) { append(buffer_, bytes); }
  // The next whole one; nullopt: more is needed. kBadServer, then for ever.
  Result<std::optional<Event>> next();
  // Nothing follows what next() has returned.
  bool drained() const { return at_ == buffer_.size(); }

 private:
  Result<std::optional<Event>> next_of_line(std::string_view line);
  Result<std::optional<Event>> begin_delivery(std::string_view arguments, bool with_header);

  struct Pending {
    std::string subject;
    std::size_t header = 0;
    std::size_t total = 0;
  };
  Result<std::optional<Event>> take_delivery(const Pending& pending);

  Bytes buffer_;
  std::size_t at_ = 0;  // of what was not returned yet
  bool broken_ = false;
  std::optional<Pending> pending_;
};

// JetStream's answer to a publication.
struct Ack {
  bool stored = false;
  bool duplicate = false;  // stored before
  int code = 0;            // of the error, like an HTTP status
  std::string text{};
};
Result<Ack> parse_ack(ByteView payload);  // kBadServer

}  // namespace pavise::nats
