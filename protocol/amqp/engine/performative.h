// Performatives of AMQP 1.0 (part 2, 2.7), decoded and checked before the engine sees them.
#pragma once

#include <map>
#include <unordered_map>

#include "protocol/amqp/codec/frame.h"
#include "protocol/amqp/engine/errors.h"

namespace pavise::amqp {

inline constexpr std::size_t kSessionsMax = 1024;
// On one connection, over all its sessions: a gateway may speak for 1,000 devices with four links
// each.
inline constexpr std::size_t kLinksMax = 4096;
// Before the client has proved who it is. A pool of device clients begins a session for each device
// before its first token.
inline constexpr std::size_t kStrangerSessionsMax = 64;
inline constexpr std::size_t kStrangerLinksMax = 16;
inline constexpr std::size_t kLinkNameMax = 1024;
inline constexpr std::size_t kDeliveryTagMax = 32;  // part 2, 2.8.7

enum class PerformativeCode : std::uint8_t {
  open = 0x10,
  begin = 0x11,
  attach = 0x12,
  flow = 0x13,
  transfer = 0x14,
  disposition = 0x15,
  detach = 0x16,
  end = 0x17,
  close = 0x18,
};

struct Performative {
  PerformativeCode code = PerformativeCode::open;
  List fields;
  ByteView payload;  // of a transfer

  // A field that is not there is null.
  const Value& field(std::size_t index) const;
  template <class T>
  const T* get(std::size_t index) const {
    return field(index).template as<T>();
  }

  // kBadPerformative and the errors of ValueReader.
  static Result<Performative> decode(ByteView body);
};

// What the client has opened. Says no to everything that the order of the protocol forbids, so that
// the engine behind it is never asked to bear it.
class ConnectionGuard {
 public:
  // kOutOfOrder, kTooManySessions, kTooManyLinks, kBadPerformative.
  Status check(std::uint16_t channel, const Performative& performative);
  void admit() { admitted_ = true; }  // the client is no stranger any more
  bool opened() const { return opened_; }
  bool closed() const { return closed_; }

 private:
  struct Handle {
    bool client_sends = false;
    bool within_message = false;  // more transfers of the same delivery follow
  };
  using Handles = std::unordered_map<std::uint32_t, Handle>;

  std::size_t sessions_max() const { return admitted_ ? kSessionsMax : kStrangerSessionsMax; }
  std::size_t links_max() const { return admitted_ ? kLinksMax : kStrangerLinksMax; }
  Status check_attach(Handles& handles, const Performative& attach);
  static Status check_transfer(Handles& handles, const Performative& transfer);

  std::unordered_map<std::uint16_t, Handles> channels_;
  std::size_t links_ = 0;
  bool admitted_ = false;
  bool opened_ = false;
  bool closed_ = false;
};

}  // namespace pavise::amqp
