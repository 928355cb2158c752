// The guardian without its sockets: bytes of clients and of the machine come in, bytes for them
// come out, and time is told. One request at a time is with the machine, each is asked for under a
// transaction id of our own, and none is sent twice.
//
//   client -> frame -> request -> rules, grants -> queue -> machine -> does it belong? -> client
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "samples/modbus_guardian/frame.h"
#include "samples/modbus_guardian/grants.h"
#include "samples/modbus_guardian/record.h"
#include "samples/modbus_guardian/rules.h"

namespace modbus_guardian {

inline constexpr std::size_t kClientsMax = 16;
inline constexpr std::size_t kClientsOfOneAddressMax = 4;
inline constexpr std::int64_t kIdleMs = 60'000;        // a client that asks nothing
inline constexpr std::int64_t kHalfFrameMs = 5000;     // from a frame's first byte to its last
inline constexpr std::int64_t kTakingAnswerMs = 5000;  // a client that does not read
inline constexpr std::int64_t kConnectMs = 5000;
inline constexpr std::int64_t kRetryMsMin = 500, kRetryMsMax = 30'000;
// A connection that held so long is not blamed for its end: many machines close idle ones.
inline constexpr std::int64_t kCalmLinkMs = 10'000;
inline constexpr int kSilencesMax = 3;  // answers that did not come in a row, then connect anew
inline constexpr int kUnaskedMax = 16;  // frames of the machine that nobody waits for, likewise

struct Now {
  std::int64_t steady_ms = 0;  // never goes back
  std::int64_t unix_s = 0;     // for grants
};

// Not thread-safe.
class Guardian {
 public:
  using ClientId = std::uint32_t;

  // `grants` and `record` outlive it.
  Guardian(const Rules& rules, Grants& grants, Record& record);

  // Nothing: close the connection at once.
  std::optional<ClientId> client_came(Ipv4 address, Now now);
  void client_left(ClientId id);
  // How many bytes client_said() takes now. 0: leave them to the kernel, an answer comes first.
  std::size_t room_for(ClientId id) const;
  void client_said(ClientId id, ByteView bytes, Now now);
  ByteView for_client(ClientId id) const;  // to be sent
  void client_took(ClientId id, std::size_t bytes, Now now);
  bool finished_with(ClientId id) const;  // close it, and say that it left

  bool wants_machine(Now now) const;  // begin to connect
  void machine_called(Now now);       // it is being connected
  void machine_came(Now now);
  void machine_left(std::string_view why, Now now);
  std::size_t room_for_machine() const { return from_machine_.room(); }
  void machine_said(ByteView bytes, Now now);
  ByteView for_machine() const { return to_machine_; }
  void machine_took(std::size_t bytes);
  bool finished_with_machine() const { return link_ == Link::failed; }  // close it, likewise

  void time_passed(Now now);
  // When time_passed() or wants_machine() has something to do.
  std::int64_t wakes_at_ms() const;

 private:
  struct Client {
    Ipv4 address = 0;
    FrameBuffer in;
    Bytes out;
    bool waits = false;  // a request of it is queued or with the machine
    bool finished = false;
    std::int64_t deadline_ms = 0;  // unless it waits
  };
  struct Asked {
    ClientId client = 0;
    std::uint16_t transaction = 0;  // the client's
    Request request;
    std::int64_t deadline_ms = 0;
    std::uint16_t own_transaction = 0;
  };
  enum class Link { down, calling, up, failed };

  void serve(ClientId id, Client& client, Now now);
  void take_request(ClientId id, Client& client, const Frame& frame, Now now);
  std::optional<Exception> refuse(const Request& request, Ipv4 client, Now now);
  void note_refusal(Ipv4 client, std::uint8_t unit, std::uint8_t function, std::string_view reason,
                    std::string_view detail, Now now);
  void answer(ClientId id, std::uint16_t transaction, std::uint8_t unit, Bytes pdu, Now now);
  void answer(const Asked& asked, Bytes pdu, Now now);
  void ask_next(Now now);
  void take_answer(const Frame& frame, Now now);
  void note_machine(std::string_view what, std::string_view detail, Now now);
  void fail_link(Now now);
  void await_frame(Client& client, Now now);

  const Rules rules_;
  Grants& grants_;
  Record& record_;
  std::map<ClientId, Client> clients_;
  ClientId last_client_ = 0;

  Link link_ = Link::down;
  FrameBuffer from_machine_;
  Bytes to_machine_;
  std::deque<Asked> queue_;
  std::optional<Asked> with_machine_;
  std::uint16_t last_transaction_ = 0;
  std::int64_t link_deadline_ms_ = 0;  // calling: gives up; down: next call
  std::int64_t link_came_ms_ = 0;
  std::int64_t retry_ms_ = kRetryMsMin;
  int silences_ = 0;
  int unasked_ = 0;
};

}  // namespace modbus_guardian
